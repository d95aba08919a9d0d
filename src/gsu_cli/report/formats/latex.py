r"""LaTeX with booktabs: ``\usepackage{booktabs}`` is all it needs."""

from __future__ import annotations

import re

from gsu_cli.report.formats.blocks import blocks
from gsu_cli.report.table import Table, footnotes, written

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\to$",
    "×": r"$\times$",
}


def render(table: Table) -> str:
    """A ``table`` environment: caption, booktabs rules, notes below in small print.

    A table of more than seven columns becomes several below each other, each with the columns that name a row.
    """
    shown = written(table)
    lines = [r"\begin{table}", r"\centering"]
    if table.title:
        lines.append(rf"\caption{{{escape(table.title)}}}")
    for i, block in enumerate(blocks(table.columns)):
        sides = "".join("r" if table.columns[k].side == "right" else "l" for k in block)
        lines += [r"\par\medskip"] * bool(i) + [rf"\begin{{tabular}}{{{sides}}}", r"\toprule"]
        lines += [_line([escape(shown.heads[k]) for k in block]), r"\midrule"]
        for row in shown.rows:
            cells = (row[k] for k in block)
            lines.append(_line([_number(text) + (rf"\textsuperscript{{{m}}}" if m else "") for text, m in cells]))
        lines += [r"\bottomrule", r"\end{tabular}"]
    for note in footnotes(table, shown.notes):
        lines.append(rf"\par\footnotesize {escape(note)}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def escape(text: str) -> str:
    r"""Text that LaTeX prints as it is.

    >>> print(escape("50 % of class_1"))
    50 \% of class\_1
    """
    return "".join(SPECIAL.get(letter, letter) for letter in " ".join(text.split()))


def _number(text: str) -> str:
    """A leading or bracketed minus becomes one; a hyphen within words stays."""
    return re.sub(r"(^|[\[ ])-(?=\d)", r"\1$-$", escape(text))


def _line(cells: list[str]) -> str:
    # a row that begins with a bracket would be read as the optional argument of the line break before it
    return " & ".join(f"{{}}{cell}" if cell.startswith("[") else cell for cell in cells) + r" \\"
