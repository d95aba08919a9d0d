"""Fisher surgery of a GAN: targets, budget, and that it forgets."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

import tiny_gan
import tiny_world
from gsu_cli.errors import NotApplicableError, UsageError
from gsu_cli.methods import moon
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.moon import Moon
from gsu_cli.objectives.own_samples import OwnSamples, own_samples, redirected_samples
from gsu_cli.solvers import own_samples as own_surgery
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import uprightness

SMALL: dict[str, Any] = {
    "bank_images": 600,
    "retain_images": 100,
    "forget_images": 100,
    "budget_images": 200,
    "shots": 3,
}


def run(seed: int = 0, **options: Any) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    return unlearn(tiny_gan.taught(), tiny_world.split(), FisherSurgery(**{**SMALL, **options}), generator=generator)


@cache
def forgotten() -> tuple[Any, Any]:
    """Several tests look at one run."""
    return run(budget=0.1)


def test_targets_are_the_nearest_clean_retained_samples() -> None:
    """On a line: samples below 10 show it; a retained sample is clean when none of its 10 neighbours does."""
    values = torch.cat([torch.arange(10.0), torch.arange(10.0, 40.0)])
    images = values.view(-1, 1, 1, 1)
    samples = OwnSamples(values[:, None], images, 3.0 * (values < 10))
    found = redirected_samples(samples, 4)
    assert found.sites.inputs[0].flatten().tolist() == [0, 1, 2, 3]
    nearest_clean = float(found.sites.targets[0])
    near = (values - nearest_clean).abs().argsort()[:11]
    assert not bool((values[near] < 10).any())
    lower = (values - (nearest_clean - 1)).abs().argsort()[:11]
    assert bool((values[lower] < 10).any())
    assert bool((found.sites.targets == nearest_clean).all())
    assert 0.7 < found.clean_fraction < 1


def test_a_doubtful_sample_is_neither_redirected_nor_held_nor_a_target() -> None:
    values = torch.arange(40.0)
    odds = torch.where(values < 10, 0.6, torch.where(values < 30, 0.4, 0.0))
    samples = OwnSamples(values[:, None], values.view(-1, 1, 1, 1), odds)
    assert samples.kept().noise.flatten().tolist() == list(range(30, 40))
    found = redirected_samples(samples, 40)
    assert found.sites.inputs[0].flatten().tolist() == list(range(10))
    assert set(found.sites.targets.flatten().tolist()) == {30.0}, "the nearest that is retained, not the nearest"


def test_a_generator_nearly_all_of_whose_samples_show_it_is_named_as_unfinished() -> None:
    """The only way out that was named, more samples, does not help one that was trained for too short."""
    values = torch.arange(40.0)
    samples = OwnSamples(values[:, None], values.view(-1, 1, 1, 1), 3.0 * (values < 38))
    with pytest.raises(
        UsageError, match=r"none of 2 retained ones among 40 samples\. Train the model longer, or raise"
    ):
        redirected_samples(samples, 4)


@pytest.mark.parametrize(("odds", "n"), [(0.0, 0), (0.4, 0), (2.0, 50)])
def test_samples_of_one_kind_are_refused(odds: float, n: int) -> None:
    model = tiny_gan.fresh()
    with pytest.raises(
        UsageError, match=f"must generate samples with and without what is to be forgotten; found {n} of 50"
    ):
        own_samples(model, 50, lambda x: torch.full((len(x),), odds), seed=0)
    with pytest.raises(UsageError, match=r"or raise method\.bank_images"):
        own_samples(model, 50, lambda x: torch.full((len(x),), odds), seed=0)


def test_it_forgets_within_the_budget() -> None:
    original = tiny_gan.taught()
    model, update = forgotten()
    d = update.details
    assert d["solver"] == "gauss_newton"
    assert 0 < d["budget_spent"] <= 0.1
    assert d["retain_cost"]["unit"] == "share of the variance"
    assert d["redirect_loss"]["after"] < d["redirect_loss"]["before"]
    assert d["labelled"]["after"] < d["labelled"]["before"]
    assert 1 <= update.shots <= 3
    noise = original.noise(400, torch.Generator().manual_seed(0))
    with torch.no_grad():
        before, after = original.generate(noise), model.generate(noise)
    most = uprightness(before) > uprightness(before).quantile(0.8)
    assert float(uprightness(after)[most].mean()) < 0.8 * float(uprightness(before)[most].mean()), (
        "fewer bars that stand"
    )
    fresh = d["retain_cost"]["fresh"]
    assert fresh == {"value": d["budget_spent"], "images": d["images"]["budget"]}
    assert 2 <= fresh["images"] <= 1000
    still = float((after - before)[~most].square().mean()), float((after - before)[most].square().mean())
    assert still[0] < 0.6 * still[1], "others move less"
    assert {
        k for k, v in tiny_world.weights(model).items() if not torch.equal(v, tiny_world.weights(original)[k])
    } <= set(original.generation_parameters())


def drift_of(original: Any, model: Any, noise: torch.Tensor) -> float:
    """Of images, by hand."""
    with torch.no_grad():
        before, after = original.generate(noise), model.generate(noise)
    return float((after - before).square().mean() / (before - before.mean(0)).square().mean())


def test_the_budget_is_that_of_images_that_no_step_is_taken_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counted held samples, and how far outputs lie beyond black and white, which was there before any step."""
    seen: list[OwnSamples] = []
    made = own_surgery._fresh
    monkeypatch.setattr(own_surgery, "_fresh", lambda *asked: seen.append(made(*asked)) or seen[0])
    model, update = run(budget=0.1, shots=2)
    kept = seen[0].kept()
    spent = update.details["budget_spent"]
    assert spent == pytest.approx(drift_of(tiny_gan.taught(), model, kept.noise), rel=1e-4)
    assert update.details["images"]["budget"] == len(kept.images)
    tight, _ = run(budget=spent / 2, shots=2)
    assert 0 < drift_of(tiny_gan.taught(), tight, kept.noise) <= spent / 2


