"""The line in words that Hydra knows: no choice of a group, and mappings, which people type and Hydra 1.3 refuses.

``judge=null``, ``~judge`` and ``method.options={c: 0.4}`` are natural to type. Hydra ends with a traceback of its own
or a sentence about structs. A word that no reading makes sensible is refused here, with the choices there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, QuotedString
from hydra.errors import HydraException

from gsu_cli.cli.app import App
from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.run.groups import defaults_of, has_class, option_names, takes_several
from gsu_cli.run.typed_line import quoted

HOME = re.compile(r"(?<=[=,\[])~(?:/[^,\]'\"]*)?(?=[,\]]|$)")


def reworded(words: Sequence[str], app: App) -> tuple[str, ...]:
    """The overrides as Hydra can take them.

    Raises:
        UsageError: a choice of a group that none can be.
    """
    parser = OverridesParser.create()
    found: list[str] = []
    for word in words:
        try:
            (override,) = parser.parse_overrides([word])
        except (HydraException, ValueError):
            found.append(at_home(word))  # Hydra's own complaint is told elsewhere
            continue
        found += _reworded(word, override, app)
    return tuple(found)


def at_home(word: str) -> str:
    """A word with ``~/``, which shells leave alone behind `=` and Hydra cannot read, as a path in quotes.

    >>> at_home("seed=1"), at_home("dataset.path=~/pets") == f"dataset.path={quoted(str(Path.home() / 'pets'))}"
    ('seed=1', True)
    """
    return HOME.sub(lambda found: quoted(str(Path(found[0]).expanduser())), word)


def _reworded(word: str, override: Override, app: App) -> Iterator[str]:
    group = override.key_or_group
    value: Any = override._value  # value() does not know sweeps
    if isinstance(value, dict):
        # new keys within, which a struct refuses; whether they mean anything is asked of the class or section
        yield word if override.type.name != "CHANGE" else f"++{word}"
    elif override.package is not None or not _is_group(group, app):
        yield word
    elif override.is_sweep_override():
        for choice in value.list if isinstance(value, ChoiceSweep) else ():
            _refuse_odd(group, choice, app)
        yield word
    elif value is None or (override.is_delete() and value == ""):
        yield from _none_of(group, word, app)
    elif override.is_delete():
        if takes_several(group, app.conf_dir):
            name = str(value[0] if isinstance(value, list) and value else value)
            raise UsageError(f"~{group} must stand alone", found=word, way_out=f"Type ~{group}.{name} for one of them.")
        yield word
    else:
        _refuse_odd(group, value, app)
        if override.type.name != "CHANGE" and group in defaults_of(app.verb, app.conf_dir):
            plain = word.lstrip("+")
            raise UsageError(
                "+ must only add a setting that is not there yet", found=word, way_out=f"Leave out the +: {plain}."
            )
        yield word


def _is_group(key: str, app: App) -> bool:
    return key == "hydra" or key.startswith("hydra/") or (bool(key) and (app.conf_dir / key).is_dir())


def _none_of(group: str, word: str, app: App) -> Iterator[str]:
    """No choice at all: an empty list, or the default taken away where there is one."""
    if group == "hydra" or group.startswith("hydra/"):
        raise UsageError(f"`{group}` must be a choice", found=word, way_out="See `gsu --help` and Hydra's `--info`.")
    default = defaults_of(app.verb, app.conf_dir).get(group)
    if default not in (None, "null") and not has_class(group, app.conf_dir):
        options = ", ".join(option_names(app.conf_dir / group))
        raise UsageError(f"`{group}` must be one of {options}", found=word, way_out="Leave that word out.")
    if default is not None and takes_several(group, app.conf_dir):
        yield f"{group}=[]"
    elif default not in ("null", "???"):
        yield f"~{group}"


def _refuse_odd(group: str, value: Any, app: App) -> None:
    """Refuses what names no choice: null and numbers among others, several where one is meant."""
    several = takes_several(group, app.conf_dir)
    names = value if isinstance(value, list) else [value]
    if all(isinstance(name, str | QuotedString) for name in names) and (several or len(names) == 1):
        return
    options = option_names(app.conf_dir / group)
    which = f"of {', '.join(options)}" if options else "that is there"
    rule = f"`{group}` must be {'names, each one' if several else 'one'} {which}"
    raise UsageError(rule, found=_text(value), way_out=did_you_mean(_text(names[0]) if names else "", options))


def _text(value: Any) -> str:
    """A parsed value as it is typed."""
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    return "null" if value is None else value.text if isinstance(value, QuotedString) else str(value)
