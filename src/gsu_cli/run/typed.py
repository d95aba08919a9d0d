"""The line that runs a config again: what was typed, and where configs of one's own lie."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig

CONFIGS = "--config-dir="
PLACES = (CONFIGS, "hydra.searchpath=")  # words that say where configs lie


def typed(verb: str) -> list[str]:
    """``gsu <verb>`` and its words, quoted for a shell; of those about Hydra itself only where configs lie.

    Args:
        verb: of the line that is at work.
    """
    return ["gsu", verb, *map(shlex.quote, words())]


def words() -> list[str]:
    """The same words as a program gets them, behind the verb."""
    hydra = HydraConfig.get()
    sources = hydra.runtime.config_sources
    folders = [f"{CONFIGS}{s.path}" for s in sources if s.provider == "command-line"]
    others = ",".join(f"'{s.schema}://{s.path}'" for s in sources if str(s.provider).startswith("hydra.searchpath"))
    places = [f"hydra.searchpath=[{others}]"] if others else []
    return [*folders, *places, *map(str, hydra.overrides.task)]


def without_places(command: Sequence[str]) -> list[str]:
    """A command without the words that say where configs lie.

    >>> without_places(["gsu", "unlearn", "--config-dir=mine", "method=fade"])
    ['gsu', 'unlearn', 'method=fade']
    """
    return [word for word in command if not word.lstrip("'+").startswith(PLACES)]
