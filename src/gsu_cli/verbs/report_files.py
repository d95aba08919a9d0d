"""What `gsu report` writes: a page, tables, figures, and the records themselves, each format its files."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gsu_cli import __version__
from gsu_cli.errors import UsageError
from gsu_cli.report.compact import write_compact
from gsu_cli.report.figures.chart import Figure
from gsu_cli.report.figures.files import KINDS, file_name, write_figure
from gsu_cli.report.figures.of_runs import figures_of
from gsu_cli.report.formats import RENDER
from gsu_cli.report.html.page import render
from gsu_cli.report.runs import Broken, Runs
from gsu_cli.report.table import Table
from gsu_cli.run.files import write_text
from gsu_cli.verbs.report_places import Planned

RECORDS = "records"
FORMATS = ("html", *RENDER, *KINDS, RECORDS)


def page(
    place: Path,
    runs: Runs,
    broken: Broken,
    by: Sequence[str],
    tables: Sequence[Table],
    *,
    title: str,
    command: str,
    most_pictures: int,
) -> list[Planned]:
    """The HTML page."""
    when = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")
    about = f"made by gsu {__version__} on {when}"

    def write(path: Path) -> None:
        text = render(
            runs, broken, by, tables, title=title, command=command, about=about, most_pictures=most_pictures
        )  # fmt: skip
        write_text(path, text)

    return [Planned(place, write)]


def texts(place: Path, name: str, tables: Sequence[Table]) -> list[Planned]:
    """A file a table; those of retrained references say so."""

    def one(i: int, table: Table) -> Planned:
        path = place if i == 0 else place.with_name(f"{place.stem}.retrained{place.suffix}")
        return Planned(path, lambda path: write_text(path, RENDER[name](table)))

    return [one(i, table) for i, table in enumerate(tables)]


def plots(place: Path, kind: str, runs: Runs, by: Sequence[str], *, single: bool) -> list[Planned]:
    """A file a figure in the folder ``place``, or the only one as ``place``.

    Raises:
        UsageError: the runs have no figure, or several for a single file.
    """
    figures = figures_of([record for _, record in runs], by)
    if not figures:
        raise UsageError(
            f"`format={kind}` needs runs with a figure: several with a cost, a curve, or a setting that varies",
            found=f"{len(runs)} runs without one",
            way_out="Choose another format, or more runs",
        )
    if single and len(figures) > 1:
        raise UsageError(
            "`output` must be a folder for several figures",
            found=f"{place} for {len(figures)}",
            way_out=f"Type output={place.with_suffix('')}",
        )
    return [Planned(place if single else place / file_name(figure, kind), partial(_draw, figure)) for figure in figures]


def _draw(figure: Figure, path: Path) -> None:
    write_figure(path, figure)


def records(place: Path, runs: Runs) -> list[Planned]:
    """What tables need of each record, as one list: `gsu report runs=FILE` and `gsu reproduce records=FILE` read it."""
    return [Planned(place, lambda path: write_compact(path, [record for _, record in runs]))]
