"""Fills docs/reference while the site is built: what `gsu VERB --help` prints, and every config that ships.

A hook of mkdocs (`mkdocs.yml`), so that these pages cannot go stale.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from gsu_cli.cli.pages import VERBS, overview
from gsu_cli.cli.pages import page as help_page
from gsu_cli.run.configs import conf_dir

LEFT_OUT = ("hydra",)  # of Hydra's own making


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The event of mkdocs: the text of a page before it is rendered."""
    found = PAGES.get(page.file.src_uri)
    return markdown if found is None else f"{markdown.rstrip()}\n\n{found()}"


def verbs() -> str:
    """One section a verb, as wide as a terminal of 80 characters."""
    before, os.environ["COLUMNS"] = os.environ.get("COLUMNS", ""), "80"
    try:
        parts = [block(overview())]
        parts += [f"## {name}\n\n{block(help_page(name, conf_dir()))}" for name in VERBS]
    finally:
        os.environ["COLUMNS"] = before
    return "\n\n".join(parts) + "\n"


def configs() -> str:
    """What verbs share, then one section a group."""
    files = sorted(conf_dir().glob("*.yaml"))
    parts = ["## Verbs and what they share"]
    parts += [f"**{path.stem}**\n\n{block(path.read_text('utf-8'), 'yaml')}" for path in files]
    for folder in sorted(path for path in conf_dir().iterdir() if path.is_dir() and path.name not in LEFT_OUT):
        parts.append(f"## {folder.name}")
        for path in sorted(folder.rglob("*.yaml")):
            name = path.relative_to(folder).with_suffix("").as_posix()
            parts.append(f"**{folder.name}={name}**: {what(path)}\n\n{body(path)}")
    return "\n\n".join(parts) + "\n"


def what(path: Path) -> str:
    found = re.search(r"^# what: (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def body(path: Path) -> str:
    """The file without the line that stands above it."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("# what: ")]
    return block("\n".join(lines), "yaml")


def block(text: str, kind: str = "text") -> str:
    return f"```{kind}\n{text.strip()}\n```"


PAGES = {"reference/verbs.md": verbs, "reference/configs.md": configs}
