"""Every method on a diffusion model: it runs and moves the weights, or says in one sentence what it needs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import tiny_diffusion
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.models.protocols import HasDecoder
from gsu_cli.run.configs import conf_dir
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

SMALL = {"steps": 2, "log_every": 2, "batch_size": 32, "epochs": 1, "bank_images": 300}
NAMES = sorted(path.stem for path in (conf_dir() / "method").glob("*.yaml"))
NEED_A_DECODER = {"moon", "salun", "selective_amnesia"}


def made(name: str) -> Any:
    options = OmegaConf.load(conf_dir() / "method" / f"{name}.yaml")
    options = OmegaConf.merge(options, {k: v for k, v in SMALL.items() if k in options})
    return instantiate(options, _convert_="all")


@pytest.mark.parametrize("name", NAMES)
def test_a_method_runs_or_says_what_it_needs(name: str) -> None:
    original, method = tiny_diffusion.trained(), made(name)
    arguments: dict[str, Any] = {"generator": torch.Generator().manual_seed(0), "recipe": Recipe(1, 100, 1e-3, ema=0.9)}
    if name in NEED_A_DECODER:
        assert method.needs == (HasDecoder,)
        with pytest.raises(UsageError, match=rf"`method={name}` needs a model with posterior\(\), decoder and likelih"):
            unlearn(original, tiny_world.split(), method, **arguments)
        return
    model, update = unlearn(original, tiny_world.split(), method, **arguments)
    assert not tiny_world.same(tiny_world.weights(original), tiny_world.weights(model))
    assert update.details["loss_unit"] == "MSE of v"
    assert update.details["cost"]["gradient_evaluations_per_image"] > 0
    assert set(update.details["diagnostics"]["loss_change"]) == {"forget", "retain"}
