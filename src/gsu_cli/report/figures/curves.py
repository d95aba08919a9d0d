"""The trade-off curves of ``curve=true``: each method along its retain budget, from ``record.curve``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gsu_cli.report.figures.chart import Figure
from gsu_cli.report.figures.pareto import pareto
from gsu_cli.run.record import Measurement, Record

BUDGET = "retain budget"  # stands among the settings of the method, whatever it calls its strength


def curves(records: Sequence[Record], by: Sequence[str]) -> Figure | None:
    """A line per method; None where no run has a curve."""
    points = [point for record in records for point in unfolded(record)]
    figure = pareto(points, [*by, f"method.{BUDGET}"])
    return replace(figure, title="Trade-off curves") if figure is not None else None


def unfolded(record: Record) -> list[Record]:
    """A record for each point of a run's curve, as a run at that budget would have left it; their order is kept."""
    elsewhere = [m for m in record.measurements if m.subject != "unlearned"]
    method = record.config.get("method") or {}
    return [
        replace(
            record,
            measurements=[*elsewhere, *(Measurement(**m) for m in entry["measurements"])],
            config={**record.config, "method": {**method, BUDGET: float(entry["budget"])}},
            curve=[],
        )
        for entry in record.curve
    ]
