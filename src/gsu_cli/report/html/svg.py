"""A chart as inline SVG: axes, points, lines, intervals. Colours are classes, so that a style sheet can turn them dark.

Made here and not by a plotting library: the page stays small, follows the reader's colours, and its text is text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from gsu_cli.report.html.scales import Scale

WIDTH, HEIGHT = 390, 300  # units of the view box; text stays legible when a phone shrinks it to 360 pixels
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 26, 44
COLOURS = 8
SHAPES = (
    "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z",
    "M-4,-4H4V4H-4Z",
    "M0,-5.5L5,4H-5Z",
    "M0,-5.5L5.5,0L0,5.5L-5.5,0Z",
)


@dataclass(frozen=True)
class Point:
    """A mark with intervals where there are some; ``about`` shows when the pointer rests on it, ``label`` always."""

    x: float
    y: float
    about: str
    label: str = ""
    x_span: tuple[float, float] | None = None
    y_span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Series:
    """Points of one colour and shape; ``index`` chooses them, -1 stands for a reference."""

    name: str
    index: int
    points: Sequence[Point]
    joined: bool = False


def mark(index: int, x: float = 0.0, y: float = 0.0) -> Markup:
    """The mark of a series."""
    if index < 0:
        return Markup('<path class="ref" d="M-5,-5L5,5M-5,5L5,-5" transform="translate({:.1f},{:.1f})"/>').format(x, y)
    shape = SHAPES[index // COLOURS % len(SHAPES)]
    return Markup('<path class="c{}" d="{}" transform="translate({:.1f},{:.1f})"/>').format(
        index % COLOURS, shape, x, y
    )


@dataclass
class Chart:
    """A chart that holds what it is told; `svg` closes it.

    Args:
        title, about: what it shows, for those who see it and those who do not.
        x, y: axes.
        x_title, y_title: what stands along them.
        x_text, y_text: how their numbers are written.
    """

    title: str
    about: str
    x: Scale
    y: Scale
    x_title: str
    y_title: str
    x_text: Callable[[float], str]
    y_text: Callable[[float], str]
    _parts: list[Markup] = field(default_factory=list)
    _marks: list[tuple[float, float]] = field(default_factory=list)
    _labels: list[tuple[str, float, float]] = field(default_factory=list)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a pair of numbers lies in the view box."""
        across, up = (min(max(part, 0.0), 1.0) for part in (self.x.at(x), self.y.at(y)))  # intervals end at the frame
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """A line through points; ``kind`` is its class."""
        path = " ".join("{:.1f},{:.1f}".format(*self.place(x, y)) for x, y in points)
        self._parts.append(Markup('<polyline class="line {}" points="{}"/>').format(kind, path))

    def series(self, series: Series) -> None:
        """Marks, intervals, and the line that joins them."""
        colour = "ref" if series.index < 0 else f"c{series.index % COLOURS}"
        if series.joined and len(series.points) > 1:
            self.line([(p.x, p.y) for p in series.points], colour)
        for p in series.points:
            x, y = self.place(p.x, p.y)
            for low, high in [((v, p.y) for v in p.x_span)] if p.x_span else []:
                self.line([low, high], f"{colour} span")
            for low, high in [((p.x, v) for v in p.y_span)] if p.y_span else []:
                self.line([low, high], f"{colour} span")
            about = Markup("<g><title>{}</title>{}</g>").format(p.about, mark(series.index, x, y))
            self._parts.append(about)
            self._marks.append((x, y))
            if p.label:
                self._labels.append((p.label, x, y))

    def _named(self) -> list[Markup]:
        """Labels beside, above or below their points, where they hide no mark and no other label; else beside.

        One without room is left out; the legend and the pointer still tell.
        """
        word = Markup('<text class="label" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
        placed: list[tuple[float, float, float]] = []  # left end, middle, length
        found = []
        for text, x, y in self._labels:
            long = 6.5 * len(text)  # roughly, at 12 units a letter
            sides = [("start", x + 9, x + 9, y), ("end", x - 9, x - 9 - long, y)]
            sides += [("middle", x, x - long / 2, y + up) for up in (-13, 13)]
            sides = [s for s in sides if s[2] >= LEFT and s[2] + long < WIDTH]
            sides = [s for s in sides if not any(_touch((*s[2:], long), other) for other in placed)]
            free = [s for s in sides if not any(_touch((*s[2:], long), (a - 5, b, 10)) for a, b in self._marks)]
            for anchor, at, left, middle in (free or sides)[:1]:
                placed.append((left, middle, long))
                found.append(word.format(at, middle + 4, anchor, text))
        return found

    def svg(self, name: str) -> Markup:
        """The whole; ``name`` is unique within the page."""
        return Markup(
            '<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d">'
            '<title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}{}</svg>'
        ).format(
            WIDTH,
            HEIGHT,
            name,
            name,
            name,
            self.title,
            name,
            self.about,
            self._axes(),
            Markup("").join(self._parts + self._named()),
        )

    def _axes(self) -> Markup:
        right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
        rule = Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
        words = Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
        parts = [Markup('<text class="head" x="{}" y="16">{}</text>').format(LEFT, self.title)]
        for value in self.y.ticks():
            y = self.place(self.x.low, value)[1]
            parts += [rule.format("grid", LEFT, y, right, y), words.format(LEFT - 6, y + 4, "end", self.y_text(value))]
        for value in self.x.ticks():
            x = self.place(value, self.y.low)[0]
            parts += [rule.format("grid", x, TOP, x, floor), words.format(x, floor + 15, "middle", self.x_text(value))]
        parts.append(rule.format("axis", LEFT, floor, right, floor))
        side = Markup('<text class="tick" transform="translate(13,{:.1f}) rotate(-90)" text-anchor="middle">{}</text>')
        parts.append(words.format((LEFT + right) / 2, HEIGHT - 8, "middle", self.x_title))
        parts.append(side.format((TOP + floor) / 2, self.y_title))
        return Markup("").join(parts)


def _touch(a: tuple[float, float, float], b: tuple[float, float, float]) -> bool:
    """Whether two words, or a word and a mark, overlap: left end, middle, length of each."""
    return abs(a[1] - b[1]) < 13 and a[0] < b[0] + b[2] and b[0] < a[0] + a[2]
