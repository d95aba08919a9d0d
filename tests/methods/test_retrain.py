"""Fresh weights from every module's own rule: layers first, what holds them last, torch's generator put back."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import attribute_world
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.methods.retrain import Retrain, train_from_scratch
from gsu_cli.run.seeds import derive
from gsu_cli.training.fresh import initialise
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights


class Holder(nn.Module):
    """Sets a layer of its own to a constant, and notes the order in which resets were called."""

    def __init__(self, calls: list[str], name: str, *inside: nn.Module) -> None:
        super().__init__()
        self.calls, self.name, self.inside = calls, name, nn.ModuleList(inside)

    def reset_parameters(self) -> None:
        self.calls.append(self.name)


class Layer(nn.Linear):
    def __init__(self, calls: list[str], name: str) -> None:
        self.calls, self.name = calls, name
        super().__init__(2, 2)

    def reset_parameters(self) -> None:
        self.calls.append(self.name)
        super().reset_parameters()


def test_layers_in_order_then_containers_from_the_inside_out() -> None:
    calls: list[str] = []
    inner = Holder(calls, "inner", Layer(calls, "one"))
    outer = Holder(calls, "outer", inner, Layer(calls, "two"))
    calls.clear()
    initialise(outer, 0)
    assert calls == ["one", "two", "inner", "outer"]


def test_a_models_own_rule_has_the_last_word() -> None:
    model = attribute_world.fresh(seed=4)
    last = model.decoder[-2]
    assert torch.equal(last.bias, torch.full_like(last.bias, 0.5))
    assert all(not p.any() for name, p in model.named_parameters() if name.endswith("bias") and p is not last.bias)


def test_plain_layers_get_torchs_own_random_numbers() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
    initialise(model, 7)
    torch.manual_seed(derive(7, "initialise"))
    expected = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
    assert same(weights(model), weights(expected))


@pytest.mark.parametrize("world", [attribute_world, tiny_world])
def test_the_seed_decides_alone(world) -> None:
    one, two, other = world.fresh(3), world.fresh(3), world.fresh(4)
    before = torch.random.get_rng_state()
    initialise(two, 3)  # also from weights that are no longer the first ones
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))
    initialise(other, 3)
    assert same(weights(one), weights(other))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_parameters_that_nobody_resets_are_refused() -> None:
    class Loose(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.shift = nn.Linear(1, 1), nn.Parameter(torch.ones(1))

    model = nn.Sequential(Loose(), nn.Linear(1, 1))
    before = weights(model)
    with pytest.raises(
        UsageError, match=r"`reset_parameters\(\)` that sets it; found 0.shift of Sequential, which has no"
    ):
        initialise(model, 0)
    assert same(weights(model), before)


class Computed(nn.Module):
    """A layer whose weight is computed from parameters, by each of torch's ways."""

    def __init__(self, by: str) -> None:
        super().__init__()
        self.by, self.layer = by, nn.Linear(3, 3)
        self.shift = nn.Parameter(torch.randn(3))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch on its own older weight normalisation
            if by == "pruned":
                prune.random_unstructured(self.layer, "weight", 0.5)
            else:
                WAYS[by](self.layer)

    def config(self) -> dict[str, str]:
        return {"by": self.by}


WAYS = {
    "old weight norm": nn.utils.weight_norm,
    "weight norm": nn.utils.parametrizations.weight_norm,
    "old spectral norm": nn.utils.spectral_norm,
    "spectral norm": nn.utils.parametrizations.spectral_norm,
    "orthogonal": nn.utils.parametrizations.orthogonal,
}


@pytest.mark.parametrize("by", [*WAYS, "pruned"])
def test_weights_that_are_computed_begin_anew_too(by: str) -> None:
    """They began where the original ended, so that a retrained model was a fine-tuned one."""
    one, other = Computed(by), Computed(by)
    with torch.no_grad():
        for model in (one, other):
            for p in model.parameters():
                p.add_(torch.randn_like(p))
            model.layer(torch.randn(2, 3))
    before = weights(one)
    initialise(one, 5)
    initialise(other, 5)
    assert same(weights(one), weights(other)), "a function of the seed alone"
    kept = {k for k, v in weights(one).items() if torch.equal(v, before[k])}
    assert not kept & {k for k, _ in one.named_parameters()}
    assert all(v.isfinite().all() and v.abs().max() < 10 for v in weights(one).values())
    initialise(other, 6)
    assert not same(weights(one), weights(other))


def test_what_is_frozen_stays_with_its_statistics() -> None:
    """A part that was trained before, and is not trained here."""
    part = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3, affine=False))
    part(torch.randn(8, 3) + 2)
    model = nn.Sequential(part.requires_grad_(False), nn.Linear(3, 3))
    before = weights(model)
    initialise(model, 0)
    now = weights(model)
    assert {k for k in now if not torch.equal(now[k], before[k])} == {"1.weight", "1.bias"}
    frozen = copy.deepcopy(model).requires_grad_(False)
    initialise(frozen, 1)
    assert not torch.equal(frozen[0][0].weight, before["0.0.weight"]), "frozen as a whole: trained as a whole"


def test_a_conv_vae_retrained_twice_is_the_same_and_never_saw_the_attribute() -> None:
    recipe, split = Recipe(epochs=1, batch_size=100, lr=1e-2), attribute_world.split()

    def once(start: int) -> dict[str, torch.Tensor]:
        model = attribute_world.fresh(start)
        train_from_scratch(model, split, recipe, seed=1)
        return weights(model)

    assert same(once(0), once(1))
    model, _ = unlearn(
        attribute_world.fresh(), split, Retrain(), generator=torch.Generator().manual_seed(0), recipe=recipe
    )
    assert not same(weights(model), once(0)), "the method's stream is its own"
