"""``gsu show docs``: pages of the docs, which an installed gsu carries; ``gsu show docs/own-model.md`` prints one."""

from __future__ import annotations

import re
from pathlib import Path

from rich.text import Text

from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.verbs.console import console

FOLDER = "docs"
PARTS = ("", "methods")  # folders of the docs; records and design notes are the repository's
ELSEWHERE = ("results", "design", "reference", "images", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
CODE = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


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
    """Whether a word of the line is meant for a page: its name, or a link as a page shows it."""
    return str(word).startswith(f"{FOLDER}/") or str(word).endswith(".md")


def called(word: str) -> str:
    """The page of that name, or whose file has it, as it is typed; empty where there is none.

    >>> called("gan"), called("Concepts.md"), called("uno.md"), called("docs/sweeps")
    ('docs/gan.md', 'docs/concepts.md', 'docs/methods/uno.md', 'docs/sweeps.md')
    """
    file = word.lower().removeprefix(f"{FOLDER}/").removesuffix(".md") + ".md"
    pages = dict(titles())
    return next((page for part in PARTS if (page := "/".join(filter(None, (FOLDER, part, file)))) in pages), "")


def show(word: str) -> None:
    """Prints a page.

    Raises:
        UsageError: there is none of that name.
    """
    name = called(word)
    if not name:
        raise UsageError("a page must be one of `gsu show docs`", found=word, way_out=_way_out(word))
    text = (docs_dir() / name.removeprefix(f"{FOLDER}/")).read_text(encoding="utf-8")
    if console.is_terminal:
        _print(text)
    else:  # to be searched, or kept as a file
        console.print(Text(text.rstrip("\n")), soft_wrap=True)


def _print(text: str) -> None:
    """Prose set for the terminal; code as it stands, at its left edge and unbroken, since it will be copied."""
    from rich.markdown import Markdown  # here: its parser takes a while to load, and few lines print a page

    for i, part in enumerate(CODE.split(text)):
        if i % 2:
            console.print(Text(f"\n{part}", style="cyan"), soft_wrap=True)
        elif part.strip():
            console.print(Markdown(part, hyperlinks=False))


def _way_out(word: str) -> str:
    file = word.removeprefix(f"{FOLDER}/")
    if file.partition("/")[0] in ELSEWHERE:
        return "See it in the repository of gsu: an installed gsu carries none but these"
    stems = {Path(page).stem: page for page, _ in titles()}
    near = next((page for stem, page in stems.items() if f"{stem!r}" in did_you_mean(Path(file).stem, stems)), "")
    return f"Did you mean {near!r}?" if near else "List them with it"


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return next((line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), "")
