"""``record.json``: the single source of every table. Written and read here alone; fields in docs/record.md."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from gsu_cli import errors
from gsu_cli.errors import GsuError, NonFiniteError, unreadable
from gsu_cli.run.few_images import remarked
from gsu_cli.run.files import write_text
from gsu_cli.run.schema import SCHEMA, check_schema, upgraded

FILE = "record.json"
FOLDERS = "Name the folder of a run; `gsu show runs` lists them"
COPY = "Copy the record again, or run its line again"
KINDS = {str: "text", int: "number", dict: "mapping", list: "list"}  # of fields, in words
Role = Literal["forgetting", "reach", "cost", "quality", "trust"]
Place = Literal["lead", "table", "aside", "record"]
Status = Literal["running", "done", "failed", "interrupted", "n/a"]
ROLES: tuple[Role, ...] = get_args(Role)
STATUSES: tuple[Status, ...] = get_args(Status)
PLACES: tuple[Place, ...] = get_args(Place)
SENTENCES = tuple(f"{k}: " for k, v in vars(errors).items() if isinstance(v, type) and issubclass(v, GsuError))
"""What an error that is a sentence of gsu begins with in a record."""


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
        change_low, change_high: 95 % interval of the relative change from the original's value, where image by image
            the two were paired; None elsewhere.
        role: what it is evidence of: "forgetting", "reach" of what was forgotten in other ways, "cost" to what was to
            stay, "quality" of the samples, or "trust" in the other numbers; None: of none of these.
        label: its head in tables and pictures; the name where empty.
        place: "lead": headline, fronts and the first columns (the claim of a run rests on the first measurement of
            forgetting and the first of cost that lead); "table": tables; "aside": a line below the closing table, and
            reports; "record": here alone.
        ruined_at: the model counts as ruined where it is so many times the original's, below 1 so small a share of
            it; None where it decides nothing.
        detail: what a reader needs beside the number, in words; of one in a table it stands below.
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
    change_low: float | None = None
    change_high: float | None = None
    role: Role | None = None
    label: str = ""
    place: Place = "table"
    ruined_at: float | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(f"{self.name}: exactly one of value and reason is needed")
        around = (self.low, self.high, self.change_low, self.change_high)
        for number in (self.value, *around):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{self.name}: a number is finite or null, not {number}")
        if self.value is None and any(end is not None for end in around):
            raise ValueError(f"{self.name}: there is no interval around a missing value")
        if self.role not in (*ROLES, None) or self.place not in PLACES:
            raise ValueError(f"{self.name}: role {self.role!r} and place {self.place!r} must be ones that there are")


@dataclass
class Record:
    """All that a run knows about itself; see docs/record.md for the meaning of each field."""

    verb: str
    schema: int = SCHEMA
    status: Status = "running"
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
    notes: list[str] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)
    update: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)
    judges: list[dict[str, Any]] = field(default_factory=list)
    transitions: dict[str, Any] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Why it did not end, as a reader is told: a sentence of gsu without the class that raised it; may be empty."""
        error = self.error or ""
        if self.status == "interrupted" and error:
            return f"stopped before its end{error.removeprefix('KeyboardInterrupt')}"
        return error.removeprefix(next((kind for kind in SENTENCES if error.startswith(kind)), ""))

    def judge_label(self, name: str | None) -> str:
        """What tables call a judge: its label, or its name; empty for none."""
        for judge in self.judges:
            if judge.get("name") == name:
                return str(judge.get("label") or name)
        return name or ""

    def judge_called(self, name: str) -> str:
        """What sentences call a judge (see `called`)."""
        return called(name, self.judge_label(name))

    def find(self, name: str, subject: str, judge: str | None = None) -> Measurement | None:
        """The measurement of that name, subject and judge, or None."""
        for m in self.measurements:
            if m.name == name and m.subject == subject and m.judge == judge:
                return m
        return None


