"""The figures of many runs, in the order in which a page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from gsu_cli.report.figures.chart import Figure
from gsu_cli.report.figures.curves import curves
from gsu_cli.report.figures.pareto import pareto
from gsu_cli.report.figures.sweeps import sweeps
from gsu_cli.report.groups import distinct
from gsu_cli.run.record import Record


def figures_of(records: Sequence[Record], by: Sequence[str]) -> list[Figure]:
    """Fronts, trade-off curves, and changes along each numeric setting that varies; what was run twice counts once."""
    kept, _ = distinct(record for record in records if record.verb == "unlearn")
    return [f for f in [pareto(kept, by), curves(kept, by), *sweeps(kept)] if f is not None]
