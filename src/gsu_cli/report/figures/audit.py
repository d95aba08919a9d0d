"""Figures of an audit: a figure a probe, a chart for each curve and each row of dots that it declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from typing import Any

from gsu_cli.report.figures.chart import REFERENCE, Axis, Chart, Figure, Point, Series, heights
from gsu_cli.report.figures.scales import Scale, kind_of
from gsu_cli.report.figures.ticks import percent, plain

MODELS = {"unlearned": 0, "retrained": 1, "original": 7}  # the colours of the three; what else is compared comes next
FURTHER = "further retrained"  # one name, and one colour, for "retrained 2", "retrained 3", ...
OTHERS = (2, 3, 4, 5, 6)
WIDEST = 20  # letters of a row's words, before they go on below
APART = 0.6  # of a row, shared by its marks
MOST_ROWS = 6  # of a chart
INTERVALS = "Bars are 95 % intervals."


def figures(found: Mapping[str, Any]) -> dict[str, Figure]:
    """By probe, of `audit.json`; probes without anything to draw are left out."""
    plotted = {}
    for name, probe in found["probes"].items():
        charts = [c for d in probe.get("dots", ()) for c in _dots(d)]
        charts += [_curve(name, c) for c in probe["curves"] if any(c["points"].values())]
        if charts:
            words = " ".join([*probe["sentences"], INTERVALS])
            plotted[name] = Figure(name.replace("_", " "), words, tuple(charts), tuple(_order(charts)))
    return plotted


def _order(charts: Iterable[Chart]) -> list[str]:
    """Names of the legend: the three models, what else there is, levels last."""
    every = [s for chart in charts for s in chart.series if s.name]
    return list(dict.fromkeys(s.name for s in sorted(every, key=lambda s: (s.sign == "dotted", s.name not in MODELS))))


def _curve(probe: str, curve: Mapping[str, Any]) -> Chart:
    name = curve.get("label") or curve["name"].removeprefix(f"{probe}_").replace("_", " ")
    title = f"{name} ({curve['judge']})" if curve["judge"] else name
    at = [p[0] for points in curve["points"].values() for p in points]
    kind = kind_of(at)
    write = percent if curve["unit"] == "share" else plain
    series = [
        Series(_named(model), _index(model, curve["points"]), _along(model, points, curve), joined=True)
        for model, points in curve["points"].items()
        if points
    ]
    y = Scale.around("linear", heights(series), changes=False)
    unit = "" if curve["unit"] in ("", "share") else f", {curve['unit']}"
    return Chart(
        title,
        f"{title} against {curve['along']}, a line a model.",
        Axis.of(Scale.around(kind, at, changes=False), curve["along"], plain),
        Axis.of(y, f"{name}{unit}", write),
        series,
    )


def _along(model: str, points: Sequence[Sequence[float]], curve: Mapping[str, Any]) -> list[Point]:
    found = []
    for at, value, low, high in points:
        span = None if low is None or high is None else (low, high)
        about = f"{model}, {curve['along']} {at:g}: {_said(value, span, curve['unit'])}"
        found.append(Point(at, value, about, y_span=span))
    return found


def _dots(dots: Mapping[str, Any]) -> list[Chart]:
    """Several, where the rows do not fit into one."""
    rows = list(dots["rows"].items())
    return [_rows(dots, dict(rows[i : i + MOST_ROWS])) for i in range(0, len(rows), MOST_ROWS)]


def _rows(dots: Mapping[str, Any], rows: Mapping[str, Mapping[str, Sequence[float]]]) -> Chart:
    y = Axis.of_names(["\n".join(wrap(words, WIDEST)) for words in rows])
    models = list(dict.fromkeys(model for spots in rows.values() for model in spots))
    points: dict[str, list[Point]] = {model: [] for model in models}
    for (place, _), (words, spots) in zip(y.ticks, rows.items(), strict=True):
        for k, (model, (value, low, high)) in enumerate(spots.items()):
            span = None if low is None or high is None else (low, high)
            at = place + APART * ((len(spots) - 1) / 2 - k) / max(len(spots), 3)
            points[model].append(Point(value, at, f"{model}, {words}: {_said(value, span, dots['unit'])}", x_span=span))
    series = [Series(_named(model), _index(model, models), points[model]) for model in models]
    level = [Series(words, REFERENCE, [Point(v, end, "") for end in (y.scale.low, y.scale.high)], sign="dotted")
             for words, v in dots["level"].items()]  # fmt: skip
    values = [v for s in (*series, *level) for p in s.points for v in (p.x, *(p.x_span or ()))]
    unit = "" if dots["unit"] == "share" else dots["unit"]
    scale = Scale.around("linear", values, changes=False)
    x = Axis.of(scale, unit, percent if dots["unit"] == "share" else plain)
    about = f"{dots['title']}{unit and f', {unit}'}: {', '.join(rows)}; a mark a model."
    return Chart(dots["title"], about, x, y, [*level, *series])


def _named(model: str) -> str:
    return FURTHER if model.startswith("retrained ") else model


def _index(model: str, models: Iterable[str]) -> int:
    """Of a model its own colour in every figure; of others in order; a floor is what they are compared with."""
    if model == "floor":
        return REFERENCE
    if model in MODELS:
        return MODELS[model]
    others = list(dict.fromkeys(_named(m) for m in models if m not in (*MODELS, "floor")))
    return OTHERS[others.index(_named(model)) % len(OTHERS)]


def _said(value: float, span: tuple[float, float] | None, unit: str) -> str:
    form = ".2%" if unit == "share" else ".4g"
    ends = f" ({span[0]:{form}} to {span[1]:{form}})" if span else ""
    return f"{value:{form}}{ends}" + (f" {unit}" if unit not in ("", "share") else "")