def write_record(folder: Path, record: Record, *, nan_as_null: bool = False) -> Path:
    """Writes ``folder/record.json`` atomically.

    Args:
        folder: of the run.
        record: nan and infinity in it are not JSON and refused, but in ``config``, where they are what was typed and
            are written as words.
        nan_as_null: writes them as null; for runs that fail, whose record must say so whatever else it holds.

    Raises:
        NonFiniteError: a number is nan or infinite; the message says which.
    """
    path = folder / FILE
    data = {k: _finite(v, k, str if k == "config" else None, nan_as_null) for k, v in asdict(record).items()}
    write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")
    return path


def _finite(value: Any, where: str, word: type[str] | None, nan_as_null: bool) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v, f"{where}.{k}", word, nan_as_null) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v, f"{where}.{i}", word, nan_as_null) for i, v in enumerate(value)]
    if not isinstance(value, float) or math.isfinite(value):
        return value
    if word is not None:
        return word(value)
    if nan_as_null:
        return None
    raise NonFiniteError("the numbers of a record must be finite", found=f"{value} at `{where}`")


def read_record(path: Path) -> Record:
    """Reads a record file or the record of a run folder.

    Raises:
        GsuError: missing, not JSON, foreign, or of a newer schema. Unknown fields are ignored; a record of schema 1
            is read as one of schema 2.
    """
    try:
        path = path / FILE if path.is_dir() else path
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as e:
        rule = "a run folder must hold a record.json"
        raise GsuError(rule, found=f"none at {path}", way_out="See `gsu show runs`") from e
    except OSError as e:
        raise unreadable(path, e, way_out=FOLDERS) from e
    except UnicodeDecodeError as e:
        raise GsuError(f"{path} must be readable JSON", found="a file that is no text", way_out=FOLDERS) from e
    except (ValueError, RecursionError) as e:
        raise GsuError(f"{path} must be readable JSON", found=str(e), way_out=FOLDERS) from e
    return record_of(data, path)


def record_of(data: Any, path: Path, way_out: str = FOLDERS) -> Record:
    """A record from its JSON.

    Args:
        data: what was read.
        path: where it was read, for messages.
        way_out: where such a file is to be had.

    Raises:
        GsuError: foreign, or of a newer schema. Unknown fields are ignored.
    """
    lacks = [key for key in ("verb", "schema") if not isinstance(data, dict) or key not in data]
    if lacks:
        found = f"JSON without {' and '.join(map(repr, lacks))}"
        raise GsuError(f"{path} must be a record written by gsu", found=found, way_out=way_out)
    check_schema(data["schema"], SCHEMA, f"`schema` in {path}", way_out)
    data = upgraded(data)
    for name, blank in vars(Record("")).items():
        if blank is not None and not isinstance(data.get(name, blank), type(blank)):
            rule, found = f"`{name}` must be a {KINDS[type(blank)]} in {path}", repr(data[name])[:80]
            raise GsuError(rule, found=found, way_out=COPY)
    try:
        measurements = [Measurement(**_known(Measurement, m)) for m in remarked(data.pop("measurements", []))]
    except (AttributeError, OverflowError, TypeError, ValueError) as e:
        raise GsuError(f"{path} must hold whole measurements", found=str(e), way_out=COPY) from e
    if found := twice(measurements):
        raise GsuError(f"each number must stand once in {path}", found=found, way_out=COPY)
    return Record(**_known(Record, data), measurements=measurements)


def twice(measurements: Iterable[Measurement]) -> str:
    """The first number that stands twice, in words, of which tables would show one; empty where none does."""
    seen: set[str] = set()
    for m in measurements:
        number = repr((m.name, m.subject, m.judge))  # a damaged one may hold what has no hash
        if number in seen:
            return f"{m.name} of {m.subject}{f' by judge {m.judge}' if m.judge else ''} twice"
        seen.add(number)
    return ""


def _known(kind: type[Record | Measurement], data: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in data.items() if k in kind.__dataclass_fields__}


def called(name: str, label: str) -> str:
    """What a sentence calls a judge: its name, or its label where it stands in the place of another.

    >>> called("cnn", "CNN"), called("cnn", "Net")
    ('cnn', 'Net')
    """
    return name if label.lower() == name.lower() else label
