"""Hydra composes a line to ask for ``hydra.mode`` and again to run it. Where no config sets it, the first is left out.

The answer is the same: none, for which Hydra takes what the flags say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

HARMLESS = ("hydra.run.dir=", "hydra.sweep.dir=", "hydra.sweep.subdir=", "hydra.job.chdir=")
EXPERIMENTS = "experiment"  # configs that may set it, chosen by a word of that name


@contextmanager
def asked_where_it_matters(configs: Path) -> Iterator[None]:
    """Within, `hydra.main` asks for the mode of lines that may have one alone; ``configs``: the folder of ours."""
    from hydra._internal.hydra import Hydra

    ask = Hydra.get_mode

    def get_mode(hydra: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        searched = [place.path for place in hydra.config_loader.get_search_path().get_path()]
        return ask(hydra, config_name, overrides) if may_be_set(configs, searched, overrides) else None

    Hydra.get_mode = get_mode  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Hydra.get_mode = ask  # type: ignore[method-assign]


def may_be_set(configs: Path, searched: Sequence[str | None], words: Sequence[str]) -> bool:
    """Whether a config or a word may set ``hydra.mode``.

    Args:
        configs: the folder of ours.
        searched: where Hydra looks for configs.
        words: overrides of the line.
    """
    if {place for place in searched if place} != {str(configs), "pkg://hydra.conf", "structured://"}:
        return True  # configs of others
    suspect = [word for word in words if not word.startswith(HARMLESS)]
    if any("hydra" in word or EXPERIMENTS in word for word in suspect):
        return True
    return _set_below(configs)


@cache
def _set_below(folder: Path) -> bool:
    """Whether a config that is no experiment speaks of Hydra and of a mode."""
    texts = (p.read_bytes() for p in folder.rglob("*.yaml") if EXPERIMENTS not in p.relative_to(folder).parts)
    return any(b"hydra" in text and re.search(rb"\bmode\b", text) is not None for text in texts)
