"""The trade-off of one run: what a judge still sees against what it cost, a point per budget.

Both axes are measured: samples that a judge counts, held-out images of the retain set. The retrained model is a star.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gsu_cli.report.numbers import change
from gsu_cli.report.roles import claim, claim_words, claims, cost, cost_words, leading
from gsu_cli.run.files import atomic
from gsu_cli.run.record import Measurement, Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple")


class Point(NamedTuple):
    """Relative increase of the cost (0.01 is 1 %); feature ratio with its 95 % interval."""

    increase: float
    ratio: float
    low: float
    high: float


def tradeoff(record: Record, judge: str | None) -> tuple[list[Point], Point | None]:
    """A point per entry of ``record.curve``, and the retrained model's where there is one.

    Entries whose cost or ratio could not be measured are left out.
    """
    before = cost(record, "original")

    def point(cost: Measurement | None, ratio: Measurement | None) -> Point | None:
        increase = change(before, cost)
        if increase is None or ratio is None or ratio.value is None:
            return None
        low, high = (ratio.value if end is None else end for end in (ratio.low, ratio.high))
        return Point(increase.value, ratio.value, low, high)

    found, seen = [], leading(record, "forgetting") or ""
    for entry in record.curve:
        rows = {(m["name"], m["judge"]): Measurement(**m) for m in entry["measurements"]}
        paid = None if before is None else rows.get((before.name, None))
        found.append(point(paid, rows.get((seen, judge))))
    retrained = point(cost(record, "retrained"), claim(record, "retrained", judge))
    return [p for p in found if p is not None], retrained


def draw_tradeoff(path: Path, record: Record) -> None:
    """Writes the plot; the ending says whether as PNG or SVG."""
    # a pixel canvas without pyplot: no window system is looked for, nothing global is left behind
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "gsu", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.add_subplot()
        judges = [m.judge for m in claims(record, "original")]
        for judge, colour in zip(judges, COLOURS, strict=False):
            _judge(axes, record, judge, colour)
        axes.set_xlabel(f"increase of the held-out {cost_words(record)}, %")
        axes.set_ylabel(f"{claim_words(record)} of {record.split.get('forget', '')}")
        axes.set_ylim(bottom=0.0)
        axes.set_title(f"{record.update.get('method', '')}, a point per retain budget", fontsize=10)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
        with atomic(path) as temporary:
            kind = path.suffix.removeprefix(".")
            figure.savefig(temporary, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)


def _judge(axes: Axes, record: Record, judge: str | None, colour: str) -> None:
    points, retrained = tradeoff(record, judge)
    original = claim(record, "original", judge)
    title = f"{record.judge_label(judge)} judge"
    if points:
        whiskers = [[p.ratio - p.low for p in points], [p.high - p.ratio for p in points]]
        x, y = [100 * p.increase for p in points], [p.ratio for p in points]
        axes.errorbar(x, y, yerr=whiskers, marker="o", markersize=4, capsize=2, color=colour, label=title)
    if original is not None and original.value is not None:
        axes.axhline(original.value, color=colour, linestyle=":", linewidth=1, label=f"{title}, original")
    if retrained is not None:
        star: dict[str, Any] = {"marker": "*", "markersize": 12, "linestyle": "none", "label": f"{title}, retrained"}
        axes.plot([100 * retrained.increase], [retrained.ratio], color=colour, **star)
