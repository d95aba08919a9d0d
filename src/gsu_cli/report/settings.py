"""What was chosen of a run: everything in its config but seeds, places and who listened. No list of what counts.

Runs that agree in it are seeds of one setting. What the config only points to stands as what was found there: the data
set, weights and judges by digest, the forget spec as it was resolved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gsu_cli.report.memo import memoised
from gsu_cli.run.provenance import CODE, own_versions
from gsu_cli.run.record import Record

LEFT_OUT = ("seed", "seeds", "paths", "logger", "device", "hydra", "experiment")
"""Seeds; where things lie, who listens and what computes; an experiment is what it sets."""
ADDED = ("curve", "retrain", "tune", "metric")
"""What is measured besides: it adds numbers to a record and changes none. The options of a metric do, and count."""
SEARCHED = "searched"
RESOLVED = ("forget", "checkpoint")  # stand by what they led to
PLACES = ("path", "retrained", "download", "timeout", "name")


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys and values of a config without seeds, places and what stands by its digest."""
    kept = {k: v for k, v in config.items() if k not in (*LEFT_OUT, *ADDED, *RESOLVED)}
    flat = _flat({**kept, "metric": config.get("metric") or {}})
    flat.pop("dataset._target_", None)  # its digest stands for it
    if flat.get("precision") == "float32":
        del flat["precision"]  # records of before have none, and were float32
    return {k: v for k, v in flat.items() if not k.startswith("metric.") or not k.endswith("._target_")}


def is_free(name: str) -> bool:
    """Whether a run without this key chose something else by that; others lack what later versions of gsu added.

    >>> [is_free(name) for name in ("precision", "method.options.c", "method.lr", "judge.knn.k")]
    [True, True, False, False]
    """
    return name == "precision" or (name.startswith(("method.", "model.")) and name.count(".") > 1)


@memoised
def chosen(record: Record) -> dict[str, Any]:
    """`settings` of a run, the judges' weights, and the code of one's own."""
    found = settings(record.config)
    if (strength := searched(record)) in found:
        found[strength] = SEARCHED  # what the config says of it was not used
    for judge in record.judges:
        if judge.get("sha256"):
            found[f"judge.{judge.get('name')}.sha256"] = str(judge["sha256"])[:8]
    found |= {f"code.{top}": version.removeprefix(CODE) for top, version in own_versions(record.versions).items()}
    return found


def searched(record: Record) -> str:
    """Dotted key of the option whose value a search found, at each seed another; empty where none was searched for."""
    details = record.update.get("details")
    calibration = details.get("calibration") if isinstance(details, Mapping) else None
    option = calibration.get("option") if isinstance(calibration, Mapping) else None  # one's own may note what it likes
    return f"method.{option}" if isinstance(option, str) and option else ""


def data(record: Record) -> str | None:
    """Digest of the data set, its first digits; None where it was not noted."""
    return _short((record.inputs.get("dataset") or {}).get("sha256"))


def weights(record: Record) -> str | None:
    """What tells a checkpoint from others; the same for seeds of one architecture, recipe and data set.

    None where it was not noted.
    """
    facts = record.inputs.get("checkpoint") or {}
    return _short(facts.get("making") or facts.get("sha256"))


def making(about: Mapping[str, Any], architecture: Mapping[str, Any] | None) -> str | None:
    """Digest of how weights were trained but for the seed; None where their file does not say all of it."""
    facts = [about.get(name) for name in ("dataset_sha256", "recipe")]
    if None in facts or architecture is None or "method" in about or "imported" in about:
        return None
    without = [about.get(name) for name in ("forget", "forget_sha256", "interrupted_after_epoch")]
    text = json.dumps([*facts, architecture, *without], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def needed(
    records: Sequence[Record], of: Callable[[Record], str | None], by: Sequence[Callable[[Record], str]]
) -> bool:
    """Whether ``of`` tells runs apart that the keys ``by`` do not; runs of which it is not known tell nothing."""
    values: dict[tuple[str, ...], set[str]] = {}
    for record in records:
        if (value := of(record)) is not None:
            values.setdefault(tuple(key(record) for key in by), set()).add(value)
    return any(len(found) > 1 for found in values.values())


def _short(digest: object) -> str | None:
    return str(digest)[:8] if digest else None


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        if name in PLACES or name.endswith("_dir"):
            continue
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
