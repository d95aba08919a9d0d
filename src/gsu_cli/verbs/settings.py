"""The settings of each verb that no class takes: which there are, and which hold text. Checked before anything else.

Hydra lets a line take a setting away (``~retrain``), add one that nothing reads (``+evaluation.smaples=100``) or put a
list where a path belongs; none of these may be found out by a verb half-way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gsu_cli.errors import UsageError, did_you_mean

ANY, TEXT, PERHAPS = "any value", "text", "text or null"
SOMETIMES = "any value, where it is"  # a key that not every choice of its group has
Kinds = Mapping[str, Any]  # name -> one of these, or the Kinds of a section

PATHS: Kinds = {"data_dir": TEXT, "output_dir": TEXT, "measured_dir": PERHAPS}
FORGET: Kinds = dict.fromkeys(("class", "attribute", "sample", "canary", "fraction"), ANY)
SEEDS: Kinds = {"seed": ANY, "seeds": dict.fromkeys(("train", "unlearn", "evaluate"), ANY)}
CHECKPOINT: Kinds = {
    "name": TEXT,
    "path": PERHAPS,
    "retrained": PERHAPS,
    "entry": ANY,
    "rename": ANY,
    "samples": SOMETIMES,
}
PROTOCOL: Kinds = {"budget": ANY, "images": ANY, "latents": ANY, "strength": PERHAPS, "low": ANY, "high": ANY}
MEASURED: Kinds = {"evaluation": {"samples": ANY, "guidance": ANY}, "checkpoint": CHECKPOINT}
COMPUTES: Kinds = {"paths": PATHS, "forget": FORGET, "device": ANY, "precision": ANY, **SEEDS}

WAYS_OUT = {
    "forget": "Type forget.class=1",
    "evaluation": "Type evaluation.samples=1000, or 'metric=[]' to measure nothing",
    "protocol": "Type protocol.budget=0.01",
}

FILTER: Kinds = dict.fromkeys(("verb", "dataset", "method", "forget", "status"), ANY)

SETTINGS: Mapping[str, Kinds] = {
    "train": {
        **COMPUTES,
        "resume": PERHAPS,
        "leave_out": dict.fromkeys(("models", "folds", "fractions", "repeats", "latents", "workers"), ANY),
    },
    "unlearn": {**COMPUTES, **MEASURED, "protocol": PROTOCOL, "curve": ANY, "retrain": ANY, "tune": ANY},
    "evaluate": {**COMPUTES, **MEASURED, "run": PERHAPS},
    "audit": {
        **COMPUTES,
        "checkpoint": CHECKPOINT,
        **dict.fromkeys(("run", "design"), PERHAPS),
        **dict.fromkeys(("images", "repeats", "references", "unlearned", "workers"), ANY),
    },
    "reproduce": {
        "paths": PATHS,
        **dict.fromkeys(("device", "preview", "workers", "cell_seconds"), ANY),
        "records": PERHAPS,
    },
    "report": {
        "paths": PATHS,
        "filter": FILTER,
        **dict.fromkeys(("runs", "by", "columns", "format", "pictures", "replace"), ANY),
        **dict.fromkeys(("output", "title", "sort"), PERHAPS),
    },
    "show": {
        "paths": PATHS,
        **dict.fromkeys(("what", "last", "compare"), ANY),
        "filter": FILTER,
    },
}
GROUPS = ("audit", "dataset", "experiment", "judge", "logger", "method", "metric", "model", "table", "training")


def check(cfg: DictConfig, verb: str) -> None:
    """Refuses a config in which a setting of the verb is missing, is none, or holds what cannot be one.

    Raises:
        UsageError: naming the setting.
    """
    kinds = SETTINGS[verb]
    _check(cfg, kinds, "")
    _check_keys(cfg, "")
    strange = [str(key) for key in cfg if key not in kinds and key not in GROUPS]
    typed = " ".join(map(str, HydraConfig.get().overrides.task)) if HydraConfig.initialized() else ""
    for key in strange:
        # one of an experiment file, or one that others refer to, may stay
        if f"${{{key}" in typed:
            continue
        if f"+{key}" in typed:
            raise _unknown(verb, key, [*kinds, *GROUPS])
        if placed := re.search(rf"\+([\w/]+)@{re.escape(key)}\b", typed):
            raise UsageError(
                "a choice of a group must stand where the group does",
                found=placed[0],
                way_out=f"Type {placed[1]}=CHOICE.",
            )


def _check(cfg: DictConfig, kinds: Kinds, prefix: str) -> None:
    for name, kind in kinds.items():
        key = f"{prefix}{name}"
        if name not in cfg and kind is SOMETIMES:
            continue
        if name not in cfg:
            raise UsageError(f"`{key}` must stay among the settings", found=f"~{key}", way_out="Leave that word out")
        value = cfg[name]
        if isinstance(kind, Mapping):
            if not isinstance(value, DictConfig):
                example = WAYS_OUT.get(key, f"Type {key}.KEY=VALUE")
                raise UsageError(f"`{key}` must stay a group of settings", found=_shown(value), way_out=f"{example}.")
            _check(value, kind, f"{key}.")
            for other in map(str, value):
                if other not in kind:
                    raise _unknown("", f"{key}.{other}", [f"{key}.{known}" for known in kind])
        elif kind in (TEXT, PERHAPS) and not _is_text(value) and not (value is None and kind is PERHAPS):
            raise UsageError(f"`{key}` must be {kind}", found=_shown(value), way_out=_in_quotes(key, value))


def _check_keys(cfg: DictConfig, prefix: str) -> None:
    for key in cfg:
        if not isinstance(key, str):
            raise UsageError(
                "the name of a setting must be text", found=f"{key!r} in {prefix.rstrip('.') or 'the line'}"
            )
        if not OmegaConf.is_interpolation(cfg, key) and isinstance(cfg[key], DictConfig):
            _check_keys(cfg[key], f"{prefix}{key}.")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _unknown(verb: str, key: str, known: list[str]) -> UsageError:
    whose = f"that `gsu {verb}` has" if verb else f"of {', '.join(known)}"
    return UsageError(f"a setting must be one {whose}", found=key, way_out=did_you_mean(key, known).strip())


def _shown(value: Any) -> object:
    if value is None:
        return "null"
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else repr(value)


def _in_quotes(key: str, value: Any) -> str:
    """How to type a number as text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"""Put it in quotes twice: '{key}="{value}"'""" if is_number else ""


def names(kinds: Kinds, prefix: str = "") -> Iterator[str]:
    """Dotted names of all settings, sections among them."""
    for name, kind in kinds.items():
        if kind is not SOMETIMES:
            yield f"{prefix}{name}"
        if isinstance(kind, Mapping):
            yield from names(kind, f"{prefix}{name}.")
