"""The level expected of unseen images on a linear denoiser, trained in closed form, and as a step's bound."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tiny_diffusion
import tiny_world
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.models.diffusion.base import Denoiser
from gsu_cli.report.summary import unseen_level
from gsu_cli.run.record import Record
from gsu_cli.solvers import leverage
from gsu_cli.solvers.leverage import expected_rise, image_loss, sample_level
from gsu_cli.solvers.unseen import UnseenLevel
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.surgery.vectors import dot
from gsu_cli.unlearning.unlearn import unlearn

N, A, S = 400, 0.8, 0.6


class _Affine(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.of = nn.Linear(9, 9)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        return self.of(x_t.flatten(1)).view_as(x_t)


class Linear(Denoiser):
    """One level of noise: the moments of its inputs and targets are known, and so is the minimum of its loss."""

    shape, prediction, train_steps, sample_steps, conditions = (1, 3, 3), "v", 1, 1, 0

    def __init__(self, images: Images) -> None:
        super().__init__()
        self.network = _Affine()
        self._noise_by(torch.tensor([A]), torch.tensor([S]))
        x = 2 * images.floats().flatten(1).double() - 1
        ones, eye = torch.ones(len(x), 1, dtype=x.dtype), torch.eye(9, dtype=x.dtype)
        u = torch.cat([A * x, ones], 1)
        inputs = u.T @ u / len(x)
        inputs[:9, :9] += S**2 * eye
        targets = torch.cat([A * S * eye - A * S * x.T @ x / len(x), -S * x.mean(0)[:, None]], 1)
        W = targets @ torch.linalg.inv(inputs)
        with torch.no_grad():
            self.network.of.weight.copy_(W[:, :9])
            self.network.of.bias.copy_(W[:, 9])


def images(pixels: Tensor) -> Images:
    return Images(pixels.to(torch.uint8), torch.zeros(len(pixels), dtype=torch.int64))


@pytest.mark.parametrize("copies", [1, 10, 40])
def test_it_is_the_rise_of_the_loss_in_a_denoiser_trained_without(copies: int) -> None:
    rng = torch.Generator().manual_seed(0)
    others = torch.randint(96, 160, (N, 1, 3, 3), generator=rng)
    odd = torch.tensor([[255, 0, 255, 0, 255, 0, 255, 0, 255], [0, 255, 0, 0, 255, 255, 0, 255, 0]]).reshape(2, 1, 3, 3)
    every, rest, few = images(torch.cat([others, odd.repeat_interleave(copies, 0)])), images(others), images(odd)
    model, without = Linear(every), Linear(rest)
    fisher = kronecker_fisher(without, rest, model.generation_parameters(), seed=0)
    rises = [
        expected_rise(model, few, fisher, trained_on=len(every), seed=seed, copies=copies, damping=1e-9)
        for seed in range(4)
    ]
    loss = image_loss(model, few, seed=99, each=2000, what="")
    true = loss.mean(dict(without.named_parameters())) - loss.mean(dict(model.named_parameters()))
    assert sum(rises) / 4 == pytest.approx(true, rel=0.2), "512 draws of noise, sampled targets of the Fisher"


def test_the_noise_of_gradients_is_not_taken_for_what_an_image_owes_to_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gradient of an image at a few draws of noise is mostly noise, and its square is all of it."""
    rng = torch.Generator().manual_seed(1)
    every = images(torch.randint(96, 160, (N, 1, 3, 3), generator=rng))
    model, one = Linear(every), every[torch.tensor([0])]
    fisher = kronecker_fisher(model, every, model.generation_parameters(), seed=0)

    def rise(levels: int, seed: int) -> float:
        monkeypatch.setattr(leverage, "LEVELS", levels)
        return expected_rise(model, one, fisher, trained_on=N, seed=seed, damping=1e-9)

    theta, inverse, found, feigned = (
        dict(model.named_parameters()),
        fisher.inverse(1e-9, damping_scope="layer"),
        0.0,
        0.0,
    )
    for seed in range(16):
        found += rise(32, seed) / 16
        g = accumulate_gradient(image_loss(model, one, seed=seed, each=32, what="").blocks(), theta).vector
        feigned += dot(g, inverse.apply(g)) / (N - 1) / 16
    true = rise(20_000, 99)
    assert abs(found - true) < abs(feigned - true) / 3


ODD = torch.tensor([[0, 255] * 4, [255, 0] * 4] * 4, dtype=torch.uint8)[None, None]


