"""``gsu show CHOICE``: its config, each setting with its default, what it means, and its unit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gsu_cli.verbs.console import console

COMMENT = " # "


def named(word: str, folders: Sequence[Path]) -> dict[Path, str]:
    """Configs of that name in any group of these folders, with how they are typed.

    ``ddpm`` is a model, a checkpoint and a training; ``paper/mnist_class1`` an experiment.
    """
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.yaml")):
            group, _, name = path.relative_to(folder).with_suffix("").as_posix().partition("/")
            if name == word:
                found[path] = f"{group}={name}"
    return found


def show(path: Path, typed: str) -> None:
    """Prints its comments and, beside each setting, what it means."""
    console.print(Text(typed, style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 2))
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            if not line.startswith("# @package"):
                said = Text(line.lstrip("# ").removeprefix("what: "))
                console.print(Padding(said, (0, 0, 0, 2), expand=False))
            continue
        setting, _, about = line.removeprefix("<<: ").partition(COMMENT)  # several in one line
        if setting.startswith("_target_"):
            console.print(Text(f"  {setting.partition(':')[2].strip()}", style="dim"), soft_wrap=True)
        else:
            table.add_row(Text(setting.rstrip(), style="cyan"), Text(about))
    console.print()
    console.print(table)
    console.print()
