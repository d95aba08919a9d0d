"""The search finds what a model can generate, and nothing in one that cannot."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_conditional
import tiny_gan
import tiny_world
from gsu_cli.audit.base import Audited, Case
from gsu_cli.audit.search import LatentSearch, typical
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.judges.base import Verdict
from gsu_cli.models.protocols import lacking
from gsu_cli.surgery.vectors import flatten
from memory_world import Memory, value

OPTIONS: dict[str, Any] = {"images": 20, "steps": 60}


class Middle:
    """A judge that calls an image upright where its middle columns are brighter than its middle rows."""

    name = "middle"

    def __call__(self, pixels: torch.Tensor) -> Verdict:
        x = pixels.float()[:, 0]
        upright = x[:, 1:7].std((1, 2)) > 20
        upright &= x.mean(1).amax(1) > 1.5 * x.mean(2).amax(1)
        return Verdict(torch.where(upright, 1, 3), torch.ones(len(x)), torch.zeros(len(x), dtype=torch.bool))


class Deaf(torch.nn.Module):
    """Generates grey, whatever the noise."""

    latent_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.grey = torch.nn.Parameter(torch.tensor(0.5))

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.grey + 0 * z.sum(1)[:, None, None, None].expand(-1, 1, 8, 8)


def case(original: Any, unlearned: Any, judges: dict[str, Any] | None = None, split: Any = None) -> Case:
    split = split or tiny_world.split()
    models = {"original": Audited("original", original, "a"), "unlearned": Audited("unlearned", unlearned, "b")}
    return Case(split, models, [], EvaluationContext(split, judges or {}, {}, seed=0))


def test_what_a_model_can_generate_is_found_and_in_a_deaf_one_nothing() -> None:
    before = tiny_world.trained()
    weights = flatten({k: p.detach().clone() for k, p in before.named_parameters()})
    found = LatentSearch(**OPTIONS)(case(before, Deaf(), {"middle": Middle()}))
    caught, nothing = value(found, "search_success", "original"), value(found, "search_success")
    assert caught.low is not None
    assert caught.low > 0.3
    assert nothing.value == 0
    near, far = value(found, "search_distance", "original").value, value(found, "search_distance").value
    assert near is not None
    assert far is not None
    assert near < 0.5 * far
    assert "Judge middle sees class 1 (upright) in what 20 searches over noise found: 0%" in found.sentences[0]
    assert torch.equal(weights, flatten({k: p.detach() for k, p in before.named_parameters()}))
    assert all(p.grad is None for p in before.parameters())


def test_the_search_goes_on_for_gans_and_conditional_models() -> None:
    gan = tiny_gan.taught()
    few, many = (LatentSearch(images=10, steps=k)(case(gan, gan)) for k in (1, 40))
    assert value(many, "search_distance").value < value(few, "search_distance").value  # type: ignore[operator]
    assert "A search over noise comes within" in many.sentences[0]
    told = tiny_conditional.trained()
    found = LatentSearch(images=10, steps=20)(case(told, tiny_conditional.retrained()))
    assert value(found, "search_distance", "original").n == 10


def test_typical_noise_is_what_the_prior_draws() -> None:
    z = torch.randn(4000, 6, generator=torch.Generator().manual_seed(0))
    assert float(typical(z).double().mean()) == pytest.approx(0.99, abs=0.006)
    assert not typical(torch.zeros(1, 6)).any()
    assert not typical(10 * torch.ones(1, 6)).any()
    assert typical(torch.randn(50, 1, 28, 28, generator=torch.Generator().manual_seed(0))).double().mean() > 0.9


def test_what_it_needs() -> None:
    assert lacking(tiny_gan.taught(), LatentSearch.needs) == []
    assert lacking(Memory(torch.zeros(1, 1, 8, 8)), LatentSearch.needs) == [
        "latents to decode or noise() and generate()"
    ]


@pytest.mark.parametrize("options", [{"images": 0}, {"steps": 0}, {"lr": 0}, {"sigma": -1.0}])
def test_options_that_mean_nothing(options: dict[str, Any]) -> None:
    (key,) = options
    with pytest.raises(UsageError, match=rf"`audit\.search\.{key}`"):
        LatentSearch(**options)
