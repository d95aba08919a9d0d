"""``record.json``: the single source of every table. Written and read here alone; fields in docs/record.md."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from gsu_cli.errors import GsuError
from gsu_cli.run.files import write_text

SCHEMA = 1
FILE = "record.json"
SubjectName = Literal["original", "unlearned", "retrained", "data"]


@dataclass(frozen=True)
class Measurement:
    """One number with what is needed to trust it.

    Attributes:
        name: "feature_ratio", ...
        subject: whose weights (or, for "data", which floor) it describes.
        value: None when it could not be computed; then ``reason`` says why.
        low, high: 95 % interval.
        n: images that it rests on.
        unit: "share", "nats/image", ...
        better: the direction that a practitioner wants, for arrows in tables; None where neither.
        judge: who decided, where a judge was needed.
        sha256: of the weights measured; None for real data.
    """

    name: str
    subject: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = ""
    better: Literal["lower", "higher"] | None = None
    judge: str | None = None
    sha256: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(f"{self.name}: exactly one of value and reason is needed")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.name}: a value is finite or null with a reason, not {self.value}")


@dataclass
class Record:
    """All that a run knows about itself; see docs/record.md for the meaning of each field."""

    verb: str
    schema: int = SCHEMA
    status: Literal["running", "done", "failed", "interrupted"] = "running"
    error: str | None = None
    command: list[str] = field(default_factory=list)
    started: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    config_hash: str = ""
    seeds: dict[str, int] = field(default_factory=dict)
    git: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_mb: float | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    update: dict[str, Any] = field(default_factory=dict)
    judges: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    def find(self, name: str, subject: str, judge: str | None = None) -> Measurement | None:
        """The measurement of that name, subject and judge, or None."""
        for m in self.measurements:
            if (m.name, m.subject, m.judge) == (name, subject, judge):
                return m
        return None


def write_record(folder: Path, record: Record) -> Path:
    """Writes ``folder/record.json`` atomically; nan and infinity are refused (they are not JSON)."""
    path = folder / FILE
    write_text(path, json.dumps(asdict(record), indent=1, allow_nan=False) + "\n")
    return path


def read_record(path: Path) -> Record:
    """Reads a record file or the record of a run folder.

    Raises:
        GsuError: missing, not JSON, foreign, or of a newer schema.
    """
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise GsuError("a run folder must hold a record.json", found=f"none at {path}", way_out="See `gsu show runs`")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise GsuError(f"{path} must be readable JSON", found=str(e)) from e
    known = {f.name for f in fields(Record)}
    if not isinstance(data, dict) or "verb" not in data or not isinstance(data.get("schema"), int):
        raise GsuError(f"{path} must be a record written by gsu", found="other JSON")
    if data["schema"] > SCHEMA:
        raise GsuError(f"{path} must have schema <= {SCHEMA}", found=data["schema"], way_out="Update gsu")
    try:
        measurements = [Measurement(**m) for m in data.pop("measurements", [])]
    except (TypeError, ValueError) as e:
        raise GsuError(f"{path} must hold whole measurements", found=str(e)) from e
    return Record(**{k: v for k, v in data.items() if k in known}, measurements=measurements)
