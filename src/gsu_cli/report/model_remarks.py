"""What must be known of single numbers of the closing table, and of which model where that differs."""

from __future__ import annotations

from gsu_cli.report.roles import titles
from gsu_cli.report.run_table import HEADS
from gsu_cli.run.record import Record


def beside(record: Record) -> list[str]:
    """What must be known of numbers of the closing table, once for all models of which it is the same."""
    told = [m for m in record.measurements if m.place in ("lead", "table") and m.detail and m.value is not None]
    models = [m for m in told if m.subject != "data"] or told
    called = titles(models, record)
    said: dict[str, dict[str, list[str]]] = {}
    for m in models:
        said.setdefault(called[m.name, m.judge], {}).setdefault(m.detail, []).append(HEADS.get(m.subject, m.subject))
    return [
        f"{title}: {detail}" + (f" ({', '.join(whose)})" if len(details) > 1 else "")
        for title, details in said.items()
        for detail, whose in details.items()
    ]
