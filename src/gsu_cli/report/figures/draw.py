"""Charts by matplotlib, on a canvas without a window; it is imported when something is plotted, not before."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gsu_cli.report.figures.canvas import POINTS_PER_INCH, blank, new, place
from gsu_cli.report.figures.chart import Chart, Figure, Series
from gsu_cli.report.figures.labels import beside
from gsu_cli.report.figures.lengths import fitted, length
from gsu_cli.report.figures.marks import line, look, of_legend, spans
from gsu_cli.report.figures.palette import LIGHT
from gsu_cli.report.figures.scales import KNEE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

WIDTH, HEIGHT = 390, 300  # points of a chart; text stays legible when a phone shrinks it to 360 pixels
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 26, 44
LINE, LETTER = 18, 6.6  # points between two lines of the legend; of a letter, rather more than less
COLUMNS = 3  # charts in a row of a file
SCALES: dict[str, dict[str, Any]] = {
    "linear": {"value": "linear"},
    "log": {"value": "log"},
    "signed log": {"value": "asinh", "linear_width": KNEE},
}


def one(chart: Chart) -> Canvas:
    """A chart alone, `WIDTH` by `HEIGHT`."""
    canvas = new(WIDTH, HEIGHT)
    _chart(canvas, chart, 0, 0)
    return canvas


def sheet(figure: Figure) -> Canvas:
    """All charts of a figure, its legend and its words below them, for a file of its own."""
    columns = min(COLUMNS, len(figure.charts))
    rows = -(-len(figure.charts) // columns)
    wide, charts_high = WIDTH * columns, HEIGHT * rows
    legend = figure.legend
    longest = max((len(s.name) for s in legend), default=1)
    across = max(1, min(len(legend) or 1, int(wide // (36 + LETTER * longest))))
    down = -(-len(legend) // across)
    words = [text for part in figure.about.split("\n") for text in wrap(part, int(wide / LETTER))]
    high = charts_high + LINE * (down + len(words) + 1)
    canvas = new(wide, high)
    for i, chart in enumerate(figure.charts):
        _chart(canvas, chart, WIDTH * (i % columns), high - HEIGHT * (1 + i // columns))
    axes = blank(canvas, (0, 0, wide, high - charts_high))
    for i, series in enumerate(legend):
        x, y = 16 + wide / across * (i // down), high - charts_high - LINE * (0.5 + i % down)
        of_legend(axes, series, x, y)
        axes.text(x + 14, y, series.name, va="center", color=LIGHT["ink"])
    for i, text in enumerate(words):
        axes.text(12, LINE * (len(words) - i - 0.5), text, va="center", color=LIGHT["muted"])
    return canvas


def sign(series: Series) -> Canvas:
    """What stands for a series in a legend, 16 by 16."""
    from matplotlib.transforms import Affine2D

    canvas = new(16, 16)  # axes would take ten times as long as the sign
    of_legend(canvas, series, 8, 8, transform=Affine2D().scale(1 / POINTS_PER_INCH) + canvas.dpi_scale_trans)
    return canvas


def _chart(canvas: Canvas, chart: Chart, left: float, bottom: float) -> None:
    from matplotlib.lines import Line2D

    longest = max((length(text) for _, text in chart.y.ticks), default=0.0)
    inset = max(LEFT, longest + (27 if chart.y.title else 10))
    across, up = WIDTH - inset - RIGHT, HEIGHT - TOP - BOTTOM
    axes = place(canvas, (left + inset, bottom + BOTTOM, across, up))
    _axes(axes, chart)
    title = fitted(chart.title, across, "bold")
    ink: dict[str, Any] = {"fontsize": 12, "fontweight": "bold", "color": LIGHT["ink"]}
    axes.set_title(title, loc="left", y=1.0, pad=6, **ink)  # without y all labels are measured to place it
    axes.set_xlabel(fitted(chart.x.title, across), color=LIGHT["muted"], labelpad=4)
    axes.set_ylabel(fitted(chart.y.title, up + TOP), color=LIGHT["muted"])
    axes.yaxis.set_label_coords(-(inset - 17) / across, 0.5)
    marks: list[tuple[float, float]] = []
    labels: list[tuple[str, tuple[float, float]]] = []
    about = 0
    for series in chart.series:
        line(axes, series)
        if series.sign in ("dotted", "stairs"):
            continue
        spans(axes, series)
        for p in series.points:
            axes.add_artist(Line2D([p.x], [p.y], gid=f"about-{about}", clip_on=False, zorder=3, **look(series)))
            about += 1
            marks.append((p.x, p.y))
            if p.label:
                labels.append((p.label, (p.x, p.y)))
    beside(axes, labels, marks)


def _axes(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axes.set_xscale(**SCALES[chart.x.scale.kind])
    axes.set_yscale(**SCALES[chart.y.scale.kind])
    axes.set(xlim=(chart.x.scale.low, chart.x.scale.high), ylim=(chart.y.scale.low, chart.y.scale.high))
    for axis, own in ((chart.x, axes.xaxis), (chart.y, axes.yaxis)):
        own.set_major_locator(FixedLocator([at for at, _ in axis.ticks]))
        own.set_major_formatter(FixedFormatter([text for _, text in axis.ticks]))
        own.set_minor_locator(NullLocator())
    axes.tick_params(length=0, labelsize=12, labelcolor=LIGHT["muted"], pad=5)
    axes.grid(color=LIGHT["rule"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(LIGHT["muted"])
