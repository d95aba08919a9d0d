"""Charts drawn with matplotlib, on a canvas without a window. It is imported when something is drawn, not before."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gsu_cli.report.figures.chart import COLOURS, REFERENCE, Chart, Figure, Series
from gsu_cli.report.figures.labels import beside
from gsu_cli.report.figures.palette import LIGHT
from gsu_cli.report.figures.scales import KNEE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

WIDTH, HEIGHT = 390, 300  # points of a chart; text stays legible when a phone shrinks it to 360 pixels
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 26, 44
POINTS_PER_INCH = 72
LINE, LETTER = 18, 6.6  # points between two lines of the legend; of a letter, rather more than less
COLUMNS = 3  # charts in a row of a file
MARKERS = "os^D"
FONT = "DejaVu Sans"  # comes with matplotlib; wider than most, so what has room here has room in a browser
OWN: Any = {
    "svg.hashsalt": "gsu",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.family": [FONT],
    "font.size": 12,
    "path.simplify": False,
    "text.parse_math": False,
}
SCALES: dict[str, dict[str, Any]] = {
    "linear": {"value": "linear"},
    "log": {"value": "log"},
    "signed log": {"value": "asinh", "linear_width": KNEE},
}


@contextmanager
def settings() -> Iterator[None]:
    """Matplotlib's settings for our figures, whatever the user's own say: the same input gives the same bytes.

    Text is text, also "$"; letters that the font does not have are the reader's to show.
    """
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(OWN)
        yield


def one(chart: Chart) -> Canvas:
    """A chart alone, `WIDTH` by `HEIGHT`."""
    canvas = _canvas(WIDTH, HEIGHT)
    _chart(canvas, chart, 0, 0)
    return canvas


def whole(figure: Figure) -> Canvas:
    """All charts of a figure, its legend and its words below them, for a file of its own."""
    columns = min(COLUMNS, len(figure.charts))
    rows = -(-len(figure.charts) // columns)
    wide, charts_high = WIDTH * columns, HEIGHT * rows
    legend = figure.legend
    longest = max((len(s.name) for s in legend), default=1)
    across = max(1, min(len(legend) or 1, int(wide // (36 + LETTER * longest))))
    down = -(-len(legend) // across)
    words = [line for part in figure.about.split("\n") for line in wrap(part, int(wide / LETTER))]
    high = charts_high + LINE * (down + len(words) + 1)
    canvas = _canvas(wide, high)
    for i, chart in enumerate(figure.charts):
        _chart(canvas, chart, WIDTH * (i % columns), high - HEIGHT * (1 + i // columns))
    axes = _blank(canvas, (0, 0, wide, high - charts_high))
    for i, series in enumerate(legend):
        x, y = 16 + wide / across * (i // down), high - charts_high - LINE * (0.5 + i % down)
        _sign(axes, series, x, y)
        axes.text(x + 14, y, series.name, va="center", color=LIGHT["ink"])
    for i, line in enumerate(words):
        axes.text(12, LINE * (len(words) - i - 0.5), line, va="center", color=LIGHT["muted"])
    return canvas


def sign(series: Series) -> Canvas:
    """What stands for a series in a legend, 16 by 16."""
    canvas = _canvas(16, 16)
    _sign(_blank(canvas, (0, 0, 16, 16)), series, 8, 8)
    return canvas


def _canvas(wide: float, high: float) -> Canvas:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(wide / POINTS_PER_INCH, high / POINTS_PER_INCH), dpi=POINTS_PER_INCH)
    FigureCanvasAgg(canvas)
    canvas.patch.set_facecolor(LIGHT["paper"])
    return canvas


def _place(canvas: Canvas, box: tuple[float, float, float, float]) -> Axes:
    """Axes at ``(left, bottom, width, height)`` in points."""
    wide, high = (inches * POINTS_PER_INCH for inches in canvas.get_size_inches())
    left, bottom, across, up = box
    return canvas.add_axes((left / wide, bottom / high, across / wide, up / high))


def _blank(canvas: Canvas, box: tuple[float, float, float, float]) -> Axes:
    axes = _place(canvas, box)
    axes.set_axis_off()
    axes.set(xlim=(0, box[2]), ylim=(0, box[3]))
    return axes


def _chart(canvas: Canvas, chart: Chart, left: float, bottom: float) -> None:
    longest = max((_long(canvas, text) for _, text in chart.y.ticks), default=0.0)
    inset = max(LEFT, longest + (27 if chart.y.title else 10))
    axes = _place(canvas, (left + inset, bottom + BOTTOM, WIDTH - inset - RIGHT, HEIGHT - TOP - BOTTOM))
    _axes(axes, chart)
    axes.set_title(chart.title, loc="left", fontsize=12, fontweight="bold", color=LIGHT["ink"], pad=6)
    axes.set_xlabel(chart.x.title, color=LIGHT["muted"], labelpad=4)
    axes.set_ylabel(chart.y.title, color=LIGHT["muted"])
    axes.yaxis.set_label_coords(-(inset - 17) / (WIDTH - inset - RIGHT), 0.5)
    marks: list[tuple[float, float]] = []
    labels: list[tuple[str, tuple[float, float]]] = []
    about = 0
    for series in chart.series:
        _line(axes, series)
        for p in () if series.sign in ("dotted", "stairs") else series.points:
            _spans(axes, series, p.x, p.y, p.x_span, p.y_span)
            (drawn,) = axes.plot([p.x], [p.y], gid=f"about-{about}", clip_on=False, linestyle="none", **_look(series))
            drawn.set_zorder(3)
            about += 1
            marks.append((p.x, p.y))
            if p.label:
                labels.append((p.label, (p.x, p.y)))
    beside(axes, labels, marks)


def _long(canvas: Canvas, text: str) -> float:
    """Points that a text is wide."""
    from matplotlib.font_manager import FontProperties

    agg: Any = canvas.canvas
    wide, _, _ = agg.get_renderer().get_text_width_height_descent(text, FontProperties(size=OWN["font.size"]), False)
    return float(wide)


def _axes(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axes.set_xscale(**SCALES[chart.x.scale.kind])
    axes.set_yscale(**SCALES[chart.y.scale.kind])
    axes.set(xlim=(chart.x.scale.low, chart.x.scale.high), ylim=(chart.y.scale.low, chart.y.scale.high))
    for axis, drawn in ((chart.x, axes.xaxis), (chart.y, axes.yaxis)):
        drawn.set_major_locator(FixedLocator([place for place, _ in axis.ticks]))
        drawn.set_major_formatter(FixedFormatter([text for _, text in axis.ticks]))
        drawn.set_minor_locator(NullLocator())
    axes.tick_params(length=0, labelsize=12, labelcolor=LIGHT["muted"], pad=5)
    axes.grid(color=LIGHT["rule"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(LIGHT["muted"])


def _colour(series: Series) -> str:
    return LIGHT["ink"] if series.index == REFERENCE else LIGHT[f"c{series.index % COLOURS}"]


def _look(series: Series) -> dict[str, Any]:
    """The mark of a series."""
    if series.sign == "star":
        return {"marker": "*", "markersize": 13, "color": _colour(series), "markeredgecolor": LIGHT["paper"]}
    if series.index == REFERENCE:
        return {"marker": "x", "markersize": 9, "markeredgewidth": 2, "color": _colour(series)}
    marker = MARKERS[series.index // COLOURS % len(MARKERS)]
    return {"marker": marker, "markersize": 9, "color": _colour(series), "markeredgecolor": LIGHT["paper"]}


def _line(axes: Axes, series: Series) -> None:
    x, y = [p.x for p in series.points], [p.y for p in series.points]
    if series.sign == "stairs":
        axes.plot(x, y, drawstyle="steps-post", color=LIGHT["muted"], linewidth=1.6, dashes=(2.5, 2))
    elif series.sign == "dotted":
        axes.plot(x, y, color=_colour(series), linewidth=1.4, dashes=(1, 2))
    elif series.joined and len(x) > 1:
        axes.plot(x, y, color=_colour(series), linewidth=1.6)


def _spans(
    axes: Axes, series: Series, x: float, y: float, along: tuple[float, float] | None, up: tuple[float, float] | None
) -> None:
    """Intervals; the axes cut them off at the frame."""
    thin: dict[str, Any] = {"color": _colour(series), "linewidth": 1.2, "alpha": 0.6}
    if along:
        axes.plot(along, (y, y), **thin)
    if up:
        axes.plot((x, x), up, **thin)


def _sign(axes: Axes, series: Series, x: float, y: float) -> None:
    if series.sign == "dotted":
        axes.plot([x - 7, x + 7], [y, y], color=_colour(series), linewidth=1.4, dashes=(1, 2))
    else:
        axes.plot([x], [y], linestyle="none", **_look(series))
