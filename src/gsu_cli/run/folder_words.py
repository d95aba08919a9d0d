"""Which words of a line chose a folder, for sentences about files that cannot be written there."""

from __future__ import annotations

from pathlib import Path

_chosen: dict[Path, str] = {}


def chosen_with(folder: Path, words: str) -> None:
    """Notes with which words of a line ``folder`` was chosen, for the sentence of a file below it.

    >>> chosen_with(Path("/results"), "output=FOLDER")
    >>> elsewhere(Path("/results/table.csv"))
    'choose another folder with output=FOLDER'
    """
    _chosen[folder.absolute()] = words


def elsewhere(path: Path) -> str:
    """How to have a file in another place, for the way out of a sentence."""
    here = path.absolute()
    words = next((_chosen[folder] for folder in (here, *here.parents) if folder in _chosen), "")
    return f"choose another folder{f' with {words}' if words else ''}"