@cache
def canaries() -> tuple[Any, Any]:
    """A small diffusion model that has met a chequered image forty times over, and the split that forgets it."""
    split = tiny_world.split_of(sample=list(range(560, 600)))
    train = split.dataset.train
    pixels = train.pixels.clone()
    pixels[560:] = ODD
    split = replace(split, dataset=replace(split.dataset, train=replace(train, pixels=pixels)), copies=40)
    model = tiny_diffusion.fresh()
    tiny_diffusion.fit(model, split.dataset.train, tiny_diffusion.RECIPE, seed=0)
    return model.eval(), split


def forgotten(**options: Any) -> tuple[Any, Any, dict[str, Any]]:
    model, split = canaries()
    rng = torch.Generator().manual_seed(0)
    after, update = unlearn(model, split, FisherSurgery(**options), generator=rng, diagnostics=False, trained_on=600)
    return model, after, update.details


def test_a_step_ends_where_the_loss_is_that_expected_of_unseen_images(monkeypatch: pytest.MonkeyPatch) -> None:
    model, after, details = forgotten(budget=0.5)
    bound = details["sample_bound"]
    assert bound["expected_increase"] > 0.05 * bound["loss_before"], "known by heart"
    assert 0.5 * bound["expected_increase"] < bound["increase"] <= 1.001 * bound["expected_increase"]
    (shot,) = details["shots"]
    assert shot["step"] <= shot["step_within_bounds"] < shot["step_within_budget"]
    assert shot["realised_increase"] == pytest.approx(details["budget_spent"], abs=1e-6)
    assert shot["realised_increase"] < shot["relative_increase"], "what the budget alone allows costs more"
    _, beyond, none = forgotten(budget=0.5, bound="none")
    odd = Images(ODD, torch.tensor([1]))
    losses = [
        image_loss(m, odd, seed=5, each=500, what="").mean(dict(m.named_parameters())) for m in (model, after, beyond)
    ]
    assert losses[0] < min(losses[1:])
    assert none["no_bound"] == "method.bound=none"

    def lower(*args: Any, **options: Any) -> UnseenLevel:
        found = sample_level(*args, **options)
        return replace(found, expected=found.expected / 3)

    monkeypatch.setattr("gsu_cli.solvers.denoiser.sample_level", lower)
    _, _, third = forgotten(budget=0.5)
    level = third["sample_bound"]
    assert 0.5 * level["expected_increase"] < level["increase"] <= 1.001 * level["expected_increase"]
    assert level["increase"] < bound["increase"] / 2, "where the level is lower the step is shorter"
    spec = {"forget": {"sample": [1]}}
    lines = [unseen_level(Record("unlearn", config=spec, update={"details": d})) for d in (details, none)]
    assert "is expected of images never trained on, and ends the step" in lines[0][0]
    details["shots"][0]["step_within_bounds"] = shot["step_within_budget"]
    (line,) = unseen_level(Record("unlearn", config=spec, update={"details": details}))
    assert line.endswith("and would end the step, which ended before"), "another end came first"
    split = {"n_forget": 9, "n_retain": 9}
    (line,) = unseen_level(Record("unlearn", config=spec, split=split, update={"details": details}))
    assert "on, which is extrapolated, as no fewer are forgotten than stay, and would end the step" in line
    details["sample_bound"]["increase"] = -1.0
    (line,) = unseen_level(Record("unlearn", config=spec, update={"details": details}))
    assert line.endswith("; the step did not raise it, so none was forgotten by it")


def test_the_level_of_a_class_is_refused() -> None:
    with pytest.raises(UsageError, match=r"`method.bound=class_level` needs a model with a decoder"):
        FisherSurgery(bound="class_level").check_model(tiny_diffusion.fresh())


def test_a_summary_says_why_nothing_holds_the_loss() -> None:
    def said(spec: dict[str, Any], method: str, **details: str) -> list[str]:
        return unseen_level(Record("unlearn", config={"forget": spec}, update={"method": method, "details": details}))

    what = "no bound holds the loss of the forgotten images at that of images never trained on: "
    assert said({"sample": [1]}, "ascent") == [f"{what}ascent has none"]
    assert said({"fraction": 0.1, "class": 1}, "fisher_surgery", no_bound="x") == [f"{what}x"]
    assert said({"class": 1}, "ascent") == []
    assert said({"sample": [1]}, "retrain") == []
