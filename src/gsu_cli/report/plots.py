"""A figure of the report as a file of its own: one SVG, its charts side by side, light or dark as its reader is."""

from __future__ import annotations

import re
from importlib import resources
from textwrap import wrap

from markupsafe import Markup

from gsu_cli.report.html.figure import Figure
from gsu_cli.report.html.svg import HEIGHT, WIDTH

LINE = 20  # units between two lines of the legend
LETTER = 7  # units that a letter is wide, rather more than less


def standalone(figure: Figure) -> str:
    """The text of an SVG file that needs nothing else; ``figure.about`` and the legend stand below the charts."""
    style = resources.files("gsu_cli.report.html").joinpath("style.css").read_text(encoding="utf-8")
    wide, rows = WIDTH * len(figure.charts), -(-len(figure.legend) // len(figure.charts))  # a column below each chart
    about = wrap(figure.about, wide // LETTER)
    high = HEIGHT + LINE * (rows + len(about) + 1)
    charts = [
        Markup('<svg x="{}" y="0" width="{}" height="{}" {}').format(i * WIDTH, WIDTH, HEIGHT, chart[5:])
        for i, chart in enumerate(figure.charts)
    ]
    text = Markup('<text x="{}" y="{}">{}</text>')
    below = [
        Markup('<g transform="translate({},{})">{}{}</g>').format(
            12 + WIDTH * (i // rows), HEIGHT + LINE * (i % rows), sign, text.format(24, 12, name)
        )
        for i, (sign, name) in enumerate(figure.legend)
    ]
    below += [text.format(12, HEIGHT + LINE * (rows + 1 + i), line) for i, line in enumerate(about)]
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img"><title>{}</title><style>{}</style>'
        '<rect width="100%" height="100%" style="fill: var(--paper)"/>{}{}</svg>\n'
    ).format(
        wide,
        high,
        figure.title,
        Markup(style),  # noqa: S704 - a file of this package
        Markup("").join(charts),
        Markup("").join(below),
    )


def file_name(figure: Figure) -> str:
    """``along-method.lr.svg`` for the figure "Along method.lr"."""
    return re.sub(r"[^a-z0-9._-]+", "-", figure.title.lower()) + ".svg"
