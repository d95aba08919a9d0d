"""Records without what no table needs: a JSON list, one record a line, small enough to keep beside the docs.

An entry is a `Record` with fewer fields. Entries written before they had a schema are read, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gsu_cli.errors import GsuError, unreadable
from gsu_cli.report.portable_paths import without_disk
from gsu_cli.report.same_weights import in_one_name
from gsu_cli.report.settings import PLACES
from gsu_cli.run.files import write_text
from gsu_cli.run.record import Record, record_of

MAKE = "Make one with `gsu report format=records`"
KEPT = ("verb", "schema", "status", "error", "command", "started", "config_hash", "seeds", "seconds", "versions")
DROPPED = ("dataset", "seed", "seeds", "paths", "logger", "hydra")  # of the config; a table needs all else
DETAILS = ("budget", "cost", "calibration", "own_drift", "target")  # of the update
JUDGE = ("name", "label", "sha256", "unavailable", "classes")  # of a judge, beside its trust report
NUMBER = ("value", "low", "high", "n", "reason")  # of an entry of a trust report
# words of a command: whose disk it was decides nothing
WHERE = ("paths.", "hydra.searchpath", "--config-dir=", "device=auto")
TRACE = ("trials", "ray")  # of the calibration: how its strength was looked for


def compact(record: Record) -> dict[str, Any]:
    """The entry of one record; failed runs stay, as failed."""
    whole = asdict(record)
    data = record.inputs.get("dataset", {})
    named = {"name": data.get("name") or (record.config.get("dataset") or {}).get("name")}
    dataset = {k: v for k, v in (record.config.get("dataset") or {}).items() if k not in PLACES and k[-4:] != "_dir"}
    details = {k: v for k, v in (record.update.get("details") or {}).items() if k in DETAILS}
    if isinstance(details.get("calibration"), Mapping):
        details["calibration"] = {k: v for k, v in details["calibration"].items() if k not in TRACE}
    command = [word for word in record.command if not word.strip("'").startswith(WHERE)]
    kept = {
        **{name: whole[name] for name in KEPT},
        "command": command,
        "config": {"dataset": {**dataset, **named}, **{k: v for k, v in record.config.items() if k not in DROPPED}},
        "inputs": {
            name: {k: facts[k] for k in ("name", "sha256", "making") if k in facts}
            for name, facts in record.inputs.items()
            if isinstance(facts, dict)
        },
        "outputs": {k: {"sha256": v["sha256"]} for k, v in record.outputs.items() if "sha256" in v},
        "split": {k: record.split[k] for k in ("forget", "slug", "target_attribute") if k in record.split},
        "update": {k: v for k, v in record.update.items() if k != "details"}
        | ({"details": details} if details else {}),
        "judges": [_trusted(judge) for judge in record.judges],
        "verdict": record.verdict,
        "measurements": whole["measurements"],
    }
    if record.git:
        kept["git"] = record.git
    if record.device:
        kept["device"] = record.device
    results = (record.config.get("paths") or {}).get("output_dir")
    return {name: without_disk(value, str(results or "")) for name, value in kept.items()}


def _trusted(judge: dict[str, Any]) -> dict[str, Any]:
    """What a claim rests on of a judge: which it was, why it is not there, or how often it was right."""
    report = judge.get("trust") or {}
    trust = {name: m and {k: m.get(k) for k in NUMBER} for name, m in report.items() if isinstance(m, Mapping | None)}
    kept = {k: judge[k] for k in JUDGE if k in judge}
    return {**kept, "trust": trust} if trust else kept


def write_compact(path: Path, records: Iterable[Record]) -> None:
    """Writes the list, atomically."""
    lines = [json.dumps(compact(record), separators=(",", ":"), allow_nan=False) for record in records]
    write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")


def read_compact(path: Path) -> list[Record]:
    """All records of a list.

    Raises:
        GsuError: not JSON, not a list, or an entry is no record.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except PermissionError as e:
        raise unreadable(path, e) from e
    except OSError as e:
        found = (e.strerror or str(e)).lower()
        raise GsuError(f"{path} must be a list of records", found=found, way_out=MAKE) from e
    except (ValueError, RecursionError) as e:
        raise GsuError(f"{path} must be readable JSON", found=str(e), way_out=MAKE) from e
    if not isinstance(entries, list):
        raise GsuError(f"{path} must hold a list of records", found=f"{entries!r:.40}", way_out=MAKE)
    return in_one_name([record_of(_whole(entry), path, MAKE) for entry in entries])


def _whole(entry: Any) -> Any:
    """An entry from before there was a schema, as a record; any other as it is."""
    if not isinstance(entry, dict) or "schema" in entry or "weights" not in entry:
        return entry
    kept = {k: v for k, v in entry.items() if k not in ("forget", "checkpoint", "method", "weights")}
    return {
        **kept,
        "verb": "unlearn",
        "schema": 1,
        "config": {"checkpoint": {"name": entry.get("checkpoint")}, "method": entry.get("method")},
        "split": {"forget": entry["forget"]} if entry.get("forget") else {},
        "outputs": {name: {"sha256": sha256} for name, sha256 in entry["weights"].items()},
    }
