"""Which targets each class of a table got, and how dense retained images are at its latents.

A script, as only `python scripts/results.py fresh_models` has this section: no other table asks.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

import faces
from gsu_cli.report.compact import read_compact
from gsu_cli.tables import kept
from gsu_cli.tables.spec import TableSpec

TABLES = Path(__file__).parent.parent / "conf" / "table"
WORDS = {"expected": "expected", "discriminant": "near pictures, looked at", "nearest": "near pictures"}


def section(folder: Path) -> str:
    """The Markdown below the table of ``folder``."""
    spec = TableSpec.of(OmegaConf.to_container(OmegaConf.load(TABLES / f"{folder.name}.yaml"), resolve=True))  # type: ignore[arg-type]
    rows = []
    for outcome in kept.outcomes(spec, read_compact(folder / "records.json")):
        details = outcome.record.update.get("details") or {} if outcome.record is not None else {}
        target = details.get("target")
        if target:
            there = target["retained_there"]
            cell = outcome.cell
            rows.append(
                (cell.row, cell.column, WORDS[target["kind"]], f"{there['images']:.1f}", f"{there['share']:.2f}")
            )
    heads = ("row", "column", "targets", "retained images there", "their share of the density")
    what = (
        "Targets and counts of images of these rows are of a second run, whose weights were the same to the last bit."
    )
    asked = "Asked of 7,000 retained images, by joint redirection of 4,000, at the median of 300 forgotten latents."
    return f"## Targets\n\n{asked} {what}\n\n{faces.grid(heads, rows)}"
