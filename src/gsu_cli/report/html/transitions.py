"""What a judge saw before and sees after, at the same latents, as tables: a row per class before."""

from __future__ import annotations

from gsu_cli.report.keys import natural
from gsu_cli.report.table import Cell, Column, Table
from gsu_cli.run.record import Record


def transitions(record: Record) -> list[Table]:
    """A table per judge; none where the record has no counts."""
    tables = []
    for judge, found in (record.transitions.get("judged") or {}).items():
        counts = found.get("counts") or {}
        heads = sorted({to for row in counts.values() for to in row}, key=natural)
        if not heads:
            continue
        columns = (Column("before", form="text"), *(Column(str(head), form="count") for head in heads))
        rows = [
            (Cell(str(start)), *(Cell("0", 0.0) if to not in row else Cell(value=float(row[to])) for to in heads))
            for start, row in sorted(counts.items(), key=lambda pair: natural(pair[0]))
        ]
        tables.append(Table(f"{record.judge_label(judge)} judge: before (rows), after (columns)", columns, tuple(rows)))
    return tables
