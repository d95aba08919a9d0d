"""Marks, lines and intervals of a series."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from gsu_cli.report.figures.chart import COLOURS, REFERENCE, Series
from gsu_cli.report.figures.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MARKERS = "os^D"
NO_LINE = {"linestyle": "none"}


def _colour(series: Series) -> str:
    return LIGHT["ink"] if series.index == REFERENCE else LIGHT[f"c{series.index % COLOURS}"]


def look(series: Series) -> dict[str, Any]:
    """The mark of a series, without a line."""
    if series.sign == "star":
        return {**NO_LINE, "marker": "*", "markersize": 13, "color": _colour(series), "markeredgecolor": LIGHT["paper"]}
    if series.index == REFERENCE:
        return {**NO_LINE, "marker": "x", "markersize": 9, "markeredgewidth": 2, "color": _colour(series)}
    marker = MARKERS[series.index // COLOURS % len(MARKERS)]
    return {**NO_LINE, "marker": marker, "markersize": 9, "color": _colour(series), "markeredgecolor": LIGHT["paper"]}


def line(axes: Axes, series: Series) -> None:
    """What joins the points, or stands for them."""
    x, y = [p.x for p in series.points], [p.y for p in series.points]
    if series.sign == "stairs":
        axes.plot(x, y, drawstyle="steps-post", color=LIGHT["muted"], linewidth=1.6, dashes=(2.5, 2))
    elif series.sign == "dotted":
        axes.plot(x, y, color=_colour(series), linewidth=1.4, dashes=(1, 2))
    elif series.joined and len(x) > 1:
        axes.plot(x, y, color=_colour(series), linewidth=1.6)


def spans(axes: Axes, series: Series) -> None:
    """Intervals, as one line with gaps, which the axes cut off at the frame: many lines take many times as long."""
    across: list[float] = []
    up: list[float] = []
    for p in series.points:
        if p.x_span:
            across += [*p.x_span, nan]
            up += [p.y, p.y, nan]
        if p.y_span:
            across += [p.x, p.x, nan]
            up += [*p.y_span, nan]
    if across:
        axes.plot(across, up, color=_colour(series), linewidth=1.2, alpha=0.6)


def of_legend(place: Axes | Canvas, series: Series, x: float, y: float, **more: Any) -> None:
    """What stands for the series in a legend, around a point of axes, or of a canvas with a transform."""
    from matplotlib.lines import Line2D

    if series.sign == "dotted":
        dots: dict[str, Any] = {"color": _colour(series), "linewidth": 1.4, "dashes": (1, 2)}
        place.add_artist(Line2D([x - 7, x + 7], [y, y], **dots, **more))
    else:
        place.add_artist(Line2D([x], [y], **look(series), **more))
