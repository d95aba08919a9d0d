"""A number of a table that is pinned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gsu_cli.errors import UsageError, renamed


@dataclass(frozen=True)
class Expectation:
    """A number that is pinned.

    Attributes:
        kind: "change" from the original, relative, or "level".
        name: of the measurement, with the judge behind a dot: "feature_ratio.cnn".
        between: least and most that the mean over the cells may be.
        row, column: labels of the cells; None for all.
    """

    kind: Literal["change", "level"]
    name: str
    between: tuple[float, float]
    row: str | None = None
    column: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Expectation:
        """From a line ``{row: .., column: .., change: feature_ratio.cnn, between: [-1, -0.5]}``.

        Raises:
            UsageError: it has other keys, or not exactly one of change and level, or its ends are exchanged.
        """
        if not isinstance(values, Mapping):
            raise UsageError("a line of `table.expect` must be a mapping", found=values)
        kinds = [kind for kind in ("change", "level") if kind in values]
        between = values.get("between")
        unknown = set(values) - {"row", "column", "between", *kinds}
        numbers = isinstance(between, Sequence) and all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in between
        )
        if len(kinds) != 1 or unknown or not isinstance(between, Sequence) or not numbers or len(between) != 2:
            raise UsageError(
                "a line of `table.expect` must have one of change and level, between, and perhaps row and column",
                found=dict(values),
                way_out="For example {column: retrain, change: feature_ratio.cnn, between: [-1, -0.5]}",
            )
        if not between[0] <= between[1]:
            raise UsageError(
                "`between` of a line of `table.expect` must be least and most, in this order", found=list(between)
            )
        refuse_former("table.expect", [values[kinds[0]]])
        kind: Literal["change", "level"] = "change" if kinds == ["change"] else "level"
        return cls(kind, str(values[kind]), (between[0], between[1]), values.get("row"), values.get("column"))


def refuse_former(key: str, names: Sequence[object]) -> None:
    """Refuses measurements by the names of earlier versions, which no record has any more.

    Raises:
        UsageError: with the name of today.
    """
    for name in map(str, names):
        if (now := renamed(name)) != name:
            raise UsageError(f"`{key}` must name measurements", found=name, way_out=f"It is called {now!r} now")
