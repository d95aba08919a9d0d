"""``gsu show``: what there is to compose, with one line each; pages of the docs; the latest runs; two runs compared."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, ListConfig
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gsu_cli.checks import as_int
from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.report.compare import compare
from gsu_cli.report.filters import matching, present
from gsu_cli.report.formats.terminal import grids
from gsu_cli.report.runs import doubted, find_runs, short
from gsu_cli.report.two_lines import two_lines
from gsu_cli.report.validate import validated
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.pretrained import card_line, shipped_names
from gsu_cli.run.record import Record, read_record
from gsu_cli.run.typed_line import own_folders
from gsu_cli.verbs import docs_pages, run_filters, settings, show_choice
from gsu_cli.verbs.console import console, note

GROUPS = {
    "datasets": "dataset",
    "models": "model",
    "methods": "method",
    "metrics": "metric",
    "judges": "judge",
    "probes": "audit",
    "experiments": "experiment",
    "tables": "table",
    "loggers": "logger",
}
TOPICS = (*GROUPS, "checkpoints", "docs", "runs")


def main(cfg: DictConfig) -> None:
    """Runs the verb."""
    settings.check(cfg, "show")
    what = cfg.what
    if docs_pages.is_page(what):
        docs_pages.show(str(what))
        return
    if what is not None and what not in TOPICS:
        _choice(str(what))
        return
    as_int("last", cfg.last)
    wanted = run_filters.asked(cfg.filter)
    if wanted and what not in (None, "runs"):
        raise UsageError(
            "`filter` must go with runs", found=f"what={what}", way_out="Type gsu show runs filter.KEY=VALUE"
        )
    if cfg.compare is not None:
        _compare(cfg.compare)
        return
    if wanted:
        what = "runs"
    for topic in [topic for topic in TOPICS if topic != "docs"] if what is None else [what]:
        if topic == "runs":
            _runs(Path(cfg.paths.output_dir), cfg.last, wanted)
        elif topic == "checkpoints":
            _table(topic, [(name, card_line(name)) for name in shipped_names()])
        elif topic == "docs":
            _table(topic, docs_pages.titles())
        else:
            _table(topic, options(GROUPS[topic]))


def _choice(word: str) -> None:
    """What is no topic may be a choice of a group: its settings, with what they mean."""
    found = show_choice.named(word, [conf_dir(), *own_folders()])
    if not found:
        names = [name for group in GROUPS.values() for name, _ in options(group)]
        page = docs_pages.called(word)
        way_out = f"Type gsu show {page}" if page else did_you_mean(word, [*TOPICS, *names]).strip()
        raise UsageError(f"`what` must be one of {', '.join(TOPICS)}, or a choice of one", found=word, way_out=way_out)
    for path, typed in found.items():
        show_choice.show(path, typed)


def options(group: str) -> list[tuple[str, str]]:
    """Choices of a config group with their one line: the ``what:`` comment, else the command that uses them."""
    found = {}
    for folder in [conf_dir(), *own_folders()]:
        for path in (folder / group).rglob("*.yaml"):
            comments = [line.lstrip("# ").strip() for line in path.read_text().splitlines() if line.startswith("#")]
            lines = [c for c in comments if not c.startswith("@package")]
            about = next((c.removeprefix("what:").strip() for c in lines if c.startswith("what:")), "")
            found[path.relative_to(folder / group).with_suffix("").as_posix()] = about or (lines[0] if lines else "")
    return sorted(found.items())


def _table(title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 2))
    for name, about in rows:
        table.add_row(Text(name, style="cyan"), Text(about))
    console.print(Text(title, style="bold"))
    console.print(table)
    console.print()


def _runs(folder: Path, last: int, wanted: dict[str, list[str]]) -> None:
    """Two lines a run, so that no path is broken at the edge of the terminal."""
    every, broken = find_runs(folder)
    runs = matching(every, wanted)
    if not every and not broken:
        console.print(Text(f"no runs below {folder}", style="bold"), soft_wrap=True)
        return
    chosen = f" that match, of {len(every)}" if wanted else ""
    console.print(
        Text(f"runs below {folder} (the last {min(last, len(runs))} of {len(runs)}{chosen})", style="bold"),
        soft_wrap=True,
    )
    for path, record in runs[-last:]:
        colour = {"done": "green", "failed": "red"}.get(record.status, "yellow")
        started = record.started[:16].replace("T", " ")
        line = Text.assemble(f"  {started}  {record.verb:<9}", (f"{record.status:<12}", colour), str(path))
        console.print(line, soft_wrap=True)
        if about := short(record):
            console.print(Padding(Text(about, style="dim"), (0, 0, 0, 4), expand=False))
    if any(doubted(record) for _, record in runs[-last:]):
        console.print(Text("  ? behind a number: it supports no claim, see gsu show docs/claims.md", style="dim"))
    for name in wanted if not runs else ():
        console.print(Text(f"  {name}: there are {present(every, name)}", style="dim"), soft_wrap=True)
    for path, why in broken:
        note(f"not a readable run: {path} ({why})")


def _compare(given: object) -> None:
    """Two runs side by side: A is the first."""
    if not isinstance(given, ListConfig) or len(given) != 2:
        raise UsageError("`compare` must be two runs", found=given, way_out="Type compare=[FOLDER,FOLDER].")
    records: list[Record] = []
    paths: list[Path] = []
    for word in given:
        path = Path(str(word)).expanduser()
        records.append(validated(read_record(path), path))
        paths.append(path)
    for name, path, record in zip("AB", paths, records, strict=True):
        console.print(Text(f"{name}  {path}  {short(record)}", style="bold"), soft_wrap=True)
    console.print(grids(two_lines(table, console.width) for table in compare(*records)))
