"""Two runs field by field: what was chosen, what they were made with and from, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gsu_cli.report.keys import as_text
from gsu_cli.report.numbers import Change, Shift, digits, moved
from gsu_cli.report.roles import titles
from gsu_cli.report.table import Cell, Column, Table
from gsu_cli.run.record import Measurement, Record

NOT_COMPARED = ("paths", "hydra")  # where things lie
NOTE = (
    "apart: the 95 % intervals do not touch. Runs that share seeds share latents and held-out images, "
    "so that far smaller differences can be real"
)


def compare(a: Record, b: Record) -> list[Table]:
    """Tables of the differences, and of all measurements side by side."""
    return [
        table for table in (_settings(a, b), _provenance(a, b), _files(a, b), _measured(a, b), _spent(a, b)) if table
    ]


def _settings(a: Record, b: Record) -> Table:
    ours, theirs = (
        dict(_flat({"verb": r.verb, "seeds": r.seeds, **{k: v for k, v in r.config.items() if k not in NOT_COMPARED}}))
        for r in (a, b)
    )
    return _differences("Settings", "setting", ours, theirs, "no setting differs")


def _provenance(a: Record, b: Record) -> Table:
    ours, theirs = (
        dict(_flat({"status": r.status, "error": r.error, "versions": r.versions, "git": r.git, "device": r.device}))
        for r in (a, b)
    )
    return _differences("Made with", "what", ours, theirs, "same versions, commit and machine")


def _files(a: Record, b: Record) -> Table | None:
    """Bytes in and out, by their sha256."""
    columns = (Column("file", form="text"), *(Column(n, form="text") for n in ("A", "B", "")))
    rows = []
    for kind in ("inputs", "outputs"):
        ours, theirs = (
            {k: v["sha256"] for k, v in getattr(r, kind).items() if isinstance(v.get("sha256"), str)} for r in (a, b)
        )
        for name in dict.fromkeys([*ours, *theirs]):
            left, right = ours.get(name), theirs.get(name)
            said = "same" if left == right else "differs" if left and right else "in one alone"
            rows.append((Cell(f"{kind}: {name}"), *(Cell((v or "-")[:12]) for v in (left, right)), Cell(said)))
    return Table("Files, sha256", columns, tuple(rows)) if rows else None


def _measured(a: Record, b: Record) -> Table | None:
    ours, theirs = ({(m.name, m.judge, m.subject): m for m in r.measurements} for r in (a, b))
    called = {**titles(b.measurements, b), **titles(a.measurements, a)}
    rows = []
    for name, judge, subject in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get((name, judge, subject)), theirs.get((name, judge, subject))
        rows.append(
            (
                Cell(called[name, judge]),
                Cell(subject),
                _cell(one),
                _cell(other),
                _change(moved(one, other)),
                Cell(_touch(one, other), note=_of_others(one, other)),
            )
        )
    columns = (
        Column("quantity", form="text"),
        Column("of", form="text"),
        Column("A"),
        Column("B"),
        Column("from A to B", form="change"),
        Column("intervals", form="text"),
    )
    return Table("Measurements", columns, tuple(rows), (NOTE, *_unlike(a, b))) if rows else None


def _unlike(a: Record, b: Record) -> tuple[str, ...]:
    """That the runs answer two questions, where they do: on other data, or to forget something else."""
    data = [(r.inputs.get("dataset") or {}) for r in (a, b)]
    parts = []
    if None not in (sums := [d.get("sha256") for d in data]) and sums[0] != sums[1]:
        names = dict.fromkeys(str(d.get("name")) for d in data)
        parts.append(f"they saw other data ({' and '.join(names)})")
    if None not in (asked := [r.split.get("forget") for r in (a, b)]) and asked[0] != asked[1]:
        parts.append(f"they forget {asked[0]} and {asked[1]}")
    return (f"{', and '.join(parts)}: a change from A to B is no difference between methods",) if parts else ()


def _spent(a: Record, b: Record) -> Table | None:
    columns = (
        Column("stage", form="text"),
        Column("A", unit="s", form="seconds"),
        Column("B", unit="s", form="seconds"),
    )
    rows = [
        (
            Cell(name),
            *(Cell(value=v) if v is not None else Cell("-") for v in (a.seconds.get(name), b.seconds.get(name))),
        )
        for name in dict.fromkeys([*a.seconds, *b.seconds])
    ]
    return Table("Wall time", columns, tuple(rows)) if rows else None


def _differences(title: str, head: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], none: str) -> Table:
    names = [n for n in dict.fromkeys([*ours, *theirs]) if ours.get(n, "-") != theirs.get(n, "-")]
    rows = tuple((Cell(n), *(Cell(as_text(side.get(n, "-")) or '""') for side in (ours, theirs))) for n in names)
    columns = (Column(head, form="text"), Column("A", form="text"), Column("B", form="text"))
    return Table(title, columns, rows, () if rows else (none,))


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner


def _cell(m: Measurement | None) -> Cell:
    if m is None or m.value is None:
        return Cell(note=f"not measured: {m.reason}" if m else "not measured in this run")
    return Cell(digits(m, interval=True), m.value, m.low, m.high, m.n)


def _change(found: Change | Shift | None) -> Cell:
    if found is None:
        return Cell(note="no change without two measurements")
    return Cell(str(found), note=found.why_of("A")) if isinstance(found, Shift) else Cell(value=found.value)


def _of_others(a: Measurement | None, b: Measurement | None) -> str:
    """That two numbers of the quality of samples are of unequally many: most depend on how many there are."""
    if a is None or b is None or a.role != "quality" or a.n == b.n or not (a.n and b.n):
        return ""
    return f"of {a.n:,} and of {b.n:,} images, which alone may set them apart"


def _touch(a: Measurement | None, b: Measurement | None) -> str:
    if a is None or b is None or a.low is None or a.high is None or b.low is None or b.high is None:
        return "-"
    if (a.value, a.sha256) == (b.value, b.sha256):
        return "same"
    return "overlap" if a.low <= b.high and b.low <= a.high else "apart"
