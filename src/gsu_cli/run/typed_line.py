"""The line that runs a config again: what was typed, and where configs of one's own lie."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

CONFIGS = "--config-dir="
FLAG = "command-line"  # Hydra's word for what --config-dir added
OWN = (FLAG, "hydra.searchpath")  # beginnings of what it calls places of one's own
PLACES = (CONFIGS, "hydra.searchpath=")  # words that say where configs lie


def typed(verb: str) -> list[str]:
    """``gsu <verb>`` and its words, quoted for a shell; of those about Hydra itself only where configs lie.

    Args:
        verb: of the line that is at work.
    """
    return ["gsu", verb, *map(shlex.quote, words())]


def words() -> list[str]:
    """The same words as a program gets them, behind the verb."""
    folders = [f"{CONFIGS}{s.path}" for s in HydraConfig.get().runtime.config_sources if s.provider == FLAG]
    return [*folders, *searchpath(FLAG), *map(str, HydraConfig.get().overrides.task)]


def searchpath(*besides: str) -> list[str]:
    """The word that says where configs of one's own lie, or none where there are none.

    Args:
        besides: providers, as Hydra calls them, whose places are said otherwise.
    """
    own = [s for s in HydraConfig.get().runtime.config_sources if str(s.provider).startswith(OWN)]
    places = [quoted(f"{s.schema}://{s.path}") for s in own if s.provider not in besides]
    return [f"hydra.searchpath=[{','.join(places)}]"] if places else []


def own_folders() -> list[Path]:
    """Folders of configs of one's own, as `--config-dir` and `hydra.searchpath` name them."""
    own = [s for s in HydraConfig.get().runtime.config_sources if str(s.provider).startswith(OWN)]
    return [Path(s.path) for s in own if s.schema == "file"]


def quoted(text: str) -> str:
    """As a value on Hydra's command line, whatever letters are in it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def without_places(command: Sequence[str]) -> list[str]:
    """A command without the words that say where configs lie.

    >>> without_places(["gsu", "unlearn", "--config-dir=mine", "method=fade"])
    ['gsu', 'unlearn', 'method=fade']
    """
    return [word for word in command if not word.lstrip("'+").startswith(PLACES)]
