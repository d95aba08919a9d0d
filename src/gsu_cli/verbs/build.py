"""From a config with a ``_target_`` to the object that it names."""

from __future__ import annotations

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from gsu_cli.errors import GsuError, UsageError
from gsu_cli.judges.base import Unavailable
from gsu_cli.run.checkpoints import one_line


def build(cfg: DictConfig, **more: Any) -> Any:
    """Instantiates ``cfg._target_``; an error of the user passes through as itself, not as Hydra's."""
    try:
        return instantiate(cfg, _convert_="all", **more)
    except InstantiationException as e:
        cause: BaseException | None = e
        while cause is not None:
            if isinstance(cause, GsuError | Unavailable):
                raise cause from None
            cause = cause.__cause__
        raise UsageError(
            f"`{cfg.get('_target_')}` must be importable and take these arguments",
            found=one_line(e.__cause__ if isinstance(e.__cause__, Exception) else e),
        ) from e
