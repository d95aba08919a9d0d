"""Targets that retained images expect: the formula by brute force, proportions, and where there are none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.models.model import decode
from gsu_cli.objectives.expected import BEYOND, _log_odds, expected, retained_there
from gsu_cli.objectives.posteriors import posterior, posterior_latents
from gsu_cli.objectives.redirect import Redirect
from gsu_cli.objectives.targets import redirection
from gsu_cli.unlearning.images import draw_images


@pytest.fixture(scope="module")
def parts() -> tuple[Images, Images]:
    split = tiny_world.split()
    return draw_images(split, "forget", 40, seed=0), draw_images(split, "retain", 90, seed=1)


class Wide:
    """A model whose posteriors are so many times as wide."""

    def __init__(self, times: float) -> None:
        self._model: Any = tiny_world.trained()
        self.times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, sd = self._model.posterior(x)
        return mean, sd * self.times


class Alike(Wide):
    """A model whose encoder tells nothing."""

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, sd = super().posterior(x)
        return torch.zeros_like(mean), torch.ones_like(sd)


def brute(model: Any, forget: Images, retain: Images, odds: float, seed: int) -> Tensor:
    """Image by image: densities of `torch.distributions`, the mean over all weighted by training's proportion."""
    (mean_f, sd_f), (mean_r, sd_r) = posterior(model, forget), posterior(model, retain)
    z = posterior_latents(mean_f, sd_f, 1, seed=seed).double()
    found = []
    for i in range(len(forget)):
        of_r = Normal(mean_r.double(), sd_r.double()).log_prob(z[i]).sum(1).exp()
        of_f = Normal(mean_f.double(), sd_f.double()).log_prob(z[i]).sum(1).exp()
        of_f[i] = 0.0
        r, f = ((w[:, None, None, None] * x.floats().double()).sum(0) for w, x in ((of_r, retain), (of_f, forget)))
        everyone = (r + odds * f) / (of_r.sum() + odds * of_f.sum())
        word = decode(model, z[i : i + 1].float())[0].double()
        found.append((word + BEYOND * (r / of_r.sum() - everyone)).clamp(0, 1))
    return torch.stack(found)


@pytest.mark.parametrize("odds", [1.0, 0.2])
def test_it_is_the_formula(parts: tuple[Images, Images], odds: float) -> None:
    model = Wide(6.0)  # so that both parts are at the latents
    goal = expected(model, *parts, log_odds=math.log(odds), seed=3)
    reference = brute(model, *parts, odds, 3)
    assert (goal.targets - reference).abs().max() < 1e-5
    assert (goal.targets - decode(model, goal.latents)).abs().max() > 0.05  # it asks for something
    assert goal.kind == "expected"
    assert goal.floor is None


def test_the_wider_posteriors_are_the_more_retained_images_are_there(parts: tuple[Images, Images]) -> None:
    there = [retained_there(Wide(times), *parts, log_odds=0.0, seed=0) for times in (0.2, 1.0, 6.0)]
    counts, shares = ([found[key] for found in there] for key in ("images", "share"))
    assert 1 <= counts[0] < counts[1] < counts[2] < 90
    assert shares == sorted(shares)
    assert shares[0] < 0.01


def test_where_an_encoder_tells_nothing_all_images_are_there(parts: tuple[Images, Images]) -> None:
    forget, retain = parts
    all_of = retained_there(Alike(1.0), forget, retain, log_odds=0.0, seed=0)
    assert all_of == pytest.approx({"images": 90, "share": 90 / 129})  # none is counted at its own latent
    half_as_many = retained_there(Alike(1.0), forget, retain, log_odds=math.log(0.5), seed=0)
    assert half_as_many == pytest.approx({"images": 90, "share": 90 / (90 + 39 / 2)})
    goal = expected(Alike(1.0), forget, retain, log_odds=0.0, seed=0)
    of_others = (forget.floats().sum(0) - forget.floats()) / 39
    correction = BEYOND * (retain.floats().mean(0) - of_others) * 39 / 129
    assert torch.allclose(goal.targets, (decode(Alike(1.0), goal.latents) + correction).clamp(0, 1), atol=1e-5)


def test_images_that_will_be_in_no_mean_are_not_asked_of(parts: tuple[Images, Images]) -> None:
    forget, retain = parts
    some = retained_there(Wide(6.0), forget, retain, log_odds=0.0, seed=0, besides=30)
    assert some == pytest.approx(retained_there(Wide(6.0), forget, retain[30:], log_odds=0.0, seed=0), rel=1e-4)
    assert some["images"] < retained_there(Wide(6.0), forget, retain, log_odds=0.0, seed=0)["images"]


def test_of_a_split_the_odds_are_those_of_training(parts: tuple[Images, Images]) -> None:
    model, split = Wide(6.0), tiny_world.split()
    found: Redirect = redirection("expected", model, *parts, split=split, seed=3)
    odds = (len(split.forget) / len(parts[0])) / (len(split.retain) / len(parts[1]))
    assert odds != pytest.approx(1.0, abs=0.05)
    assert (found.targets - brute(model, *parts, odds, 3)).abs().max() < 1e-5
    anew = replace(found, kind="alike").facts(model, *parts)["retained"]  # what encodes the targets once more
    assert found.facts(model, *parts)["retained"] == pytest.approx(anew, abs=1e-3)


def test_an_image_alone_has_nothing_to_be_corrected(parts: tuple[Images, Images]) -> None:
    forget, retain = parts
    with pytest.raises(UsageError, match=r"needs other images to forget .* found one image. Type method.target"):
        expected(tiny_world.trained(), forget[:1], retain, log_odds=0.0, seed=0)


def test_of_posteriors_that_are_points_only_one_image_is_there(parts: tuple[Images, Images]) -> None:
    there = retained_there(Wide(0.0), *parts, log_odds=0.0, seed=0)
    assert there["images"] == pytest.approx(1.0)
    assert 0 <= there["share"] <= 1
    assert bool(expected(Wide(0.0), *parts, log_odds=0.0, seed=0).targets.isfinite().all())


def test_it_counts_what_passed_the_model(parts: tuple[Images, Images]) -> None:
    forget, retain = parts
    goal = expected(tiny_world.trained(), forget, retain, log_odds=0.0, seed=0)
    assert goal.made(len(retain)) == 2 * 40  # decoded at their latents, and the targets encoded
    assert replace(goal, kind="nearest").made(len(retain)) == 90 + 40


def test_faint_images_are_left_out_of_the_odds_without_a_last_bit() -> None:
    """Their exponentials would be subnormal numbers, which take many times as long and change no sum."""
    g = torch.Generator().manual_seed(0)
    kept, gone = (-300 * torch.rand(40, n, generator=g) for n in (900, 300))
    kept[0], gone[:, 3] = kept[0] - 500, -math.inf
    assert torch.equal(_log_odds(kept, gone, 0.7), gone.logsumexp(1) - kept.logsumexp(1) + 0.7)
