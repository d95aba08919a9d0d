"""``audit.json``: what the probes found, beside the record of the audit; fields in docs/audit.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gsu_cli.audit.base import Case, Result
from gsu_cli.run.files import write_text

SCHEMA = 1
FILE = "audit.json"


def plain(result: Result) -> dict[str, Any]:
    """What a probe found, as it would be after a journey through JSON."""
    return dict(json.loads(json.dumps(asdict(result), allow_nan=False)))


def findings(
    case: Case, results: Mapping[str, dict[str, Any]], commands: Mapping[str, list[str]], notes: Sequence[str] = ()
) -> dict[str, Any]:
    """The audit as plain values: weights, images, seed, and each probe's numbers, curves and sentences.

    Args:
        case: what was audited.
        results: by probe, as `plain` gives them.
        commands: the words that made the run, and the audit.
        notes: what a reader of any number must know, as that "unseen" images were not.
    """
    return {
        "schema": SCHEMA,
        "commands": dict(commands),
        "seed": case.seed,
        "forget": case.split.words,
        "weights": {a.name: a.sha256 for a in [*case.models.values(), *case.references, *case.unlearned]},
        "images": {part: len(case.images(part)) for part in ("forgotten", "unseen")},
        "repeats": case.repeats,
        "notes": list(notes),
        "probes": dict(results),
    }


def write_findings(folder: Path, found: Mapping[str, Any]) -> Path:
    """Writes ``folder/audit.json`` atomically."""
    path = folder / FILE
    write_text(path, json.dumps(found, indent=1, allow_nan=False) + "\n")
    return path
