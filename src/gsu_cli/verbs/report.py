"""``gsu report``: the records of many runs as tables, and as one HTML page that needs no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig
from rich.text import Text

from gsu_cli.checks import as_choice, as_flag, as_int
from gsu_cli.errors import GsuError, UsageError
from gsu_cli.report import columns
from gsu_cli.report.figures.files import KINDS
from gsu_cli.report.filters import matching, present
from gsu_cli.report.formats import SUFFIXES, terminal
from gsu_cli.report.keys import check_keys, check_recorded, default_keys
from gsu_cli.report.memo import unchanged
from gsu_cli.report.overview import tables
from gsu_cli.report.runs import Broken, Runs, collect
from gsu_cli.report.table import Cell, Column, Table
from gsu_cli.run import folders
from gsu_cli.run.folder_words import chosen_with
from gsu_cli.run.record import Record
from gsu_cli.run.refusals import discard_if_unused
from gsu_cli.run.typed_line import typed
from gsu_cli.verbs import report_files as files
from gsu_cli.verbs import report_places, run_filters, settings
from gsu_cli.verbs.console import console, note, room, say
from gsu_cli.verbs.report_places import Planned

ENDINGS: Mapping[str, tuple[str, ...]] = {  # of a single file, and the formats that are written so
    ".html": ("html",), ".htm": ("html",), ".md": ("markdown",), ".tex": ("latex",), ".csv": ("csv",),
    ".json": ("json", files.RECORDS), ".txt": ("terminal",), **{f".{kind}": (kind,) for kind in KINDS},
}  # fmt: skip


def ending(name: str) -> str:
    """How a file of a format ends."""
    return next(end for end, names in ENDINGS.items() if name in names)


@dataclass(frozen=True)
class Options:
    """What the line asks for, checked before anything is read."""

    places: list[Path]
    by: list[str] | None
    filters: dict[str, list[str]]
    sort: str | None
    columns: list[str] | None
    formats: list[str]
    output: Path | None
    replace: bool
    title: str
    pictures: int

    @property
    def single(self) -> bool:
        """Whether ``output`` names one file, not a folder."""
        return self.output is not None and self.output.suffix in ENDINGS and not self.output.is_dir()

    @classmethod
    def of(cls, cfg: DictConfig) -> Options:
        """The options of a config.

        Raises:
            UsageError: one of them is wrong.
        """
        places = [Path(word).expanduser() for word in _words(cfg.runs)]
        by = None if cfg.by is None else _words(cfg.by)
        if not places:
            raise UsageError("`runs` must name at least one place", found="none", way_out="See `gsu show runs`")
        check_keys(by or [])
        formats = list(dict.fromkeys(_words(cfg.format)))
        for name in formats or ["none"]:
            as_choice("format", name, files.FORMATS)
        output = None if cfg.output is None else Path(str(cfg.output)).expanduser()
        written = [name for name in formats if name != "terminal" or formats == ["terminal"]]
        if output is not None and output.suffix in ENDINGS and not output.is_dir() and len(written) > 1:
            raise UsageError(
                "`output` must be a folder for several formats",
                found=f"{output} for {', '.join(written)}",
                way_out="Type format=html, say, for a single file",
            )
        if output is not None and not output.is_dir():
            _check_ending(output, written)
        as_int("pictures", cfg.pictures, 0)
        where = str(places[0]) if len(places) == 1 else f"{len(places)} places"
        title = f"Runs in {where}" if cfg.title is None else str(cfg.title)
        asked = None if cfg.columns is None else list(dict.fromkeys(_words(cfg.columns)))
        if asked is not None and (not asked or ("list" in asked and asked != ["list"])):
            raise UsageError(
                "`columns` must be list, all, or names of columns", found=", ".join(asked) or "none",
                way_out="Type columns=list to see the names",
            )  # fmt: skip
        replace = as_flag("replace", cfg.replace)
        sort = None if cfg.sort is None else str(cfg.sort)
        filters = run_filters.asked(cfg.filter)
        return cls(places, by, filters, sort, asked, formats, output, replace, title, cfg.pictures)


def _check_ending(output: Path, formats: Sequence[str]) -> None:
    """Refuses a file whose name says another format than the line does.

    Raises:
        UsageError: with the format to type.
    """
    fitting = ENDINGS.get(output.suffix)
    if fitting is not None and formats and formats[0] not in fitting:
        raise UsageError(
            "`output` must end as a file of its format does",
            found=f"{output} for {formats[0]}",
            way_out=f"Type format={fitting[0]}, or output={output.with_suffix(ending(formats[0]))}",
        )


@unchanged()
def main(cfg: DictConfig) -> None:
    """Runs the verb."""
    settings.check(cfg, "report")
    options = Options.of(cfg)
    runs, broken = collect(options.places)
    for path, why in broken:
        note(f"not a readable run: {path} ({why})")
    if not runs:
        where = ", ".join(map(str, options.places))
        unread = f" that can be read, and {len(broken):,} that cannot: the notes say why" if broken else ""
        raise GsuError(
            "there must be at least one run to report",
            found=f"none in {where}{unread}",
            way_out="Name the folder of runs with runs=FOLDER, or make one with `gsu unlearn`",
        )
    runs = _filtered(runs, options.filters)
    records = [record for _, record in runs]
    check_recorded(options.by or [], records)
    by = options.by or default_keys([r for r in records if r.verb == "unlearn"] or records)
    found = tables(records, by)
    if options.columns == ["list"]:
        console.print(terminal.grid(_names(found)))
        _leave()
        return
    if options.sort is not None:
        found = columns.in_order(found, options.sort)
    chosen = found if options.columns is None else columns.chosen(found, options.columns)
    planned = _planned(options, runs, broken, by, chosen)
    if not options.replace:
        report_places.check(planned)
    if "terminal" in options.formats:
        for i, table in enumerate(chosen):
            if i:
                console.print()
            _print(table, fit=options.columns is None)
    written = report_places.write(planned, note=options.output is not None)
    say(", ".join([f"{len(runs)} run{'s' * (len(runs) > 1)}", *_others(records, broken)]))
    if apart := Counter(record.verb for record in records if record.verb != "unlearn"):
        verbs = " and ".join(f"{n} of `gsu {verb}`" for verb, n in sorted(apart.items()))
        stand = "stand" if apart.total() > 1 else "stands"
        note(f"{verbs} {stand} in the page's list of runs alone: tables are of `gsu unlearn`")
    for path in written:
        say("written to ", path)
    _leave()


def _filtered(runs: Runs, wanted: Mapping[str, Sequence[str]]) -> Runs:
    """The runs that the line asks for.

    Raises:
        UsageError: there is none of them.
    """
    found = matching(runs, wanted)
    if not found:
        said = " ".join(f"filter.{name}={','.join(words)}" for name, words in wanted.items())
        there = "; ".join(f"{name} {present(runs, name)}" for name in wanted)
        raise UsageError(f"{said} must leave runs", found=f"none of {len(runs):,}", way_out=f"Choose among {there}")
    return found


def _others(records: Sequence[Record], broken: Broken) -> Iterator[str]:
    """How many there are of those that ended without numbers, and why."""
    counts = {
        "not finished": sum(record.status not in ("done", "n/a") for record in records),
        "not applicable": sum(record.status == "n/a" for record in records),
        "more not readable": len(broken),
    }
    return (f"{n} {what}" for what, n in counts.items() if n)


def _leave() -> None:
    claimed = folders.last_claim()
    if claimed is not None and not claimed.is_sweep:
        discard_if_unused(claimed)  # everything went elsewhere


def _print(table: Table, *, fit: bool) -> None:
    """The columns that fit the terminal, with the names of the others; or all, below each other where they must be."""
    if fit:
        shown, left_out = columns.fitting(table, room())
        console.print(terminal.grid(shown, narrow=True), width=max(room(), columns.total(shown)))
        if left_out:
            more = f"not shown: {', '.join(left_out)}; columns=all or columns=[{left_out[0]}] shows them"
            console.print(Text(more, style="dim"), width=room())
        return
    for part in columns.blocks(table, room()):
        console.print(terminal.grid(part, narrow=True), width=max(room(), columns.total(part)))


def _names(found: Sequence[Table]) -> Table:
    """What `columns` may hold, with the heads that stand in the table."""
    heads = {c.name: c.title() for table in reversed(found) for c in table.columns if not c.is_key}
    rows = tuple((Cell(name), Cell(heads[name])) for name in columns.names(found))
    return Table("Columns", (Column("name", form="text"), Column("head", form="text")), rows)


def _planned(options: Options, runs: Runs, broken: Broken, by: Sequence[str], chosen: Sequence[Table]) -> list[Planned]:
    hydra = HydraConfig.get()
    folder = options.output or Path(hydra.runtime.output_dir)
    single = options.single
    if options.output is not None:
        chosen_with(folder.parent if single else folder, f"output={'FILE' if single else 'FOLDER'}")
    planned: list[Planned] = []
    for name in options.formats:
        if name == "terminal" and not (single and options.formats == ["terminal"]):
            continue
        if name == "html":
            path = folder if single else folder / "report.html"
            command = " ".join(typed("report"))
            planned += files.page(
                path, runs, broken, by, chosen, title=options.title, command=command, most_pictures=options.pictures
            )
        elif name == files.RECORDS:
            planned += files.records(folder if single else folder / "records.json", runs)
        elif name in KINDS:
            planned += files.plots(folder, name, runs, by, single=single)
        else:
            path = folder if single else folder / f"table{SUFFIXES[name]}"
            planned += files.texts(path, name, chosen)
    return planned


def _words(value: object) -> list[str]:
    """One word or a list of them."""
    return [str(v) for v in value] if isinstance(value, ListConfig) else [str(value)]
