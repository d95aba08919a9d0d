"""Runs of a search share what does not depend on its strength: each is as if run by itself, to the last bit."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import attribute_world
import tiny_diffusion
import tiny_gan
import tiny_world
from gsu_cli.models.model import copied
from gsu_cli.run.configs import conf_dir
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.shared import Shared
from gsu_cli.unlearning.unlearn import unlearn

SMALL = {
    "steps": 2, "log_every": 1, "batch_size": 32, "n_generated": 200, "n_fisher": 60, "n_replay": 60,
    "labeller_images": 300, "fisher_images": 60, "retain_images": 60, "forget_images": 60, "budget_images": 60,
}  # fmt: skip
WORLDS = {
    "VAE": tiny_world.trained,
    "diffusion": tiny_diffusion.trained,
    "GAN": tiny_gan.taught,
    "signs": attribute_world.trained,
}
# on which family, the option that varies, and two values of it
METHODS: dict[str, tuple[str, str, float, float]] = {
    "ascent": ("VAE", "lr", 1e-4, 2e-4),
    "ascent_descent": ("VAE", "lr", 1e-4, 2e-4),
    "conflict_surgery": ("VAE", "lr", 1e-4, 2e-4),
    "fisher_scrub": ("VAE", "alpha", 1e-6, 2e-6),
    "fisher_surgery": ("VAE", "budget", 0.05, 0.1),
    "fisher_surgery of a diffusion model": ("diffusion", "budget", 0.05, 0.1),
    "fisher_surgery of an attribute": ("signs", "budget", 0.05, 0.1),
    "fisher_surgery of a GAN": ("GAN", "budget", 0.2, 0.3),
    "gradient_surgery": ("VAE", "lr", 1e-4, 2e-4),
    "joint_redirect": ("VAE", "budget", 0.05, 0.1),
    "moon": ("VAE", "lr", 1e-4, 2e-4),
    "newton": ("VAE", "strength", 0.1, 0.2),
    "retain_surgery": ("VAE", "lr", 1e-4, 2e-4),
    "salun": ("VAE", "lr", 1e-4, 2e-4),
    "selective_amnesia": ("VAE", "lr", 1e-4, 2e-4),
    "sfr_on": ("VAE", "lr", 1e-4, 2e-4),
}
NOTHING_COUNTED = {"ascent_descent", "retain_surgery"}  # they share what a record's cost leaves out


class Search:
    """A method run at two strengths, as a search runs it; its weights and update are those of the second."""

    def __init__(self, name: str) -> None:
        self.name, (self.family, self.option, *self.strengths) = name.split()[0], METHODS[name]
        self.shared = Shared(keeps=True)

    def at(self, strength: float) -> Any:
        options = OmegaConf.load(conf_dir() / "method" / f"{self.name}.yaml")
        small = {**SMALL, "bank_images": 300, "shots": 1} if self.family == "GAN" else SMALL
        options = OmegaConf.merge(options, {k: v for k, v in small.items() if k in options})
        return instantiate(options, _convert_="all", **{self.option: strength})

    def __call__(self, task: Task) -> Update:
        for strength in self.strengths:
            self.shared.begin()
            one = replace(task, model=copied(task.model), shared=self.shared, later=[])
            update: Update = self.at(strength)(one)
            for work in one.later or ():
                work()
        task.model.load_state_dict(one.model.state_dict())
        return update


def run(method: Any, family: str) -> tuple[Any, Update]:
    rng = torch.Generator().manual_seed(3)
    split = (attribute_world if family == "signs" else tiny_world).split()
    return unlearn(WORLDS[family](), split, method, generator=rng, recipe=Recipe(1, 100, 1e-3), diagnostics=False)


@pytest.mark.parametrize("name", METHODS)
def test_a_run_that_shares_is_a_run_by_itself(name: str) -> None:
    search = Search(name)
    (one, found), (other, alone) = run(search, search.family), run(search.at(search.strengths[1]), search.family)
    assert tiny_world.same(tiny_world.weights(one), tiny_world.weights(other))
    assert repr(asdict(found)) == repr(asdict(alone)), "cost and trajectory, too"
    assert any(asdict(search.shared.spared).values()) == (name not in NOTHING_COUNTED)


def test_what_is_shared_knows_the_options_that_it_read() -> None:
    shared, made = Shared(keeps=True), []
    for keep in (0.5, 0.5, 0.1):
        shared.once("mask", lambda keep=keep: made.append(keep), keep=keep)
    assert made == [0.5, 0.1]


def test_a_run_by_itself_keeps_nothing() -> None:
    shared, cost = Shared(), Cost()
    for _ in range(2):
        shared.once("look", lambda: setattr(cost, "forward", cost.forward + 1), cost)
    assert (cost.forward, shared.spared.forward) == (2, 0)
