"""Judges from configs: those of the group ``judge``, and classifiers of one's own named by their class."""

from __future__ import annotations

import inspect
import pkgutil
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import nn

from gsu_cli.data.base import Dataset
from gsu_cli.judges.own_classifier import OwnClassifier
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.groups import option_names
from gsu_cli.run.moved_classes import current
from gsu_cli.run.own_names import is_ours
from gsu_cli.verbs.build import build, build_several
from gsu_cli.verbs.models import import_options

SETTINGS = ("path", "threshold", "mean", "std", "labels", "entry", "rename")
"""Options that are the judge's, not its class's."""


def build_judges(cfg: DictConfig) -> dict[str, Any]:
    """Name -> judge, as `build_several`; a ``_target_`` that is a torch module becomes a judge that wraps it.

    Raises:
        UsageError: a class cannot be had, or an option is wrong.
    """
    found = cfg.get("judge")
    own = {str(k): sub for k, sub in found.items() if _is_module(sub)} if isinstance(found, DictConfig) else {}
    rest = OmegaConf.create({"judge": {k: v for k, v in found.items() if k not in own}}) if own and found else cfg
    made = build_several(rest, "judge")
    made |= {name: _own(name, sub) for name, sub in own.items()}
    return {str(name): made[str(name)] for name in found or {} if str(name) in made}


def usual_label(judge: object, name: str) -> str:
    """What tables call a judge without a label: its name, or its class where it stands in the place of one that ships.

    Args:
        judge: of anyone's.
        name: its key below ``judge``.
    """
    return name if is_ours(judge) or name not in option_names(conf_dir() / "judge") else type(judge).__name__


def _is_module(cfg: Any) -> bool:
    target = cfg.get("_target_") if isinstance(cfg, DictConfig) else None
    if not isinstance(target, str) or target.startswith("gsu_cli.judges."):
        return False
    try:
        kind = pkgutil.resolve_name(current(target))
    except Exception:  # noqa: BLE001  # `build` says why
        return False
    return isinstance(kind, type) and issubclass(kind, nn.Module)


def _own(name: str, cfg: DictConfig) -> OwnClassifier:
    kind = pkgutil.resolve_name(current(str(cfg._target_)))
    values = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(values, dict)  # noqa: S101  # a DictConfig becomes a dict
    settings: dict[str, Any] = {str(k): v for k, v in values.items() if k in SETTINGS}
    if "rename" in settings:
        rename = import_options(OmegaConf.create({"entry": None, "rename": settings["rename"]}))["rename"]
        settings["rename"] = rename
    own = OmegaConf.create({k: v for k, v in values.items() if k not in SETTINGS})
    takes = inspect.signature(kind).parameters

    def make(dataset: Dataset) -> nn.Module:
        known = {
            "shape": list(dataset.shape),
            "labels": sorted(dataset.class_names),
            "attributes": list(dataset.attribute_names),
            "num_classes": len(dataset.attribute_names or dataset.class_names),
        }
        more: dict[str, Any] = {k: v for k, v in known.items() if k in takes and k not in own}
        module: nn.Module = build(own, key=f"classifier {name}", **more)
        return module

    # in the place of one that ships tables call it by its class
    label = kind.__name__ if name in option_names(conf_dir() / "judge") else name
    return OwnClassifier(make, name, label=label, **settings)
