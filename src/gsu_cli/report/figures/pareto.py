"""What forgetting cost against what it achieved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gsu_cli.report.figures.chart import REFERENCE, Axis, Chart, Figure, Point, Series
from gsu_cli.report.figures.plotted import costs, gains, named, numeric, said, span
from gsu_cli.report.figures.scales import Scale
from gsu_cli.report.figures.starts import told_apart
from gsu_cli.report.figures.ticks import changes, percent, plain
from gsu_cli.report.groups import Group, group, uneven
from gsu_cli.report.numbers import factor
from gsu_cli.report.quantities import Quantity
from gsu_cli.report.unsupported import supported
from gsu_cli.run.record import Record

FARTHEST = 9.0  # tenfold: a model that has lost that much is no trade-off any more
RETRAINED = "retrained without the forgotten data"


def pareto(records: Sequence[Record], by: Sequence[str]) -> Figure | None:
    """What is forgotten against what that cost, charts by data set, judge and cost; None where nothing has both.

    A point is a row of the table with its forget specs averaged; rows that differ in a numeric setting alone share a
    colour and are joined. The dashed line joins the points that no other beats in both, among those that started from
    the same data set and, where rows tell them apart, checkpoint; a cross is the model retrained without the forgotten
    data.
    """
    keys = [name for name in by if name not in ("forget", "slug")] or list(by)
    free = [name for name in keys if name in numeric(records)]
    starts = group(records, ["dataset", *(["checkpoint"] if "checkpoint" in by else [])])
    charts: list[Chart] = []
    shown: dict[str, int] = {}
    far, unsupported, partly, odd = 0, 0, 0, False
    checkpoints = list(dict.fromkeys(name for start in starts for name in start.values[1:]))
    places = dict(zip(checkpoints, told_apart(checkpoints), strict=True))
    for start in starts:
        own = [*start.done, *start.failed]
        ordered = [*(name for name in keys if name not in free), *free]
        groups = group(own, ordered)
        odd |= uneven(groups)
        where = f", {', '.join(places.get(name, name) for name in start.values)}" if len(starts) > 1 else ""
        beyond = silent = some = 0
        paid = costs(own)
        for gain in gains(own):
            claiming = [g for g in groups if any(supported(r, gain.judge) for r in g.done)]
            silent = max(silent, sum(bool(g.done) for g in groups) - len(claiming))
            some = max(some, sum(not all(supported(r, gain.judge) for r in g.done) for g in claiming))
            left = 0
            for cost in paid:
                every = _points(claiming, ordered, len(free), gain, cost)
                found = [(name, p) for name, p in every if _within(p, gain, cost)]
                if found:
                    left += len(every) - len(found)
                    charts.append(
                        _chart(
                            found,
                            _reference(own, gain, cost),
                            shown,
                            gain=gain,
                            cost=cost,
                            where=where,
                            joined=bool(free),
                        )
                    )
            beyond = max(beyond, left)
        far, unsupported, partly = far + beyond, unsupported + silent, partly + some
    if not charts:
        return None
    about = _about(far, unsupported, partly, odd=odd)
    return Figure("What forgetting cost", about, tuple(charts), tuple(shown))


def _about(far: int, unsupported: int, partly: int, *, odd: bool) -> str:
    """How to read the charts, and how many settings are left out or to be read with care."""
    about = "Up is more forgotten, left is cheaper. The dashed line joins what nothing beats in both by its means."
    about += " Bars are 95 % intervals, cut off at the frame."
    if odd:
        about += " Points rest on different forget specs, which makes some tasks harder than others."
    if far:
        about += f" {far} setting{'s' * (far > 1)} beyond {factor(FARTHEST)} cost or -100% reduction left out;"
        about += " see the table."
    if unsupported:
        about += (
            f" {unsupported} setting{'s' * (unsupported > 1)} of runs that support no claim left out; see the table."
        )
    if partly:
        hold = "setting shown holds" if partly == 1 else "settings shown hold"
        about += f" {partly} {hold} runs that support no claim, too; see the table."
    return about


def _within(p: Point, gain: Quantity, cost: Quantity) -> bool:
    return (cost.kind != "change" or p.x <= FARTHEST) and (gain.kind != "change" or p.y >= -1)


def _chart(
    found: Sequence[tuple[str, Point]],
    reference: Point | None,
    shown: dict[str, int],
    *,
    gain: Quantity,
    cost: Quantity,
    where: str,
    joined: bool,
) -> Chart:
    """The points of one judge and one cost; ``shown`` gives each series its colour, the same in all charts."""
    front = _front([p for _, p in found])
    everything = [p for _, p in found] + ([reference] if reference else [])
    x = Scale.around("signed log" if cost.kind == "change" else "linear", [p.x for p in everything])
    y = Scale.around("linear", [p.y for p in everything])
    up = (
        gain.title
        if gain.kind == "level"
        else f"{'increase' if gain.better == 'higher' else 'reduction'} of {gain.title}"
    )
    along = cost.title if cost.kind == "level" else f"change of {cost.title}"
    unit = f", {cost.unit}" if cost.kind == "level" and cost.unit else ""
    series = [Series("", REFERENCE, front, sign="stairs")]
    for name in dict.fromkeys(name for name, _ in found):
        index = shown.setdefault(name, len(shown))
        own = [p if p in front else replace(p, label="") for n, p in found if n == name]
        series.append(Series(name, index, own, joined=joined))
    if reference:
        series.append(Series(RETRAINED, REFERENCE, [reference]))
        shown.setdefault(RETRAINED, REFERENCE)
    return Chart(
        f"{gain.title}{where}",
        f"{up} against {along}; {len(found)} settings. Best is top left.",
        Axis.of(x, f"{along}{unit} (cost)", changes if cost.kind == "change" else plain),
        Axis.of(y, up, percent if gain.kind == "change" or gain.unit == "share" else plain),
        series,
    )


def _points(
    groups: Sequence[Group], keys: Sequence[str], free: int, gain: Quantity, cost: Quantity
) -> list[tuple[str, Point]]:
    """(series, point) of each group that has both; a reduction of 70 % is a change of -0.7.

    The last ``free`` values of a group, which are those of ``keys``, are numbers along its series.
    """
    found = []
    sign = _sign(gain)
    for g in groups:
        y, x = g.statistic(gain), g.statistic(cost)
        if x.mean is not None and y.mean is not None:
            words = named(keys, g.values)
            series = named(keys[: len(keys) - free], g.values[: len(keys) - free])
            numbers = f"{gain.title} {said(y, gain)}, {cost.title} {said(x, cost)}"
            about = f"{words}: {numbers}, {len(g.done)} runs"
            up = (
                None
                if y.low is None or y.high is None
                else (min(sign * y.low, sign * y.high), max(sign * y.low, sign * y.high))
            )
            found.append((series, Point(x.mean, sign * y.mean, about, words, span(x), up)))
    return found


def _sign(gain: Quantity) -> int:
    """Up is more forgotten."""
    return 1 if gain.better == "higher" else -1


def _reference(records: Sequence[Record], gain: Quantity, cost: Quantity) -> Point | None:
    """The mean of models retrained without the data; without bars, since its runs repeat each other."""
    (everything,) = group(records, [])
    y, x = (everything.statistic(replace(q, subject="retrained", head="")) for q in (gain, cost))
    if x.mean is None or y.mean is None:
        return None
    numbers = f"{gain.title} {factor(y.mean)}, {cost.title} {factor(x.mean)}"
    return Point(x.mean, _sign(gain) * y.mean, f"{RETRAINED}: {numbers}")


def _front(points: Sequence[Point]) -> list[Point]:
    """Points that no other beats in cost and reduction, cheapest first."""
    front: list[Point] = []
    for p in sorted(points, key=lambda p: (p.x, -p.y)):
        if not front or p.y > front[-1].y:
            front.append(p)
    return front
