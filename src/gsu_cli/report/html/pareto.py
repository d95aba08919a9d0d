"""What forgetting cost against what it achieved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from gsu_cli.report.aggregate import Group, group, uneven
from gsu_cli.report.html.figure import COST, Figure, judges, legend, numeric, percent, said, span, tick
from gsu_cli.report.html.scales import Scale
from gsu_cli.report.html.svg import Chart, Point, Series
from gsu_cli.report.keys import ABSENT
from gsu_cli.report.marks import supported
from gsu_cli.report.numbers import factor
from gsu_cli.report.quantities import JUDGES, Quantity, cut
from gsu_cli.run.record import Record

FARTHEST = 9.0  # tenfold: a model that has lost that much is no trade-off any more
RETRAINED = "retrained without the forgotten data"


def pareto(records: Sequence[Record], by: Sequence[str]) -> Figure | None:
    """The cut of the feature ratio against the retain -ELBO, charts by data set and judge; None where nothing has both.

    A point is a row of the table with its forget specs averaged; rows that differ in a numeric setting alone share a
    colour and are joined. The dashed line joins the points that no other beats in both, among those that started from
    the same data set and, where rows tell them apart, checkpoint; a cross is the model retrained without the forgotten
    data.
    """
    keys = [name for name in by if name not in ("forget", "slug")] or list(by)
    free = [name for name in keys if name in numeric(records)]
    starts = group(records, ["dataset", *(["checkpoint"] if "checkpoint" in by else [])])
    charts: list[Markup] = []
    shown: dict[str, int] = {}
    far, unsupported, odd = 0, 0, False
    for start in starts:
        own = [*start.done, *start.failed]
        groups = group(own, [*(name for name in keys if name not in free), *free])
        odd |= uneven(groups)
        where = f", {', '.join(start.values)}" if len(starts) > 1 else ""
        beyond = silent = 0
        for judge in judges(own):
            claiming = [g for g in groups if any(supported(r, judge) for r in g.done)]
            silent = max(silent, sum(bool(g.done) for g in groups) - len(claiming))
            every = _points(claiming, len(free), cut(judge), COST)
            found = [(name, p) for name, p in every if p.x <= FARTHEST and p.y >= -1]
            if found:
                beyond = max(beyond, len(every) - len(found))
                title = f"judge: {JUDGES.get(judge, judge)}{where}"
                chart = _chart(title, found, _reference(own, judge), shown, joined=bool(free))
                charts.append(chart.svg(f"pareto-{len(charts)}"))
        far, unsupported = far + beyond, unsupported + silent
    if not charts:
        return None
    about = "Up is more forgotten, left is cheaper. The dashed line joins what nothing beats in both."
    about += " Bars are 95 % intervals, cut off at the frame."
    if odd:
        about += " Points rest on different forget specs, which makes some tasks harder than others."
    if far:
        about += f" {far} setting{'s' * (far > 1)} beyond {factor(FARTHEST)} cost or -100% cut left out; see the table."
    if unsupported:
        about += (
            f" {unsupported} setting{'s' * (unsupported > 1)} of runs that support no claim left out; see the table."
        )
    return Figure("What forgetting cost", about, tuple(charts), legend(shown))


def _chart(
    title: str, found: Sequence[tuple[str, Point]], reference: Point | None, shown: dict[str, int], *, joined: bool
) -> Chart:
    """One judge's points; ``shown`` gives each series its colour, the same in all charts."""
    front = _front([p for _, p in found])
    everything = [p for _, p in found] + ([reference] if reference else [])
    y = Scale.around("linear", [p.y for p in everything])
    chart = Chart(
        title,
        f"Cut of the feature ratio against change of the retain -ELBO; {len(found)} settings. Best is top left.",
        Scale.around("signed log", [p.x for p in everything]),
        y,
        "change of retain -ELBO (cost)",
        "cut of the feature ratio",
        tick,
        percent(y.ticks()),
    )
    chart.line(_stairs(front), "front")
    for name in dict.fromkeys(name for name, _ in found):
        index = shown.setdefault(name, len(shown))
        own = [p if p in front else replace(p, label="") for n, p in found if n == name]
        chart.series(Series(name, index, own, joined=joined))
    if reference:
        chart.series(Series(RETRAINED, -1, [reference]))
        shown.setdefault(RETRAINED, -1)
    return chart


def _points(groups: Sequence[Group], free: int, gain: Quantity, cost: Quantity) -> list[tuple[str, Point]]:
    """(series, point) of each group that has both; a cut of 70 % is a change of -0.7.

    The last ``free`` values of a group are numbers along its series.
    """
    found = []
    for g in groups:
        y, x = g.statistic(gain), g.statistic(cost)
        if x.mean is not None and y.mean is not None:
            values = [v for v in g.values if v != ABSENT]
            series = " ".join(v for v in g.values[: len(g.values) - free] if v != ABSENT)
            about = f"{', '.join(values)}: ratio {said(y, gain)}, retain -ELBO {said(x, cost)}, {len(g.done)} runs"
            up = None if y.low is None or y.high is None else (-y.high, -y.low)
            found.append((series, Point(x.mean, -y.mean, about, " ".join(values), span(x), up)))
    return found


def _reference(records: Sequence[Record], judge: str) -> Point | None:
    """The mean retrained twin; without bars, since its runs repeat each other."""
    (everything,) = group(records, [])
    gain, cost = cut(judge, "retrained"), Quantity("change", COST.name, None, "retrained")
    y, x = everything.statistic(gain), everything.statistic(cost)
    if x.mean is None or y.mean is None:
        return None
    return Point(x.mean, -y.mean, f"{RETRAINED}: ratio {factor(y.mean)}, retain -ELBO {factor(x.mean)}")


def _front(points: Sequence[Point]) -> list[Point]:
    """Points that no other beats in cost and cut, cheapest first."""
    front: list[Point] = []
    for p in sorted(points, key=lambda p: (p.x, -p.y)):
        if not front or p.y > front[-1].y:
            front.append(p)
    return front


def _stairs(front: Sequence[Point]) -> list[tuple[float, float]]:
    corners: list[tuple[float, float]] = []
    for p in front:
        if corners:
            corners.append((p.x, corners[-1][1]))
        corners.append((p.x, p.y))
    return corners
