"""Every number that a config of a model or a recipe names: each wrong value is one sentence, none means something else.

The tables must name each key, so that a new one is tried, too.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.models.vae.ppca import Ppca
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs.models import build_model

CONF = Path(__file__).parents[2] / "conf"
MODELS = (
    "ddpm", "ddpm_conditional", "flow", "dcgan", "cvae", "mlp_vae", "mlp_vae_bn", "conv_vae_images", "ppca",
    "judge_cnn",
)  # fmt: skip
NO_COUNT = (0, -1, 2.0, "2", True, None, [4], 0.5, math.nan)
NO_COUNTS = (0, [], [0], [-8, 8], [8.0, 16], ["8", 16], [True, 8], "8", {"a": 8}, [[8, 16]])
NO_SIZE = (-1, math.nan, math.inf, "1", True, None, [1])
WRONG: dict[str, tuple[Any, ...]] = {
    "channels": (*NO_COUNTS, [8, 8, 8, 8, 8, 8, 8]),
    "critic": (*NO_COUNTS, [8, 8], [8, 8, 8, 8], None),
    "hidden": (*NO_COUNTS, None),
    "mapping": (0, [0], [-1], [2.0], "8", None),
    "patch": (*NO_COUNT, 3, 10**9),
    "embedding": NO_COUNT,
    "latent_dim": NO_COUNT,
    "train_steps": (*NO_COUNT, 1),
    "sample_steps": (*NO_COUNT, 1, 1001, 10**12),
    "conditions": (-1, 1, 7, 10**12, 0.0, 9.0, "9", True, False, [9]),
    "drop": (1, 1.5, *NO_SIZE),
    "guidance": (100.5, 1e300, *NO_SIZE),
    "gamma": NO_SIZE,
    "width": NO_COUNT,
    "feature_dim": NO_COUNT,
    "sigma": (0, 10.5, 1e-7, 1e-300, 1e300, -1, math.nan, "1", True, [1]),
}
RECIPES = ("default", "ddpm", "dcgan", "faces", "judge")
WRONG_RECIPE: dict[str, tuple[Any, ...]] = {
    "epochs": NO_COUNT,
    "batch_size": NO_COUNT,
    "lr": (0, *NO_SIZE),
    "weight_decay": (1e300, *NO_SIZE),
    "ema": (1, 1.5, *NO_SIZE),
}


def numbers(path: Path) -> dict[str, Any]:
    """The options of a yaml that are numbers, lists of them, or null."""
    return {k: v for k, v in options(path).items() if k[0] != "_" and not isinstance(v, bool | str)}


def options(path: Path) -> dict[str, Any]:
    found: Any = OmegaConf.to_container(OmegaConf.load(path))
    return dict(found)


def built(name: str, **more: Any) -> Any:
    cfg = OmegaConf.create({**options(CONF / "model" / f"{name}.yaml"), **more})
    return build_model(cfg, tiny_world.dataset())


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_number_of_a_model_is_one_sentence(name: str) -> None:
    usual = {"conditions": 9} if "conditions" in numbers(CONF / "model" / f"{name}.yaml") else {}
    for key in numbers(CONF / "model" / f"{name}.yaml"):
        for value in WRONG[key]:
            with pytest.raises(UsageError) as error:
                built(name, **{**usual, key: value})
            said = str(error.value)
            assert f"`model.{key}" in said or f" `model={name}` is" in said, (key, value, said)
            assert "\n" not in said


@pytest.mark.parametrize("name", RECIPES)
def test_a_wrong_number_of_a_recipe_is_one_sentence(name: str) -> None:
    usual = {k: v for k, v in options(CONF / "training" / f"{name}.yaml").items() if k[0] != "_"}
    for key in numbers(CONF / "training" / f"{name}.yaml"):
        for value in WRONG_RECIPE[key]:
            with pytest.raises(UsageError, match=f"`training.{key}` ") as error:
                Recipe(**{**usual, key: value})
            assert "\n" not in str(error.value)


def test_a_decay_that_turns_weights_around_is_refused() -> None:
    Recipe(lr=1e-3, weight_decay=999.0)
    with pytest.raises(
        UsageError, match="must be below 1: .*; found 1000 times 0.001. Choose a weight_decay below 1000"
    ):
        Recipe(lr=1e-3, weight_decay=1000.0)


@pytest.mark.parametrize("name", ["ddpm_conditional", "flow"])
def test_guidance_needs_a_null_condition_that_was_learnt(name: str) -> None:
    for guidance in (0, 3):
        with pytest.raises(UsageError, match=f"found {guidance} for a model trained with model.drop=0. Leave it out"):
            built(name, conditions=9, drop=0, guidance=guidance)
    assert built(name, conditions=9, drop=0).guidance == 1


def test_a_linear_schedule_of_few_steps_would_add_more_than_all_noise() -> None:
    assert built("ddpm", schedule="linear", train_steps=21, sample_steps=4).train_steps == 21
    with pytest.raises(UsageError, match="`model.schedule=linear` needs at least 21 train_steps.*; found 20"):
        built("ddpm", schedule="linear", train_steps=20, sample_steps=4)


def test_what_is_read_off_the_data_is_not_typed_otherwise() -> None:
    assert built("mlp_vae", shape=[1, 8, 8]).shape == (1, 8, 8)
    with pytest.raises(UsageError, match=r"`model.shape` must be that of the data, \[1, 8, 8\]; found \[1, 28, 28\]"):
        built("mlp_vae", shape=[1, 28, 28])
    with pytest.raises(UsageError, match=r"`model.labels` must be that of the data, \[1, 3, 8\]; found \[0, 1\]"):
        built("judge_cnn", labels=[0, 1])


def test_a_closed_form_has_no_pixel_without_noise() -> None:
    with pytest.raises(UsageError, match=r"`model.sigma` must be at least 1e-06: .*; found 1e-300"):
        Ppca((1, 8, 8), sigma=1e-300)
