"""What the user may have had in mind: the settings and choices that exist near the line that was refused."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from gsu_cli.cli.app import App
from gsu_cli.cli.pages import VERBS, choices
from gsu_cli.errors import UsageError, did_you_mean, renamed
from gsu_cli.run.groups import defaults_of, option_names, settings_of, takes_several

SHOWN = 4  # choices named in a sentence
SINGLE = (
    "seed",
    "evaluation.",
    "checkpoint.",
    "paths.",
    "protocol.",
    "training.",
    "device",
    "precision",
    "retrain",
    "run",
)


def suggest_key(name: str, keys: list[str], ending: str = "") -> str:
    """A hint at the key that `name` may have stood for.

    >>> suggest_key("lr", ["method.lr", "seed"])
    "Did you mean 'method.lr'? "
    >>> suggest_key("method.buget", ["method.lr", "method.budget"])
    "Did you mean 'method.budget'? "
    """
    same_leaf = [key for key in keys if key.rpartition(".")[2] == name.rpartition(".")[2] and key != name]
    if len(same_leaf) == 1:
        return f"Did you mean {same_leaf[0] + ending!r}? "
    return did_you_mean(name, [key for key in keys if key != name]).replace("'? ", f"{ending}'? ")


def left_out_of_the_table(name: str) -> str:
    """How a key is added that every table may have and this one leaves out; empty for any other name.

    >>> left_out_of_the_table("table.subset"), left_out_of_the_table("table.rwos")
    ('Type +table.subset=VALUE: this table leaves it out. ', '')
    >>> left_out_of_the_table("table.thin")
    "It is called 'table.subset' now. Type +table.subset=VALUE: this table leaves it out. "
    """
    from gsu_cli.tables.spec import TableSpec

    now = renamed(name)
    group, _, key = now.partition(".")
    if group != "table" or key not in {f.name for f in fields(TableSpec)}:
        return ""
    return f"It is called {now!r} now. " * (now != name) + f"Type +{now}=VALUE: this table leaves it out. "


def left_out_choice(name: str, keys: list[str], app: App) -> UsageError | None:
    """For a setting of a choice that the line has not made, of a group whose choices stand side by side.

    Args:
        name: the setting, ``judge.knn.k``.
        keys: that the line has.
        app: the line.
    """
    group, choice, *_ = [*name.split("."), ""]
    if choice not in option_names(app.conf_dir / group) or f"{group}.{choice}" in keys:
        return None
    if not takes_several(group, app.conf_dir):
        return None
    default = defaults_of(app.verb, app.conf_dir).get(group, "").replace(" ", "")
    typed = next((word for word in reversed(app.overrides) if word.startswith(f"{group}=")), f"{group}={default}")
    chosen = [part for part in re.findall(r"[\w/.-]+", typed.partition("=")[2]) if part not in ("null", "none")]
    way_out = f"Type {group}=[{','.join([*chosen, choice])}]"
    return UsageError(f"`{name}` needs {choice} among the choices of `{group}`", found=typed, way_out=way_out)


def of_other_choices(name: str, app: App) -> str:
    """A hint for a setting that other choices of its group have, such as ``method.lr``; else the empty string."""
    group, _, leaf = name.partition(".")
    if not re.fullmatch(r"\w+", leaf) or group not in choices(app.verb, app.conf_dir):
        return ""
    own = re.compile(rf"^{leaf}:", re.MULTILINE)
    names = [o for o in option_names(app.conf_dir / group) if not o.startswith("_")]
    having = [o for o in names if own.search((app.conf_dir / group / f"{o}.yaml").read_text(encoding="utf-8"))]
    if not having:
        return ""
    more = f" and {len(having) - SHOWN} more" if len(having) > SHOWN else ""
    return f"Choose one that has it, {group}={', '.join(having[:SHOWN])}{more}, or another setting. "


def of_other_verbs(name: str, app: App) -> str:
    """A hint for a setting that this verb lacks and others have, such as ``run``; else the empty string."""
    first = name.partition(".")[0]
    if first in settings_of(app.verb, app.conf_dir):
        return ""
    verbs = [f"`gsu {verb}`" for verb in VERBS if first in settings_of(verb, app.conf_dir)]
    *most, last = verbs or [""]
    return f"{', '.join(most)}{' and ' * bool(most)}{last} {'have' if most else 'has'} it. " if verbs else ""


def takes_list(key: str, app: App) -> bool:
    """Whether several values of a key may stand in one run."""
    if (app.conf_dir / key).is_dir():
        return takes_several(key, app.conf_dir)
    return not key.startswith(SINGLE)


def option_of(word: str, app: App) -> list[str]:
    """The groups of this verb that have `word` as a choice."""
    return [
        group for group, options in choices(app.verb, app.conf_dir).items() if word in {o.rstrip("*") for o in options}
    ]


def of_another_group(choice: str, group: str, app: App) -> str:
    """A hint for a choice of another group of the verb, such as ``training=mlp_vae``; else the empty string.

    Only `train` makes a model by its name alone; other verbs need weights with it. Groups whose choices stand side by
    side, such as ``metric``, have none of them where their list is empty.
    """
    if choice == "none" and takes_several(group, app.conf_dir):
        return f"Type '{group}=[]' for none of them. "
    groups = [of for of in option_of(choice, app) if of != group and (of != "model" or app.verb == "train")]
    others = [f"{of}={choice}" for of in groups]
    return f"Type {' or '.join(others)} for the choice of that name. " if others else ""


def own_config(choice: str, group: str) -> str:
    """A hint for a choice whose yaml lies in a folder here that the line does not name; else the empty string."""
    if not re.fullmatch(r"[\w-]+", choice):
        return ""
    try:
        places = [".", *sorted(name for name in os.listdir() if name[:1] != "." and os.path.isdir(name))]
    except OSError:  # a closed or removed folder: nothing lies here that can be named
        return ""
    found = [place for place in places if os.path.isfile(os.path.join(place, *group.split("/"), f"{choice}.yaml"))]
    return f"Type --config-dir {shlex.quote(found[0])} for the config of that name there. " if found else ""


def known_keys(app: App) -> list[str]:
    """Every dotted key and group of the verb, with the choices of the line where these compose."""
    groups = choices(app.verb, app.conf_dir)
    chosen = [word for word in app.overrides if "," not in word and word.partition("=")[0] in groups]
    for attempt in (chosen, []):
        try:
            return sorted({*_dotted(_compose(app, attempt)), *groups})
        except Exception:  # noqa: BLE001, S112 - a hint must never hide the message it belongs to
            continue
    return sorted(groups)


def groups_of_settings(names: Sequence[str], keys: Sequence[str], app: App) -> list[str]:
    """Those of ``names`` that take no value themselves, such as ``forget``: settings stand below, and no choices."""
    above = {key[:i] for key in keys for i, mark in enumerate(key) if mark == "."}
    having_choices = choices(app.verb, app.conf_dir)
    return [name for name in names if name in above and name not in having_choices]


def parts_of(name: str, keys: Sequence[str]) -> str:
    """A hint at the settings below ``name``.

    >>> parts_of("forget", ["forget.class", "forget.sample", "seed"])
    'Type forget.class=VALUE or forget.sample=VALUE. '
    """
    below = [f"{key}=VALUE" for key in keys if key.rpartition(".")[0] == name][:SHOWN]
    *most, last = below
    return f"Type {', '.join(most)}{' or ' if most else ''}{last}. "


def _compose(app: App, overrides: list[str]) -> Any:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(app.conf_dir), version_base="1.3"):
        return compose(app.verb, overrides)


def _dotted(config: Any, prefix: str = "") -> Iterator[str]:
    from omegaconf import DictConfig, OmegaConf

    for key in (key for key in config if isinstance(key, str)):
        yield f"{prefix}{key}"
        plain = not OmegaConf.is_interpolation(config, key) and not OmegaConf.is_missing(config, key)
        if plain and isinstance(config[key], DictConfig):
            yield from _dotted(config[key], f"{prefix}{key}.")
