"""``gsu show``: what there is to compose, with one line each, and the latest runs."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.report.runs import find_runs, short
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.pretrained import card_line, shipped_names
from gsu_cli.verbs.console import console, note

GROUPS = {
    "datasets": "dataset",
    "models": "model",
    "methods": "method",
    "metrics": "metric",
    "judges": "judge",
    "experiments": "experiment",
    "tables": "table",
    "loggers": "logger",
}
TOPICS = (*GROUPS, "checkpoints", "runs")


def main(cfg: DictConfig) -> None:
    """Runs the verb."""
    what = cfg.what
    if what is not None and what not in TOPICS:
        raise UsageError(
            f"`what` must be one of {', '.join(TOPICS)}", found=what, way_out=did_you_mean(str(what), TOPICS).strip()
        )
    if isinstance(cfg.last, bool) or not isinstance(cfg.last, int) or cfg.last < 1:
        raise UsageError("`last` must be an integer >= 1", found=cfg.last)
    for topic in TOPICS if what is None else (what,):
        if topic == "runs":
            _runs(Path(cfg.paths.output_dir), cfg.last)
        elif topic == "checkpoints":
            _table(topic, [(name, card_line(name)) for name in shipped_names()])
        else:
            _table(topic, options(GROUPS[topic]))


def options(group: str) -> list[tuple[str, str]]:
    """Choices of a config group with their one line: the ``what:`` comment, else the command that uses them."""
    found = []
    for path in sorted((conf_dir() / group).rglob("*.yaml")):
        comments = [line.lstrip("# ").strip() for line in path.read_text().splitlines() if line.startswith("#")]
        lines = [c for c in comments if not c.startswith("@package")]
        about = next((c.removeprefix("what:").strip() for c in lines if c.startswith("what:")), "")
        name = path.relative_to(conf_dir() / group).with_suffix("").as_posix()
        found.append((name, about or (lines[0] if lines else "")))
    return found


def _table(title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 2))
    for name, about in rows:
        table.add_row(Text(name, style="cyan"), Text(about))
    console.print(Text(title, style="bold"))
    console.print(table)
    console.print()


def _runs(folder: Path, last: int) -> None:
    """Two lines a run, so that no path is broken at the edge of the terminal."""
    runs, broken = find_runs(folder)
    console.print(Text(f"runs below {folder} (the last {min(last, len(runs))} of {len(runs)})", style="bold"))
    for path, record in runs[-last:]:
        colour = {"done": "green", "failed": "red"}.get(record.status, "yellow")
        started = record.started[:16].replace("T", " ")
        line = Text.assemble(f"  {started}  {record.verb:<9}", (f"{record.status:<12}", colour), str(path))
        console.print(line, soft_wrap=True)
        if about := short(record):
            console.print(Padding(Text(about, style="dim"), (0, 0, 0, 4)))
    for path, why in broken:
        note(f"not a readable run: {path} ({why})")
