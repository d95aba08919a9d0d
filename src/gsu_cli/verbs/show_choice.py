"""``gsu show CHOICE``: its config, each setting with its default, what it means, and its unit."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from gsu_cli.run.configs import conf_dir
from gsu_cli.verbs.console import console

COMMENT = " # "


def named(word: str) -> list[Path]:
    """Configs of that name in any group: ``ddpm`` is a model, a checkpoint and a training."""
    return [p for p in sorted(conf_dir().rglob("*.yaml")) if p.parent != conf_dir() and choice(p)[1] == word]


def choice(path: Path) -> tuple[str, str]:
    """Group and name, as they are typed: ``experiment`` and ``paper/mnist_class1``."""
    group, _, name = path.relative_to(conf_dir()).with_suffix("").as_posix().partition("/")
    return group, name


def show(path: Path) -> None:
    """Prints its comments and, beside each setting, what it means."""
    console.print(Text("=".join(choice(path)), style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 2))
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            if not line.startswith("# @package"):
                console.print(Text(f"  {line.lstrip('# ').removeprefix('what: ')}"))
            continue
        setting, _, about = line.removeprefix("<<: ").partition(COMMENT)  # several in one line
        if setting.startswith("_target_"):
            console.print(Text(f"  {setting.partition(':')[2].strip()}", style="dim"), soft_wrap=True)
        else:
            table.add_row(Text(setting.rstrip(), style="cyan"), Text(about))
    console.print()
    console.print(table)
    console.print()
