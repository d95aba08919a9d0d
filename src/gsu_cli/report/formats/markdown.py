"""Markdown, as GitHub reads it."""

from __future__ import annotations

from gsu_cli.report.formats.blocks import blocks
from gsu_cli.report.table import Table, footnotes, written


def render(table: Table) -> str:
    """The table with its title as a heading and its footnotes as a list.

    A table of more than seven columns becomes several, each with the columns that name a row.
    """
    shown = written(table)
    lines = [f"### {table.title}", ""] if table.title else []
    for i, block in enumerate(blocks(table.columns)):
        lines += [""] * bool(i) + [_line([_safe(shown.heads[k]) for k in block])]
        lines.append("|" + "|".join("---:" if table.columns[k].side == "right" else "---" for k in block) + "|")
        for row in shown.rows:
            lines.append(
                _line([_safe(text) + (f" [{mark}]" if mark else "") for text, mark in (row[k] for k in block)])
            )
    notes = footnotes(table, shown.notes)
    return "\n".join([*lines, *(["", *(f"- {_flat(note)}" for note in notes)] if notes else [])]) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _safe(text: str) -> str:
    return _flat(text).replace("|", "\\|")


def _flat(text: str) -> str:
    """One line, nothing of which Markdown or a browser takes for more than text."""
    return " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*").replace("`", "\\`")
