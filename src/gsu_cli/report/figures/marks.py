"""Marks, lines and intervals of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gsu_cli.report.figures.chart import COLOURS, REFERENCE, Series
from gsu_cli.report.figures.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os^D"


def _colour(series: Series) -> str:
    return LIGHT["ink"] if series.index == REFERENCE else LIGHT[f"c{series.index % COLOURS}"]


def look(series: Series) -> dict[str, Any]:
    """The mark of a series."""
    if series.sign == "star":
        return {"marker": "*", "markersize": 13, "color": _colour(series), "markeredgecolor": LIGHT["paper"]}
    if series.index == REFERENCE:
        return {"marker": "x", "markersize": 9, "markeredgewidth": 2, "color": _colour(series)}
    marker = MARKERS[series.index // COLOURS % len(MARKERS)]
    return {"marker": marker, "markersize": 9, "color": _colour(series), "markeredgecolor": LIGHT["paper"]}


def line(axes: Axes, series: Series) -> None:
    """What joins the points, or stands for them."""
    x, y = [p.x for p in series.points], [p.y for p in series.points]
    if series.sign == "stairs":
        axes.plot(x, y, drawstyle="steps-post", color=LIGHT["muted"], linewidth=1.6, dashes=(2.5, 2))
    elif series.sign == "dotted":
        axes.plot(x, y, color=_colour(series), linewidth=1.4, dashes=(1, 2))
    elif series.joined and len(x) > 1:
        axes.plot(x, y, color=_colour(series), linewidth=1.6)


def spans(
    axes: Axes, series: Series, x: float, y: float, along: tuple[float, float] | None, up: tuple[float, float] | None
) -> None:
    """Intervals; the axes cut them off at the frame."""
    thin: dict[str, Any] = {"color": _colour(series), "linewidth": 1.2, "alpha": 0.6}
    if along:
        axes.plot(along, (y, y), **thin)
    if up:
        axes.plot((x, x), up, **thin)


def of_legend(axes: Axes, series: Series, x: float, y: float) -> None:
    """What stands for the series in a legend, around a place in points."""
    if series.sign == "dotted":
        axes.plot([x - 7, x + 7], [y, y], color=_colour(series), linewidth=1.4, dashes=(1, 2))
    else:
        axes.plot([x], [y], linestyle="none", **look(series))
