"""Runs of one setting as a group: means with intervals, over seeds and over cells."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gsu_cli.report.keys import BUDGET, checkpoints, default_keys, key, natural, varied, when
from gsu_cli.report.memo import memoised, memoised_of_all
from gsu_cli.report.numbers import Shift
from gsu_cli.report.quantities import Quantity, Reading
from gsu_cli.report.settings import ADDED, chosen, data, settings, weights
from gsu_cli.report.sweep import labels
from gsu_cli.run.record import Record

ROUNDING = 2e-6  # of numbers that are one, as a share: images in another order are added up otherwise, in float32
SETTING = ("dataset", "checkpoint", "forget", "method")


@dataclass(frozen=True)
class Extreme:
    """The cell that did worst by a quantity, and what it is called."""

    value: float
    label: str


@dataclass(frozen=True)
class Statistic:
    """One quantity over one group.

    Attributes:
        mean: over cells; None where no run has the number.
        low, high: Student's 95 % interval of the mean; None where there is nothing to spread.
        n: runs that the mean rests on.
        cells: settings that it rests on.
        missing: per run that ended well without the number, the reason.
        worst: of several cells the one that did worst, where the quantity has a direction.
        shifts: differences of the runs whose original was near zero; they enter no mean of relative changes.
    """

    mean: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    cells: int = 0
    missing: tuple[str, ...] = ()
    worst: Extreme | None = None
    shifts: tuple[Shift, ...] = ()


@dataclass(frozen=True)
class Group:
    """Runs with the same values of the chosen keys.

    Attributes:
        values: of the keys, in their order.
        done: runs that ended well.
        failed: all others: failed, interrupted, or killed while running.
        inapplicable: of methods that do not apply to the model's family.
    """

    values: tuple[str, ...]
    done: tuple[Record, ...]
    failed: tuple[Record, ...]
    inapplicable: tuple[Record, ...] = ()

    def statistic(self, quantity: Quantity) -> Statistic:
        """Mean, interval, counts and worst cell of a quantity."""
        return _statistic(self.done, quantity)


@memoised_of_all
def _statistic(done: Iterable[Record], quantity: Quantity) -> Statistic:
    cells: dict[str, dict[str, tuple[Record, float]]] = {}
    missing: list[str] = []
    shifts: list[Shift] = []
    for record in done:
        reading: Reading = quantity.read(record)
        if reading.value is None:
            missing.append(reading.reason)
            shifts += [reading.shift] if reading.shift is not None else []
        else:
            # of two runs with the same seeds, one with more metrics say, the later counts: no second evidence
            cells.setdefault(setting(record), {})[_seeds(record)] = (record, reading.value)
    if not cells:
        return Statistic(None, missing=tuple(missing), shifts=tuple(shifts))
    means = [statistics.fmean(value for _, value in runs.values()) for runs in cells.values()]
    n = sum(map(len, cells.values()))
    spread = means if len(cells) > 1 else [value for runs in cells.values() for _, value in runs.values()]
    low, high = interval(spread)
    worst = None
    if quantity.better and len(cells) > 1:
        extreme = (max if quantity.better == "lower" else min)(range(len(means)), key=means.__getitem__)
        names = _names([next(iter(runs.values()))[0] for runs in cells.values()])
        worst = Extreme(means[extreme], names[extreme])
    return Statistic(statistics.fmean(means), low, high, n, len(cells), tuple(missing), worst, tuple(shifts))


def interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Student's 95 % interval of the mean of independent values; (None, None) for fewer than two, or where all are one.

    What no seed changes, or what stands at its end in each run (no sample of 10,000), says nothing of its own spread.

    >>> low, high = interval([1.0, 2.0, 3.0])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    >>> interval([-1.0, -1.0, -1.0])
    (None, None)
    """
    if len(values) < 2 or max(values) - min(values) <= ROUNDING * max(map(abs, values)):
        return None, None
    from scipy.special import stdtrit  # here: it takes a tenth of a second, and a run of one seed has no such interval

    half = float(stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return mean - half, mean + half


def distinct(records: Iterable[Record]) -> tuple[list[Record], int]:
    """One run of each setting and seeds: the latest that ended well, else the latest; and how many were left out.

    The same line on the same inputs gives the same numbers, so a second run is no second piece of evidence.
    """
    every = sorted(records, key=when)
    done = {_identity(r, inputs=True): r for r in every if r.status == "done"}
    settled = {_identity(r, inputs=False) for r in done.values()}
    # a run that ended early may not have noted its inputs
    others = {line: r for r in every if r.status != "done" and (line := _identity(r, inputs=False)) not in settled}
    kept = sorted([*done.values(), *others.values()], key=when)
    return kept, len(every) - len(kept)


def group(records: Iterable[Record], by: Sequence[str]) -> list[Group]:
    """Files records under the values of the keys ``by`` (see `gsu_cli.report.keys`), in natural order."""
    filed: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        filed.setdefault(tuple(key(record, name) for name in by), []).append(record)
    return [
        Group(
            values,
            tuple(r for r in runs if r.status == "done"),
            tuple(r for r in runs if r.status not in ("done", "n/a")),
            tuple(r for r in runs if r.status == "n/a"),
        )
        for values, runs in sorted(filed.items(), key=lambda pair: [natural(v) for v in pair[0]])
    ]


def mixed(records: Sequence[Record], by: Sequence[str]) -> list[str]:
    """What the rows average over that was chosen, not sampled: a reader must know, and may add it to ``by``."""
    told = [*checkpoints(records), *(["data"] if "dataset" not in by or "data" in default_keys(records) else [])]
    among = [name for name in ("dataset", *told, "method", *varied(records)) if name not in by]
    groups = group(records, by)
    blurred = [name for name in among if any(len({key(r, name) for r in (*g.done, *g.failed)}) > 1 for g in groups)]
    notes = [f"rows average over different {', '.join(blurred)}; add them to by= to keep them apart"] if blurred else []
    return [
        *notes,
        *(["rows rest on different forget specs; add forget to by= to compare like with like"] * uneven(groups)),
    ]


def uneven(groups: Sequence[Group]) -> bool:
    """Whether groups of several forget specs do not all have the same ones, so that their means are no fair match."""
    specs = [{key(r, "forget") for r in (*g.done, *g.failed)} for g in groups]
    return any(len(found) > 1 for found in specs) and any(found != specs[0] for found in specs)


@memoised
def setting(record: Record) -> str:
    """The cell that a run belongs to: everything that was chosen but the seeds; see `gsu_cli.report.settings`."""
    typed = [] if record.config.get("method") else [w for w in record.command if not w.startswith("seed")]
    names = [key(record, name) for name in ("dataset", "forget", "method", "slug", BUDGET)]
    made = weights(record) or key(record, "checkpoint")
    return json.dumps([*names, data(record), made, typed, chosen(record)], sort_keys=True, default=str)


@memoised
def _seeds(record: Record) -> str:
    """What seeds and which of several checkpoints of one setting; a run that does not say is one of its own."""
    if not record.seeds:
        return str(id(record))
    return json.dumps([record.seeds, (record.inputs.get("checkpoint") or {}).get("sha256")], sort_keys=True)


def _identity(record: Record, *, inputs: bool) -> str:
    """Setting and seeds of a run, what it measures besides and, if asked, the bytes it worked on."""
    if not record.config_hash:
        return json.dumps([record.command, setting(record), record.seeds], default=str)
    read = [v.get("sha256") for v in record.inputs.values()] if inputs else []
    if not record.config:
        return json.dumps([record.config_hash, read, record.seeds])
    found = settings(record.config)
    besides = [record.config.get(name) for name in ADDED]
    names = [key(record, name) for name in ("forget", "slug", "checkpoint")] if not read else [key(record, "slug")]
    return json.dumps([record.verb, found, besides, names, read, record.seeds], sort_keys=True, default=str)


def _names(records: Sequence[Record]) -> list[str]:
    """What tells these cells apart: the parts of a setting in which they differ, else what was typed differently."""
    differ = [name for name in SETTING if len({key(r, name) for r in records}) > 1]
    if differ:
        return [", ".join(key(r, name) for name in differ) for r in records]
    typed = [
        " ".join(w for w in words.split() if not w.startswith("seed") and "/" not in w) for words in labels(records)
    ]
    if len(set(typed)) == len(records):
        return typed
    told = varied(records)  # files, which fill a cell and say nothing, are told by what is in them
    return [
        " ".join(f"{name}={key(r, name)}" for name in told) or words for r, words in zip(records, typed, strict=True)
    ]
