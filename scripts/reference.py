"""The pages of docs/reference: what `gsu VERB --help` prints, and every config that ships.

python scripts/reference.py   # a test compares them with what is kept
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from gsu_cli.cli.pages import VERBS, overview, page
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.files import write_text

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"
LEFT_OUT = ("hydra",)  # of Hydra's own making


def verbs() -> str:
    """One section a verb."""
    parts = ["# Verbs", "What `gsu --help` and `gsu VERB --help` print.", block(overview())]
    parts += [f"## {name}\n\n{block(page(name, conf_dir()))}" for name in VERBS]
    return "\n\n".join(parts) + "\n"


def configs() -> str:
    """What each verb is made of, then one section a group."""
    parts = ["# Configs", INTRODUCTION, "## Verbs and what they share"]
    files = sorted(conf_dir().glob("*.yaml"))
    parts += [f"**{path.stem}**\n\n{block(path.read_text('utf-8'), 'yaml')}" for path in files]
    for folder in sorted(path for path in conf_dir().iterdir() if path.is_dir() and path.name not in LEFT_OUT):
        files = sorted(folder.rglob("*.yaml"))
        parts.append(f"## {folder.name}")
        parts += [f"**{folder.name}={name(path, folder)}**: {what(path)}\n\n{body(path)}" for path in files]
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """Every setting that ships, with its default. A line `group=choice` takes a file of a group; `group.key=value` changes one of
its settings. `gsu VERB --cfg job` prints what a line amounts to, without running it."""


def name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder).with_suffix(""))


def what(path: Path) -> str:
    found = re.search(r"^# what: (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def body(path: Path) -> str:
    """The file without the line that stands above it."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("# what: ")]
    return block("\n".join(lines), "yaml")


def block(text: str, kind: str = "text") -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return f"```{kind}\n{plain.strip()}\n```"


def everything() -> dict[Path, str]:
    """Both pages, as wide as a terminal of 80 characters."""
    os.environ["COLUMNS"] = "80"
    return {FOLDER / "verbs.md": verbs(), FOLDER / "configs.md": configs()}


def main() -> None:
    for path, text in everything().items():
        write_text(path, text)


if __name__ == "__main__":
    main()
