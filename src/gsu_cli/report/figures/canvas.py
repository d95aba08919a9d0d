"""A canvas without a window, in points, with our own settings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from gsu_cli.report.figures.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

POINTS_PER_INCH = 72
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
_set: ContextVar[bool] = ContextVar("set", default=False)


def _is_news(record: logging.LogRecord) -> bool:
    """All but that matplotlib lists the fonts, once a machine: a warning that asks for nothing is taken for a fault."""
    return "building the font cache" not in record.getMessage()


@contextmanager
def settings() -> Iterator[None]:
    """Matplotlib's settings for our figures, whatever the user's own say: the same input gives the same bytes.

    Text is text, also "$"; letters that the font does not have are the reader's to show. A block within a block finds
    them set.
    """
    logging.getLogger("matplotlib.font_manager").addFilter(_is_news)  # before the import, which lists the fonts
    import matplotlib

    if _set.get():
        yield
        return
    token = _set.set(True)
    try:
        with matplotlib.rc_context(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(OWN)
            yield
    finally:
        _set.reset(token)


def new(wide: float, high: float) -> Canvas:
    """A canvas of paper that can measure text."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(wide / POINTS_PER_INCH, high / POINTS_PER_INCH), dpi=POINTS_PER_INCH)
    FigureCanvasAgg(canvas)
    canvas.patch.set_facecolor(LIGHT["paper"])
    return canvas


def place(canvas: Canvas, box: tuple[float, float, float, float]) -> Axes:
    """Axes at ``(left, bottom, width, height)`` in points."""
    wide, high = (inches * POINTS_PER_INCH for inches in canvas.get_size_inches())
    left, bottom, across, up = box
    return canvas.add_axes((left / wide, bottom / high, across / wide, up / high))


def blank(canvas: Canvas, box: tuple[float, float, float, float]) -> Axes:
    """Axes without anything to see, a unit a point."""
    axes = place(canvas, box)
    axes.set_axis_off()
    axes.set(xlim=(0, box[2]), ylim=(0, box[3]))
    return axes
