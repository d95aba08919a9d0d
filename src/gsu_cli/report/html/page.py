"""The page: what of the runs is shown, in what order, and how much of it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gsu_cli.report import audit
from gsu_cli.report.figures import palette
from gsu_cli.report.figures.audit import figures
from gsu_cli.report.figures.chart import Figure
from gsu_cli.report.figures.of_runs import figures_of
from gsu_cli.report.headline import headline
from gsu_cli.report.html.diagnostics import Diagnostics, diagnostics, measurements
from gsu_cli.report.html.pictures import Gallery, gallery, name
from gsu_cli.report.html.sheet import Sheet, interval
from gsu_cli.report.html.transitions import transitions
from gsu_cli.report.keys import varied
from gsu_cli.report.memo import unchanged
from gsu_cli.report.overview import listing, mixed_versions, tables
from gsu_cli.report.summary import sentences
from gsu_cli.report.table import Table
from gsu_cli.run.record import Record

HERE = Path(__file__).parent
MOST_RUNS = 200  # shown with all their numbers; the rest by their line in the table of runs
STATE = {"done": "good", "failed": "bad"}


@dataclass(frozen=True)
class Plot:
    """A figure as inline SVG: its charts, and the sign and the name of each series."""

    title: str
    about: str
    charts: list[Markup]
    legend: list[tuple[Markup, str]]


@dataclass(frozen=True)
class Card:
    """One run, unfolded."""

    index: int
    name: str
    path: str
    record: Record
    state: str
    command: str
    measured: Sheet | None
    probes: list[tuple[Sheet | None, Plot | None]]
    headline: str
    sentences: list[str]
    turned: list[Sheet]
    tables: list[Sheet]
    texts: dict[str, str]


@unchanged()
def render(
    runs: Sequence[tuple[Path, Record]],
    broken: Sequence[tuple[Path, str]],
    by: Sequence[str],
    shown: Sequence[Table] | None = None,
    *,
    title: str,
    command: str,
    about: str,
    most_pictures: int = 24,
) -> str:
    """One HTML document.

    Args:
        runs: folder (or the list a record came from) and record.
        broken: what could not be read, with the reason.
        by: keys of the rows.
        shown: the tables of all runs, where not all columns are wanted.
        title: of the page.
        command: that makes the page again.
        about: when and with what it was made.
        most_pictures: embedded at most.
    """
    more = varied([record for _, record in runs])
    pictures: Gallery = gallery(runs, most_pictures)
    all_tables = tables([record for _, record in runs], by) if shown is None else shown
    failed = [(i, path, record) for i, (path, record) in enumerate(runs) if record.status not in ("done", "n/a")]
    return str(
        _template().render(
            title=title,
            command=command,
            about=about,
            runs=runs,
            done=sum(record.status == "done" for _, record in runs),
            inapplicable=sum(record.status == "n/a" for _, record in runs),
            sheets=[Sheet.of(t, f"table-{i}") for i, t in enumerate(all_tables)],
            figures=_plotted(figures_of([record for _, record in runs], by)),
            gallery=pictures,
            listing=Sheet.of(listing(runs), "listing"),
            cards=[_card(i, path, record, more) for i, (path, record) in enumerate(runs[:MOST_RUNS])],
            failed=[(i, name(record, more), str(path), record) for i, path, record in failed],
            broken=[(str(path), why) for path, why in broken],
            mixed=mixed_versions([r for _, r in runs]),
            state=STATE,
        )
    )


def _plotted(figures: Sequence[Figure], name: str = "figure") -> list[Plot]:
    """The figures as the template wants them; nothing is imported to draw where there are none."""
    if not figures:
        return []
    from gsu_cli.report.figures import canvas, svg

    with canvas.settings():
        return [
            Plot(
                figure.title,
                figure.about,
                [svg.inline(chart, f"{name}-{i}-{k}") for k, chart in enumerate(figure.charts)],
                svg.signs(figure.legend, f"{name}-{i}-sign"),
            )
            for i, figure in enumerate(figures)
        ]


def _card(index: int, path: Path, record: Record, more: Sequence[str]) -> Card:
    table, noted = measurements(record), Diagnostics()
    audited = audit.read(path) if record.verb == "audit" else None
    if record.update:
        noted = diagnostics(record)
    return Card(
        index,
        name(record, more),
        str(path),
        record,
        STATE.get(record.status, "odd"),
        " ".join(record.command),
        Sheet.of(table, f"run-{index}-measured") if table else None,
        _probes(audited, f"run-{index}") if audited else [],
        headline(record) if record.split and table else "",
        sentences(record) if table else audit.sentences(audited) if audited else [],
        [Sheet.of(t, f"run-{index}-turned-{i}") for i, t in enumerate(transitions(record))],
        [Sheet.of(t, f"run-{index}-{i}") for i, t in enumerate(noted.tables)],
        noted.texts,
    )


def _probes(audited: Mapping[str, Any], name: str) -> list[tuple[Sheet | None, Plot | None]]:
    """The table and the figure of each probe, where it has one."""
    sheets = {t.title: Sheet.of(t, f"{name}-probe-{i}") for i, t in enumerate(audit.tables(audited))}
    found = figures(audited)
    plots = dict(zip(found, _plotted([*found.values()], f"{name}-figure"), strict=True))
    return [(sheets.get(probe), plots.get(probe)) for probe in audited["probes"]]


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # our own files, the only text on the page that is not escaped
    style = palette.style() + (HERE / "style.css").read_text(encoding="utf-8")
    environment.globals["style"] = Markup(style)  # noqa: S704
    environment.globals["script"] = Markup((HERE / "sort.js").read_text(encoding="utf-8"))  # noqa: S704
    environment.globals["span"] = interval
    return environment.get_template("page.html.j2")
