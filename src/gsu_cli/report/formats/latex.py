r"""LaTeX with booktabs: ``\usepackage{booktabs}`` is all it needs."""

from __future__ import annotations

import re

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
    """A ``table`` environment: caption, booktabs rules, notes below in small print."""
    shown = written(table)
    sides = "".join("r" if column.side == "right" else "l" for column in table.columns)
    lines = [r"\begin{table}", r"\centering"]
    if table.title:
        lines.append(rf"\caption{{{escape(table.title)}}}")
    lines += [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", _line([escape(head) for head in shown.heads])]
    lines.append(r"\midrule")
    for row in shown.rows:
        lines.append(_line([_number(text) + (rf"\textsuperscript{{{m}}}" if m else "") for text, m in row]))
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
