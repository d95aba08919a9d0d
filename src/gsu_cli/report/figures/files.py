"""Figures as files of their own: SVG, light or dark as its reader is, PDF for a paper, PNG for all else."""

from __future__ import annotations

import re
from pathlib import Path

from gsu_cli.report.figures.chart import Figure
from gsu_cli.run.files import atomic, write_text

KINDS = ("svg", "pdf", "png")
DOTS = 150  # of a PNG, per inch


def file_name(figure: Figure, kind: str = "svg") -> str:
    """``along-method.lr.svg`` for the figure "Along method.lr"."""
    return re.sub(r"[^a-z0-9._-]+", "-", figure.title.lower()) + f".{kind}"


def standalone(figure: Figure) -> str:
    """The text of an SVG file that needs nothing else."""
    from gsu_cli.report.figures import svg  # plots: imported with matplotlib

    return svg.standalone(figure)


def write_figure(path: Path, figure: Figure) -> None:
    """Writes ``path`` atomically, as its ending says: one of `KINDS`."""
    kind = path.suffix.removeprefix(".")
    if kind == "svg":
        write_text(path, standalone(figure))
        return
    from gsu_cli.report.figures import canvas, draw

    with canvas.settings(), atomic(path) as temporary:
        dated = {"CreationDate": None} if kind == "pdf" else None
        draw.sheet(figure).savefig(temporary, format=kind, dpi=DOTS, metadata=dated)
