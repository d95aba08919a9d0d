"""What a figure shows, as plain values: nothing here plots, and nothing imports a plotting library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

from gsu_cli.report.figures.scales import Scale

COLOURS = 8
REFERENCE = -1  # the index of what a series is compared with
Sign = Literal["mark", "star", "dotted", "stairs"]


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
    """Points of one colour and shape.

    Attributes:
        name: in the legend; a series without one is not in it.
        index: chooses colour and shape; `REFERENCE` is a cross.
        points: in the order in which they are joined.
        joined: by a line.
        sign: "mark" and "star" for points; "dotted" and "stairs" are lines through the points, without marks.
    """

    name: str
    index: int
    points: Sequence[Point]
    joined: bool = False
    sign: Sign = "mark"


def heights(series: Sequence[Series]) -> list[float]:
    """Where the marks of all lie along y, the ends of their intervals among them."""
    return [v for s in series for p in s.points for v in (p.y, *(p.y_span or ()))]


@dataclass(frozen=True)
class Axis:
    """A scale, what stands along it, and the ``(place, text)`` of its ticks."""

    scale: Scale
    title: str
    ticks: Sequence[tuple[float, str]]

    @classmethod
    def of(cls, scale: Scale, title: str, write: Callable[[Sequence[float]], Callable[[float], str]]) -> Self:
        """``write`` gives, for all ticks, how each is written."""
        places = scale.ticks()
        text = write(places)
        return cls(scale, title, [(place, text(place)) for place in places])

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Self:
        """Names from top to bottom: the first lies highest, at ``len(names) - 1``."""
        places = range(len(names) - 1, -1, -1)
        return cls(Scale("linear", -0.6, len(names) - 0.4), "", [*zip(map(float, places), names, strict=True)])


@dataclass(frozen=True)
class Chart:
    """Two axes and what lies between them; ``about`` is for those who do not see it."""

    title: str
    about: str
    x: Axis
    y: Axis
    series: Sequence[Series]


@dataclass(frozen=True)
class Figure:
    """Charts side by side under one heading, with one legend: sign, index and name of each series, once."""

    title: str
    about: str
    charts: tuple[Chart, ...]
    order: Sequence[str] = field(default=())  # of the legend; as they come where it is empty

    @property
    def legend(self) -> list[Series]:
        """A series of each name, for its sign and colour."""
        found: dict[str, Series] = {}
        for series in (s for chart in self.charts for s in chart.series):
            if series.name:
                found.setdefault(series.name, series)
        return [found[name] for name in [n for n in self.order if n in found] or found]
