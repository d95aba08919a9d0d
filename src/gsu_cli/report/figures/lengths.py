"""How wide text is on a canvas, and as much of it as has room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gsu_cli.report.figures.canvas import OWN

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


def length(canvas: Canvas, text: str, weight: str = "normal") -> float:
    """Points that a text is wide, by its longest line."""
    from matplotlib.font_manager import FontProperties

    agg: Any = canvas.canvas
    font = FontProperties(size=OWN["font.size"], weight=weight)
    measure = agg.get_renderer().get_text_width_height_descent
    return max(float(measure(line, font, False)[0]) for line in text.split("\n"))


def fitted(canvas: Canvas, text: str, room: float, weight: str = "normal") -> str:
    """The text, or its beginning where there is no room for all of it; what a chart is about says it whole."""
    if length(canvas, text, weight) <= room:
        return text
    while text and length(canvas, f"{text}...", weight) > room:
        text = text[:-1]
    return f"{text.rstrip()}..."
