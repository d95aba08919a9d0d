"""One file per format: ``render(table) -> str``. ``gsu report format=`` takes their names.

HTML is more than a table and has its own folder, `report/html`.
"""

from __future__ import annotations

from collections.abc import Callable

from gsu_cli.report.formats import csv, json, latex, markdown, terminal
from gsu_cli.report.table import Table

SUFFIXES = {"markdown": ".md", "latex": ".tex", "csv": ".csv", "json": ".json", "terminal": ".txt"}
RENDER: dict[str, Callable[[Table], str]] = {
    "markdown": markdown.render,
    "latex": latex.render,
    "csv": csv.render,
    "json": json.render,
    "terminal": terminal.render,
}
