"""What a line typed, and where the files lie that a config names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig

FILES = ("path", "retrained", "sample", "data_dir", "resume", "run")  # keys whose value may be a file or a folder
PLANTED = ("canaries", "canary_copies")  # which the class of a data set does not take
PLACES = ("path", "data_dir", "cache_dir", "download", "timeout")  # of a data set: where it lies, not what it is


def typed() -> list[str]:
    """Keys that the line sets, dotted, in its order."""
    return [str(word).lstrip("+~").split("=")[0].split("@")[0] for word in HydraConfig.get().overrides.task]


def taken_away() -> set[str]:
    """Keys that the line takes away: ``~metric.identity``."""
    words = [str(word) for word in HydraConfig.get().overrides.task]
    return {word[1:].split("=")[0] for word in words if word.startswith("~")}


def is_typed(*keys: str) -> bool:
    """Whether the line sets one of the keys, or something below it."""
    return any(name == key or name.startswith(f"{key}.") for name in typed() for key in keys)


def absolute(config: Mapping[str, Any]) -> dict[str, Any]:
    """A plain config whose files and folders can be found from any other folder."""
    return {
        key: absolute(value) if isinstance(value, Mapping) else _absolute(value) if key in FILES else value
        for key, value in config.items()
    }


def choices(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a data set that say what it is, without those that say where it lies."""
    return {key: value for key, value in planted(dataset).items() if key not in PLACES}


def planted(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a data set, without those of canaries where none are planted: as before there were any."""
    return {key: value for key, value in dataset.items() if key not in PLANTED or dataset.get("canaries")}


def _absolute(value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        return value
    path = Path(value).expanduser()
    try:
        return str(path.absolute()) if path.exists() else value
    except OSError:  # too long for a name: whoever reads it will say so
        return value
