"""Labels that keep off marks and off each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from gsu_cli.report.figures.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import BboxBase

Place = tuple[int, int, Literal["left", "right", "center"]]
SIDES: tuple[Place, ...] = (
    *((10, 0, "left"), (-10, 0, "right"), (0, 14, "center"), (0, -14, "center")),
    *((10, 12, "left"), (10, -12, "left"), (-10, 12, "right"), (-10, -12, "right")),
)  # fmt: skip
"""Where a label may stand: points from its mark, and the side at which it begins."""
MARK = 5  # points from the middle of a mark to its edge
ASIDE = 4  # points between a label and the next mark or label
BEYOND = 12  # points that a label may reach past the axes on the right


def beside(axes: Axes, labels: Sequence[tuple[str, tuple[float, float]]], marks: Sequence[tuple[float, float]]) -> None:
    """Writes labels beside, above or below their points, where they hide no mark and no other label.

    One without room is left out; the legend and the pointer still tell.

    Args:
        axes: with its limits set.
        labels: text and point, in data coordinates.
        marks: all that are plotted, in data coordinates.
    """
    from matplotlib.transforms import Bbox

    if not labels:
        return
    canvas: Any = axes.figure.canvas  # of Agg, which measures text
    renderer, room = canvas.get_renderer(), axes.bbox
    taken = [Bbox.from_extents(a - MARK, b - MARK, a + MARK, b + MARK) for a, b in axes.transData.transform(marks)]
    for text, at in labels:
        label = axes.annotate(text, at, SIDES[0][:2], textcoords="offset points", va="center", color=LIGHT["ink"])
        label.set_gid("label")
        for place in SIDES:
            _put(label, place)
            box = label.get_window_extent(renderer)
            across, up = room.x0 <= box.x0 and box.x1 <= room.x1 + BEYOND, room.y0 <= box.y0 and box.y1 <= room.y1
            if across and up and not _wider(box).count_overlaps(taken):
                taken.append(box)
                break
        else:
            label.remove()


def _put(label: Any, place: Place) -> None:
    label.set_position(place[:2])
    label.set_horizontalalignment(place[2])


def _wider(box: BboxBase) -> BboxBase:
    """With the distance to both sides, so that nobody takes it for the name of another mark."""
    return box.expanded(1 + 2 * ASIDE / max(box.width, 1.0), 1)
