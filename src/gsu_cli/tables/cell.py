"""One run of a table, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from gsu_cli.run.record import Record


@dataclass(frozen=True)
class Cell:
    """One run of a table.

    Attributes:
        row, column: labels, as the table shows them.
        seed: what ``seed=`` is set to.
        words: what follows ``gsu unlearn``, the seed left out.
        optional: whether missing data leave a hole instead of a failure.
        entry: of the table's rows that it belongs to, as the table shows it.
        audit: what follows ``gsu audit run=<folder of the run>``, whose findings join its record; None: no audit.
    """

    row: str
    column: str
    seed: int
    words: tuple[str, ...]
    optional: bool = False
    entry: str = ""
    audit: tuple[str, ...] | None = None

    @property
    def overrides(self) -> list[str]:
        """What follows ``gsu unlearn``."""
        return [*self.words, f"seed={self.seed}"]

    def __str__(self) -> str:
        return f"{self.row}, {self.column}, seed {self.seed}"


@dataclass(frozen=True)
class Outcome:
    """A cell and what became of it.

    Attributes:
        cell: what was to be run.
        key: the name of its folder; empty where it cannot be run, and then the record says why.
        record: None where it was not run.
        excused: whether the hole it leaves is no failure.
    """

    cell: Cell
    key: str
    record: Record | None
    excused: bool = False

    @property
    def done(self) -> bool:
        """Whether the cell's own record says so."""
        return self.record is not None and self.record.status == "done"

    @property
    def inapplicable(self) -> bool:
        """Whether its method does not apply to the model: no failure, and never tried again."""
        return self.record is not None and self.record.status == "n/a"

    @property
    def why(self) -> str:
        """Why it is a hole; empty where it is none."""
        if self.record is None:
            return "not run"
        return "" if self.done else (self.record.reason or self.record.status)
