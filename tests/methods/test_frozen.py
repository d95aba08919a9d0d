"""What a model holds still, an adapter's base say, every method holds still; what two names lead to stays whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Task, Update
from gsu_cli.models.vae.base import Vae
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

from .test_families import FAMILIES, NAMES, applies, made, split

RECIPE = Recipe(1, 100, 1e-3)


def done(model: Any, method: Any) -> tuple[Any, Update]:
    generator = torch.Generator().manual_seed(0)
    return unlearn(model, split(), method, generator=generator, recipe=RECIPE, diagnostics=False)


def with_a_frozen_layer(family: str) -> tuple[Any, set[str]]:
    """In the middle of what generation depends on, and the first layer beside it, an encoder's or a critic's."""
    model: Any = FAMILIES[family]()
    inside = model.generation_parameters()
    beside = [name for name, _ in model.named_parameters() if name not in inside]
    for name in (inside[len(inside) // 2], *beside[:1]):
        model.get_submodule(name.rpartition(".")[0]).requires_grad_(False)
    return model, {name for name, p in model.named_parameters() if not p.requires_grad}


@pytest.mark.parametrize("family", ["VAE", "conditional VAE", "diffusion", "GAN"])
@pytest.mark.parametrize("name", NAMES)
def test_no_method_moves_what_is_frozen(name: str, family: str) -> None:
    if not applies(name, family):
        return
    model, frozen = with_a_frozen_layer(family)
    before = tiny_world.weights(model)
    now = tiny_world.weights(done(model, made(name, family))[0])
    moved = {k for k in now if not torch.equal(now[k], before[k])}
    assert moved
    assert not moved & frozen


@pytest.mark.parametrize("name", ["fisher_surgery", "neggrad_plus", "retrain", "fisher_scrub"])
def test_a_model_that_is_frozen_as_a_whole_is_moved_as_one_that_is_not(name: str) -> None:
    free, frozen = tiny_world.trained(), tiny_world.trained().requires_grad_(False)
    one, other = (done(model, made(name))[0] for model in (free, frozen))
    assert tiny_world.same(tiny_world.weights(one), tiny_world.weights(other))
    assert not any(p.requires_grad for p in other.parameters()), "as it was"


def test_where_all_that_generates_is_frozen_there_is_nothing_to_move() -> None:
    model = tiny_world.trained()
    model.decoder.requires_grad_(False)
    with pytest.raises(UsageError, match="generation depends on must not be frozen; found requires_grad=False in all"):
        done(model, made("fisher_surgery"))


class Writes:
    """A method of one's own that does not ask."""

    name = "writes"

    def __call__(self, task: Task) -> Update:
        with torch.no_grad():
            task.model.decoder[0].weight.add_(1.0)
        return Update(self.name)


def test_a_method_of_ones_own_that_moves_it_is_refused() -> None:
    model = tiny_world.trained()
    model.decoder[0].requires_grad_(False)
    with pytest.raises(UsageError, match=r"Writes must leave frozen parameters .*; found decoder\.0\.weight moved"):
        done(model, Writes())


def test_a_training_needs_something_to_train() -> None:
    with pytest.raises(UsageError, match="training needs a parameter that may move; found MlpVae, frozen as a whole"):
        fit(tiny_world.fresh().requires_grad_(False), tiny_world.dataset().train, RECIPE, seed=0)


class Adapter(Vae):
    """A library's model kept whole, whose decoder is named a second time."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tiny_world.trained()
        self.shape, self.latent_dim, self.likelihood = self.inner.shape, self.inner.latent_dim, self.inner.likelihood
        self.decoder = self.inner.decoder

    def posterior(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = self.inner.posterior(x)
        return found

    def generation_parameters(self) -> list[str]:
        return [f"inner.{name}" for name in self.inner.generation_parameters()]


@pytest.mark.parametrize("name", ["fisher_surgery", "joint_redirect", "newton", "retain_surgery", "sfr_on", "uno"])
def test_a_decoder_with_two_names_is_stepped_as_one_with_one(name: str) -> None:
    model = Adapter().eval()
    before = tiny_world.weights(model)
    one, other = done(tiny_world.trained(), made(name))[0], done(model, made(name))[0]
    assert tiny_world.same(tiny_world.weights(one), tiny_world.weights(other.inner))
    assert tiny_world.same(before, tiny_world.weights(model)), "the original stays as it is"
    assert all(isinstance(p, nn.Parameter) for p in other.parameters())
