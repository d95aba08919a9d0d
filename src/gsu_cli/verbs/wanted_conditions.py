"""How many conditions a model that is to be built has: what its config says against the classes of the data."""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gsu_cli.data.base import Dataset
from gsu_cli.errors import UsageError
from gsu_cli.run.configs import conf_dir
from gsu_cli.verbs.line_keys import is_typed


def conditions_for(dataset: Dataset, wanted: object = None) -> int:
    """The number of conditions that a model of ``dataset`` needs.

    Args:
        dataset: of which `dataset.classes` may have left some out; their conditions stay.
        wanted: ``model.conditions``; None takes what the data need.

    Raises:
        UsageError: the data have fewer than two classes, or another number of them.
    """
    names = (dataset.whole or dataset).class_names
    if len(names) < 2:
        raise UsageError(
            "a conditional model needs images of at least two classes",
            found=f"{len(names)} in {dataset.name}",
            way_out="Choose an unconditional model, such as model=mlp_vae or model=conv_vae",
        )
    needed = max(names) + 1
    if wanted is not None and wanted != needed:
        raise UsageError(
            "`model.conditions` must be the number of classes of the data",
            found=f"{wanted!r} for {needed} in {dataset.name}",
            way_out="Leave it out: it is read off the data",
        )
    return needed


def conditions_wanted(cfg: DictConfig, dataset: Dataset) -> int:
    """The number of conditions of the model of a config, 0 for one that is told none.

    Args:
        cfg: of the group ``model``.
        dataset: whose images it is for.

    Raises:
        UsageError: as `conditions_for`; or none are wanted of a model that is for being told, or with ``drop`` typed.
    """
    wanted = cfg.get("conditions")
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted != 0:
        return conditions_for(dataset, wanted)
    name = HydraConfig.get().runtime.choices.get("model") if HydraConfig.initialized() else None
    own = conf_dir() / "model" / f"{name}.yaml"
    if name and own.is_file() and OmegaConf.select(OmegaConf.load(own), "conditions", default=0) is None:
        raise UsageError(
            f"a conditional model needs images of at least two classes: `model={name}` is told the class of an image, "
            "so `model.conditions` must be their number or null",
            found=wanted,
            way_out="Leave it out, or choose an unconditional model, such as model=mlp_vae or model=ddpm",
        )
    if HydraConfig.initialized() and is_typed("model.drop"):
        raise UsageError(
            "`model.drop` must be left out for a model without conditions, which hides none",
            found=cfg.get("drop"),
            way_out="Type model.conditions as well, the number of classes",
        )
    return 0
