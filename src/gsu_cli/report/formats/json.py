"""JSON: the table as it is, with the text of each cell."""

from __future__ import annotations

import json
from dataclasses import asdict

from gsu_cli.report.table import Table, text


def render(table: Table) -> str:
    """An object of ``title``, ``columns``, ``rows``, ``footnotes``; a hole has ``value`` null and a ``note``."""
    rows = [
        [{**vars(cell), "label": text(cell, column)} for cell, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]
    whole = {
        "title": table.title,
        "columns": [asdict(column) for column in table.columns],
        "rows": rows,
        "footnotes": list(table.footnotes),
    }
    return json.dumps(whole, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
