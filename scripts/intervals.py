"""Intervals below a table of single runs: over the images of each run, as its audit measured them.

A script, as it is a part of `python scripts/results.py did_it_forget_samples`: the table itself shows intervals over
seeds, and of one seed there are none.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from gsu_cli.report.compact import read_compact
from gsu_cli.run.record import Record
from gsu_cli.run.signed import signed
from gsu_cli.tables import kept
from gsu_cli.tables.spec import TableSpec

TABLES = Path(__file__).parent.parent / "conf" / "table"
SHOWN = {
    "percentile": ("percentile", ".0f"),
    "percentile_from_retrained": ("points from retraining's, image by image", ".1f"),
    "share_of_retrained_increase": ("rise of their loss, in retraining's", ".2f"),
    "auc_loss_minus_retrained": ("AUC minus the retrained model's", ".2f"),
}
RETAIN = "heldout_loss_retain"


def section(folder: Path) -> str:
    """The Markdown below the table of ``folder``."""
    spec = TableSpec.of(OmegaConf.to_container(OmegaConf.load(TABLES / f"{folder.name}.yaml"), resolve=True))  # type: ignore[arg-type]
    done = [o for o in kept.outcomes(spec, read_compact(folder / "records.json")) if o.record is not None and o.done]
    parts = ["## With intervals", "95 %, over the images of one run; the retain loss is of held-out images."]
    heads = ["method", *(head for head, _ in SHOWN.values()), "retain loss"]
    for row in dict.fromkeys(o.cell.row for o in done):
        own = [o for o in done if o.cell.row == row]
        first = own[0].record
        assert first is not None  # noqa: S101  # those without were left out
        lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
        lines += [_line(subject, first, subject) for subject in ("original", "retrained")]
        lines += [_line(o.cell.column, o.record, "unlearned") for o in own if o.record is not None]
        parts += [f"### {row}", "\n".join(lines)]
    return "\n\n".join(parts)


def _line(words: str, record: Record, subject: str) -> str:
    cells = [_number(record, name, subject, form) for name, (_, form) in SHOWN.items()]
    before, after = record.find(RETAIN, "original"), record.find(RETAIN, subject)
    values = [m.value for m in (before, after) if m is not None and m.value is not None]
    cost = signed(values[1] / values[0] - 1) if len(values) == 2 and subject != "original" else "-"
    return f"| {words} | {' | '.join(cells)} | {cost} |"


def _number(record: Record, name: str, subject: str, form: str) -> str:
    m = record.find(name, subject)
    if m is None or m.value is None:
        return "-"
    ends = "" if m.low is None or m.high is None else f" ({m.low:{form}} to {m.high:{form}})"
    return f"{m.value:{form}}{ends}"