def test_the_same_seed_gives_the_same_weights() -> None:
    one, other = forgotten()[0], run(budget=0.1)[0]
    assert tiny_world.same(tiny_world.weights(one), tiny_world.weights(other))


@pytest.mark.parametrize("option", [{"solver": "kfac"}, {"solver": "least_squares"}, {"target": "nearest"}])
def test_options_of_others_are_refused(option: dict[str, str]) -> None:
    ((key, value),) = option.items()
    with pytest.raises(UsageError, match=f"`method.{key}={value}` needs a model with .*; found Dcgan. Leave it out"):
        run(**option)


@pytest.mark.parametrize(
    ("option", "found"), [({"ekfac": True}, "True"), ({"layers": 1}, "1"), ({"noise_from": 0.4}, "0.4")]
)
def test_options_that_change_nothing_are_refused(option: dict[str, Any], found: str) -> None:
    with pytest.raises(UsageError) as error:
        run(**option)
    assert f"`method.{next(iter(option))}` must be left out with a GAN, which does not read it; found {found}" in str(
        error.value
    )


@pytest.mark.parametrize("forget", [{"sample": [3]}, {"class_": 1, "fraction": 0.5}, {"fraction": 0.1}])
@pytest.mark.parametrize("made", [FisherSurgery, Moon])
def test_what_no_classifier_can_find_is_refused_before_it_is_trained(
    made: Any, forget: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (own_surgery, moon):
        monkeypatch.setattr(module, "train_labeller", lambda *_, **__: pytest.fail("trained"))
    monkeypatch.setattr(own_surgery, "train_class_labeller", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(NotApplicableError, match="looks among a GAN's samples .* whole classes or an attribute; found"):
        unlearn(tiny_gan.fresh(), tiny_world.split_of(**forget), made(), generator=torch.Generator().manual_seed(0))
