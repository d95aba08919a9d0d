"""From a config with a ``_target_`` to the object that it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.errors import HydraException, InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from gsu_cli.errors import GsuError, UsageError, did_you_mean
from gsu_cli.judges.base import Unavailable
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.groups import option_names
from gsu_cli.run.memory import is_out_of_memory
from gsu_cli.run.moved_classes import current
from gsu_cli.run.one_line import one_line
from gsu_cli.surgery.torch_defaults import check_defaults
from gsu_cli.verbs.arguments import check_arguments, left_out
from gsu_cli.verbs.own_target import why_not

NEEDED = {
    "dataset": ("load",),
    "method": ("__call__",),
    "judge": ("prepare",),
    "metric": ("__call__",),
    "audit": ("__call__",),
    "logger": ("start", "log", "finish"),
    "training": ("epochs", "batch_size", "lr"),
}
"""Group -> members of what its configs build."""


def chosen(cfg: DictConfig, group: str) -> DictConfig:
    """The config of the one choice of a group.

    Raises:
        UsageError: there is none.
    """
    found = cfg.get(group)
    if not isinstance(found, DictConfig):
        options = ", ".join(option_names(conf_dir() / group))
        raise UsageError(f"`{group}` must be given", found=found, way_out=f"Choose one of {options}")
    return found


def build_choice(cfg: DictConfig, group: str, **more: Any) -> Any:
    """What the one choice of a group builds.

    Raises:
        UsageError: there is none, or it cannot be built.
    """
    return build(chosen(cfg, group), key=group, **more)


def build_several(cfg: DictConfig, group: str) -> dict[str, Any]:
    """Name -> what it builds, for a group whose choices stand side by side; what is null is left out.

    Raises:
        UsageError: one of them cannot be built.
    """
    found = cfg.get(group)
    if found is not None and not isinstance(found, DictConfig):
        options = option_names(conf_dir() / group)
        rule = f"`{group}` must be names, each one of {', '.join(options)}"
        raise UsageError(rule, found=found, way_out=did_you_mean(str(found), options))
    entries: dict[Any, Any] = dict(found or {})
    if isinstance(entries.get("_target_"), str):
        raise UsageError(
            f"the yaml of a choice of `{group}` must say its name in its first line",
            found=f"`_target_: {entries['_target_']}` outside of any name",
            way_out=f"Let it begin with `# @package {group}.NAME`",
        )
    return {str(name): build(sub, key=f"{group}.{name}") for name, sub in entries.items() if sub is not None}


def build(cfg: Any, *, key: str = "", **more: Any) -> Any:
    """Instantiates ``cfg._target_``; an error of the user passes through as itself, not as Hydra's.

    Args:
        cfg: the config.
        key: where it stands in the whole config; asked of ``cfg`` if empty.
        more: arguments beyond those of the config.

    Raises:
        UsageError: there is no class, it does not take these options, or it makes something else than its group needs.
    """
    key = key or (str(cfg._get_full_key(None)) if isinstance(cfg, DictConfig) else "")
    target = cfg.get("_target_") if isinstance(cfg, DictConfig) else None
    if not isinstance(target, str):
        found: object = "null" if cfg is None else cfg if target is None else f"_target_={target!r}"
        way_out = f"Type +{key}._target_=my_package.MyClass for one of your own"
        raise UsageError(f"`{key}` must name a class in _target_", found=found, way_out=way_out)
    if (target_now := current(target)) != target:
        cfg = OmegaConf.merge(cfg, {"_target_": target_now})
        target = target_now
    if "_partial_" in cfg:
        raise UsageError(f"`{key}` must build something whole", found="_partial_", way_out="Leave it out")
    options = {str(k): v for k, v in (OmegaConf.to_container(cfg, resolve=True) or {}).items() if k[:1] != "_"}  # type: ignore[union-attr, index]
    try:
        made = instantiate(cfg, _convert_="all", **more)
    except InstantiationException as e:
        cause: BaseException | None = e
        while cause is not None:
            if isinstance(cause, GsuError | Unavailable) or is_out_of_memory(cause):
                raise cause from None
            cause = cause.__cause__
        if (sentence := why_not(target, key)) is not None:
            raise sentence from e
        _check(target, {**options, **more}, key, whole=True)
        raise UsageError(
            f"`{target}` must be importable and take these arguments",
            found=one_line(e.__cause__ if isinstance(e.__cause__, Exception) else e),
        ) from e
    check_defaults(f"`{target}`")
    if "_partial_" not in more:  # only now: a class's own sentence says more
        _check(target, options, key)
        _check_made(made, NEEDED.get(key.partition(".")[0], ()), key)
    return made


def _check(target: str, options: dict[str, Any], key: str, *, whole: bool = False) -> None:
    """Refuses options that do not fit; ``whole``: and those that are lacking."""
    options.pop("_partial_", None)
    try:
        found = get_object(target)
    except (HydraException, ImportError, ValueError):
        return
    check_arguments(found, options, key)
    if whole and (missing := left_out(found, options)):
        raise UsageError(
            f"`{key}` must hold every option of {found.__name__} that has no default",
            found=f"no {' and no '.join(missing)}",
            way_out=f"Type {' '.join(f'{key}.{name}=VALUE' for name in missing)}",
        )


def _check_made(made: Any, needed: Sequence[str], key: str) -> None:
    if missing := [name for name in needed if not hasattr(made, name)]:
        group = key.partition(".")[0]
        what = {
            "metric": "metric, which is called",
            "audit": "probe, which is called",
            "method": "method, which is called",
        }.get(group, group)
        raise UsageError(
            f"`{key}._target_` must make a {what}",
            found=f"{type(made).__name__} without {', '.join(f'{name}()' for name in missing)}",
            way_out=f"See the choices with `gsu show {group}s`",
        )
