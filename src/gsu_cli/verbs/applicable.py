"""Which methods run on a model: what a line is told that asked for one that does not."""

from __future__ import annotations

from omegaconf import OmegaConf

from gsu_cli.errors import GsuError
from gsu_cli.run.configs import conf_dir
from gsu_cli.unlearning.unlearn import check_needs
from gsu_cli.verbs.build import build


def methods_for(model: object) -> list[str]:
    """Names of the methods of `conf/method` that run on ``model`` with the options they have there, sorted."""
    return [name for name in sorted(path.stem for path in conf_dir().glob("method/*.yaml")) if _runs(name, model)]


def _runs(name: str, model: object) -> bool:
    try:
        check_needs(build(OmegaConf.load(conf_dir() / "method" / f"{name}.yaml"), key=f"method={name}"), model)
    except GsuError:  # it needs what the model lacks, or a package that is not there
        return False
    return True
