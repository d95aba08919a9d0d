"""A figure of the report as a file of its own: one SVG, its charts side by side, light or dark as its reader is."""

from __future__ import annotations

import re
from importlib import resources

from markupsafe import Markup

from gsu_cli.report.html.figure import Figure
from gsu_cli.report.html.svg import HEIGHT, WIDTH, mark

LINE = 20  # units between two lines of the legend


def standalone(figure: Figure) -> str:
    """The text of an SVG file that needs nothing else; ``figure.about`` and the legend stand below the charts."""
    style = resources.files("gsu_cli.report.html").joinpath("style.css").read_text(encoding="utf-8")
    wide, high = WIDTH * len(figure.charts), HEIGHT + LINE * (len(figure.legend) + 2)
    charts = [
        Markup('<svg x="{}" y="0" width="{}" height="{}" {}').format(i * WIDTH, WIDTH, HEIGHT, chart[5:])
        for i, chart in enumerate(figure.charts)
    ]
    text = Markup('<text x="{}" y="{}">{}</text>')
    below = [
        Markup('<g transform="translate(12,{})">{}{}</g>').format(
            HEIGHT + LINE * i, mark(i, 8, 8), text.format(24, 12, name)
        )
        for i, (_, name) in enumerate(figure.legend)
    ]
    below.append(text.format(12, HEIGHT + LINE * (len(figure.legend) + 1), figure.about))
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
