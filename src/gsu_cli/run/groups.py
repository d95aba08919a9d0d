"""The groups of configs that a verb chooses from, read from files without a YAML parser: help must answer at once."""

from __future__ import annotations

import re
from pathlib import Path

_LINE = re.compile(r"^\s+- (?:override )?/?([\w/]+)(?:@[\w.]+)?:[ \t]*(\[.*?\]|[^\s#]*)", re.MULTILINE)

_INCLUDED = re.compile(r"^\s+- (_(?!self_)\w+)\s*$", re.MULTILINE)
_PACKAGE = re.compile(r"^# @package (\w+)", re.MULTILINE)
_KEY = re.compile(r"^(\w+):", re.MULTILINE)


def defaults_of(verb: str, conf_dir: Path) -> dict[str, str]:
    """Group -> what the root config of a verb chooses: a name, ``[a, list, of, them]``, ``null`` or ``???``."""
    root = conf_dir / f"{verb}.yaml"
    return dict(_LINE.findall(root.read_text(encoding="utf-8"))) if root.is_file() else {}


def settings_of(verb: str, conf_dir: Path) -> set[str]:
    """The first words of the settings that a verb has: those of its root config, of what that includes, its groups."""
    root = conf_dir / f"{verb}.yaml"
    if not root.is_file():
        return set()
    text = root.read_text(encoding="utf-8")
    parts = [root, *(conf_dir / f"{name}.yaml" for name in _INCLUDED.findall(text))]
    found = set(defaults_of(verb, conf_dir))
    for part in parts:
        written = part.read_text(encoding="utf-8")
        package = _PACKAGE.search(written)
        inside = package is not None and package[1] != "_global_"
        found |= {package[1]} if package is not None and inside else set(_KEY.findall(written))
    return {name for name in found - {"defaults", "hydra"} if "/" not in name}


def option_names(folder: Path) -> list[str]:
    """The choices of a group, those in folders of theirs included: ``protocol/mnist``."""
    paths = (path.relative_to(folder) for path in folder.rglob("*.yaml") if not path.stem.startswith("_"))
    return sorted(path.with_suffix("").as_posix() for path in paths)


def takes_several(group: str, conf_dir: Path) -> bool:
    """Whether choices of the group stand side by side, each below a key of its own: ``judge=[cnn,knn]``."""
    mark = f"# @package {group}."
    return any(path.read_text(encoding="utf-8").startswith(mark) for path in (conf_dir / group).glob("*.yaml"))


def has_class(group: str, conf_dir: Path) -> bool:
    """Whether choices of the group name a class; those of others are settings that a verb cannot be without."""
    return any("_target_" in path.read_text(encoding="utf-8") for path in (conf_dir / group).glob("*.yaml"))
