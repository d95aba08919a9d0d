"""What of a probe's numbers is plotted: `Curve` along something, `Dots` side by side. Figures know no probe by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gsu_cli.run.record import Measurement

Spot = tuple[float, float | None, float | None]
"""A value with the ends of its interval, where it has one."""


@dataclass(frozen=True)
class Dots:
    """Numbers of one unit on one axis: a row a quantity, a mark a model.

    Attributes:
        title: what the numbers are.
        unit: of all of them; a "share" is plotted in per cent.
        rows: by the words of the row, by the model (or whatever else is compared).
        level: a line to compare with, by its words, such as chance.
    """

    title: str
    unit: str
    rows: Mapping[str, Mapping[str, Spot]]
    level: Mapping[str, float]


def dots(
    title: str, unit: str, rows: Mapping[str, Iterable[Measurement]], level: Mapping[str, float] | None = None
) -> list[Dots]:
    """Of measurements, each of which becomes the mark of its subject; none where no number is there.

    >>> m = [Measurement("auc", "original", 0.5, 0.4, 0.6), Measurement("auc", "unlearned", None, reason="why")]
    >>> [d.rows for d in dots("AUC", "share", {"by loss": m, "by chance": []}, {"chance": 0.5})]
    [{'by loss': {'original': (0.5, 0.4, 0.6)}}]
    """
    found = {
        words: {m.subject: (m.value, m.low, m.high) for m in measured if m.value is not None}
        for words, measured in rows.items()
    }
    found = {words: spots for words, spots in found.items() if spots}
    return [Dots(title, unit, found, dict(level or {}))] if found else []


def named(found: Iterable[Measurement], name: str) -> list[Measurement]:
    """Those of a name."""
    return [m for m in found if m.name == name]
