"""How wide text is on a canvas of ours, and as much of it as has room."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from gsu_cli.report.figures.canvas import OWN, new


def length(text: str, weight: str = "normal") -> float:
    """Points that a text is wide, by its longest line; within `canvas.settings`."""
    return max(_of_line(line, weight) for line in text.split("\n"))


@lru_cache(maxsize=4096)  # charts of a page share most of their words and numbers
def _of_line(line: str, weight: str) -> float:
    from matplotlib.font_manager import FontProperties

    font = FontProperties(size=OWN["font.size"], weight=weight)
    return float(_renderer().get_text_width_height_descent(line, font, False)[0])


@cache
def _renderer() -> Any:
    """One that measures for all: how wide text is rests on its font and on points per inch, the same of each canvas."""
    agg: Any = new(1, 1).canvas
    return agg.get_renderer()


def fitted(text: str, room: float, weight: str = "normal") -> str:
    """The text, or its beginning where there is no room for all of it; what a chart is about says it whole."""
    if length(text, weight) <= room:
        return text
    while text and length(f"{text}...", weight) > room:
        text = text[:-1]
    return f"{text.rstrip()}..."
