"""``gsu show docs``: pages of the docs, which an installed gsu carries; ``gsu show docs/own-model.md`` prints one."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.verbs.console import console

FOLDER = "docs"
PARTS = ("", "methods")  # folders of the docs; records and design notes are the repository's


def docs_dir() -> Path:
    """``docs/`` inside the installed package, else beside ``src/`` in a working copy."""
    package = Path(__file__).resolve().parents[1]
    packed = package / FOLDER
    return packed if packed.is_dir() else package.parents[1] / FOLDER


def titles() -> list[tuple[str, str]]:
    """Each page as it is typed, with its title."""
    found = [path for part in PARTS for path in sorted((docs_dir() / part).glob("*.md"))]
    return [(f"{FOLDER}/{path.relative_to(docs_dir()).as_posix()}", _title(path)) for path in found]


def is_page(word: object) -> bool:
    """Whether a word of the line is meant for a page."""
    return str(word).startswith(f"{FOLDER}/")


def show(word: str) -> None:
    """Prints a page.

    Raises:
        UsageError: there is none of that name.
    """
    pages = dict(titles())
    name = word if word.endswith(".md") else f"{word}.md"
    if name not in pages:
        near = did_you_mean(name, pages).strip()
        raise UsageError("a page must be one of `gsu show docs`", found=word, way_out=near or "List them with it")
    text = (docs_dir() / name.removeprefix(f"{FOLDER}/")).read_text(encoding="utf-8")
    if console.is_terminal:
        from rich.markdown import Markdown  # here: its parser takes a while to load, and few lines print a page

        console.print(Markdown(text, hyperlinks=False))
    else:  # to be searched, or kept as a file
        console.print(Text(text.rstrip("\n")), soft_wrap=True)


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return next((line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), "")
