"""From a composed config to a session, and the settings that no class takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gsu_cli.checks import as_flag, as_int
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.errors import UsageError
from gsu_cli.run.device import choose, choose_precision
from gsu_cli.run.own_code import targets, versions
from gsu_cli.run.session import Session
from gsu_cli.run.typed_line import typed
from gsu_cli.verbs import console
from gsu_cli.verbs.line_keys import absolute


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The resolved config as plain values."""
    values = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)  # noqa: S101  # a DictConfig becomes a dict
    return {str(k): v for k, v in values.items()}


def open_session(cfg: DictConfig) -> Session:
    """The session of this run in the folder that Hydra made for it."""
    console.begin()
    hydra = HydraConfig.get()
    verb = str(hydra.job.config_name)  # a line may name its job as it likes
    _seed("seed", cfg.seed)  # before those that take its value
    seeds = {str(k): _seed(f"seeds.{k}", v) for k, v in cfg.seeds.items()}
    where = choose(cfg.get("device", "auto"))
    precision = choose_precision(cfg.get("precision", "float32"), where)
    session = Session(
        Path(hydra.runtime.output_dir),
        verb,
        config=absolute(plain(cfg)),
        command=typed(verb),
        seeds=seeds,
        device=where,
        precision=precision,
    )
    session.record.versions |= versions(targets(session.record.config))
    return session


def _seed(name: str, value: object) -> int:
    if isinstance(value, str) and value.isdecimal():
        raise UsageError(f"`{name}` must be an integer >= 0", found=repr(value), way_out=f"Type {name}={int(value)}")
    return as_int(name, value, 0)


def flag(cfg: DictConfig, key: str) -> bool:
    """An option that is true or false; a word would count as true in silence.

    Raises:
        UsageError: it is neither.
    """
    return as_flag(key, OmegaConf.select(cfg, key))


def forget_spec(forget: DictConfig) -> ForgetSpec | None:
    """The one place where the keyword-named ``forget.class`` is read."""
    values = OmegaConf.to_container(forget, resolve=True)
    assert isinstance(values, dict)  # noqa: S101  # a DictConfig becomes a dict
    return ForgetSpec.optional(**{"class_" if key == "class" else str(key): value for key, value in values.items()})
