"""How what was achieved and what it cost follow one setting of a method."""

from __future__ import annotations

from collections.abc import Sequence

from gsu_cli.report.figures.chart import Axis, Chart, Figure, Point, Series
from gsu_cli.report.figures.plotted import costs, gains, named, number, numeric, said, span
from gsu_cli.report.figures.scales import Kind, Scale, kind_of
from gsu_cli.report.figures.ticks import changes, plain
from gsu_cli.report.groups import Group, Statistic, group
from gsu_cli.report.keys import checkpoints, varied
from gsu_cli.report.numbers import factor
from gsu_cli.report.quantities import Quantity
from gsu_cli.report.unsupported import supported
from gsu_cli.run.record import Record

HIGHEST = 99.0  # a hundredfold: beyond it weights have diverged, and one point would flatten all others


def sweeps(records: Sequence[Record]) -> list[Figure]:
    """For each numeric setting of a method that varies: the changes along it, a line per method and other settings."""
    return [figure for name in numeric(records) if (figure := _sweep(records, name)) is not None]


def _sweep(records: Sequence[Record], name: str) -> Figure | None:
    lines = _lines(records, name)
    values = [x for points in lines.values() for x, _ in points]
    if not values:
        return None
    x_kind = kind_of(values)
    charts: list[Chart] = []
    far = 0
    unsupported: set[tuple[str, float]] = set()
    for quantity in [*gains(records), *costs(records)]:
        series = []
        for i, (label, points) in enumerate(lines.items()):
            stats = [(x, g.statistic(quantity)) for x, g in points]
            marks = [
                _along(x, s, name, quantity)
                for x, s in stats
                if s.mean is not None and (s.mean <= HIGHEST or quantity.kind != "change")
            ]
            if quantity.judge:
                unsupported |= {(label, x) for x, g in points if g.done and not _supported(g, quantity)}
            far += sum(s.mean is not None and s.mean > HIGHEST for _, s in stats if quantity.kind == "change")
            if marks:
                series.append(Series(label, i, marks, joined=True))
        if series:
            charts.append(_chart(series, name, x_kind, quantity))
    if not charts:
        return None
    about = "Relative changes from the original weights."
    if any(p.y_span is not None for chart in charts for s in chart.series for p in s.points):
        about += " Bars are 95 % intervals, cut off at the frame."
    if n := len(unsupported):
        about += f" {n} setting{'s' * (n > 1)} of runs that support no claim {'are' if n > 1 else 'is'} among them;"
        about += " see the table."
    if far:
        about += f" {far} point{'s' * (far > 1)} beyond {factor(HIGHEST)} left out; see the table."
    return Figure(f"Along {name}", about, tuple(charts), tuple(lines))


def _lines(records: Sequence[Record], name: str) -> dict[str, list[tuple[float, Group]]]:
    """Of each line of the figure its label and its points, in order of the setting; one point is no line."""
    outer = ["dataset"] if len(group(records, ["dataset"])) > 1 else []
    keys = [*outer, *checkpoints(records), "method", *(k for k in varied(records) if k != name)]
    lines: dict[str, list[tuple[float, Group]]] = {}
    for g in group(records, [*keys, name]):
        x = number(g.values[-1])
        if x is not None:
            label = named(keys, g.values[:-1])
            lines.setdefault(label, []).append((x, g))
    return {label: sorted(points, key=lambda p: p[0]) for label, points in lines.items() if len(points) > 1}


def _chart(series: list[Series], name: str, x_kind: Kind, quantity: Quantity) -> Chart:
    """One quantity along the setting ``name``."""
    said_of = "change from the original" if quantity.kind == "change" else "as measured"
    along = Scale.around(x_kind, [p.x for s in series for p in s.points], changes=False)
    up = Scale.around("signed log" if quantity.role == "cost" else "linear", [p.y for s in series for p in s.points])
    return Chart(
        quantity.title,
        f"{quantity.title}, {said_of}, against {name}.",
        Axis.of(along, name, plain),
        Axis.of(up, quantity.kind, changes if quantity.kind == "change" else plain),
        series,
    )


def _supported(g: Group, quantity: Quantity) -> bool:
    return any(supported(r, quantity.judge) for r in g.done)


def _along(x: float, s: Statistic, name: str, quantity: Quantity) -> Point:
    assert s.mean is not None  # noqa: S101  # the caller asked
    return Point(x, s.mean, f"{name} {x:g}: {said(s, quantity)}", y_span=span(s))
