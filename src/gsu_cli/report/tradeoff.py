"""The trade-off of one run: what a judge still sees against what it cost, a point per budget.

Both axes are measured: samples that a judge counts, held-out images of the retain set. The retrained model is a star.
"""

from __future__ import annotations

from typing import NamedTuple

from gsu_cli.report.figures.chart import Axis, Chart, Figure, Series, heights
from gsu_cli.report.figures.chart import Point as Mark
from gsu_cli.report.figures.scales import Scale
from gsu_cli.report.figures.ticks import changes, percent
from gsu_cli.report.numbers import change
from gsu_cli.report.quantities import of_point
from gsu_cli.report.roles import claim, claim_words, claims, cost, cost_words, leading
from gsu_cli.run.record import Measurement, Record
from gsu_cli.run.signed import signed


class Point(NamedTuple):
    """Relative increase of the cost (0.01 is 1 %); feature ratio with its 95 % interval."""

    increase: float
    ratio: float
    low: float
    high: float


def tradeoff(record: Record, judge: str | None) -> tuple[list[Point], Point | None]:
    """A point per entry of ``record.curve``, and the retrained model's where there is one.

    Entries whose cost or ratio could not be measured are left out.
    """
    before = cost(record, "original")

    def point(cost: Measurement | None, ratio: Measurement | None) -> Point | None:
        increase = change(before, cost)
        if increase is None or ratio is None or ratio.value is None:
            return None
        low, high = (ratio.value if end is None else end for end in (ratio.low, ratio.high))
        return Point(increase.value, ratio.value, low, high)

    found, seen = [], leading(record, "forgetting") or ""
    for entry in record.curve:
        rows = of_point(entry)
        paid = None if before is None else rows.get((before.name, None))
        found.append(point(paid, rows.get((seen, judge))))
    retrained = point(cost(record, "retrained"), claim(record, "retrained", judge))
    return [p for p in found if p is not None], retrained


def tradeoff_figure(record: Record) -> Figure:
    """The points of each judge, joined, between the original and the retrained model."""
    judges = [m.judge for m in claims(record, "original")]
    found = {judge: tradeoff(record, judge) for judge in judges}
    everything = [p for points, star in found.values() for p in (*points, *([star] if star else []))]
    x = Scale.around("linear", [p.increase for p in everything])
    series: list[Series] = []
    for index, (judge, (points, retrained)) in enumerate(found.items()):
        title = f"{record.judge_label(judge)} judge"
        series.append(Series(title, index, [_mark(p, title) for p in points], joined=True))
        original = claim(record, "original", judge)
        if original is not None and original.value is not None:
            ends = [Mark(end, original.value, "") for end in (x.low, x.high)]
            series.append(Series(f"{title}, original", index, ends, sign="dotted"))
        if retrained is not None:
            name = f"{title}, retrained"
            series.append(Series(name, index, [_mark(retrained, name)], sign="star"))
    up = Scale.around("linear", heights(series))
    what, paid = claim_words(record), cost_words(record)
    chart = Chart(
        f"{record.update.get('method', '')}, a point per retain budget",
        f"{what} of {record.split.get('forget', '')} against the increase of the held-out {paid}.",
        Axis.of(x, f"increase of the held-out {paid}", changes),
        Axis.of(up, f"{what} of {record.split.get('forget', '')}", percent),
        series,
    )
    about = "Down is more forgotten, left is cheaper. Bars are 95 % intervals."
    return Figure("Trade-off", about, (chart,))


def _mark(p: Point, name: str) -> Mark:
    about = f"{name}: {p.ratio:.2%} ({p.low:.2%} to {p.high:.2%}) at {signed(p.increase, '.2%')}"
    return Mark(p.increase, p.ratio, about, y_span=(p.low, p.high))
