"""The encoder follows a step of the decoder, and the room this wins is spent."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

import attribute_world
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.report.summary import encoder
from gsu_cli.run.record import Record
from gsu_cli.solvers import encoder_follows, monitors
from gsu_cli.solvers.candidates import TIE
from gsu_cli.solvers.encoder_follows import LONGEST, WEIGHT, check_encoder, follow, forgotten_weight
from gsu_cli.solvers.options import READ, refuse_unread
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights


def run(encoder: str, split: Any = None, model: Any = None, **options: Any) -> tuple[Any, Update]:
    """Of 400 retained images half are the budget's, whether the encoder follows or not."""
    options = {"budget_images": 200, **options}
    return unlearn(
        model or tiny_world.trained(), split or tiny_world.split(),
        FisherSurgery(encoder=encoder, **{"finish": None, **options}),
        generator=torch.Generator().manual_seed(0), diagnostics=False,
    )  # fmt: skip


@cache
def known(encoder: str) -> tuple[Any, Update]:
    """A run at a budget of 10 %, at which several tests look; nobody moves its model."""
    return run(encoder, budget=0.1)


def parts(model: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights of the decoder, and all others."""
    own, decoder = weights(model), set(model.generation_parameters())
    return {k: v for k, v in own.items() if k in decoder}, {k: v for k, v in own.items() if k not in decoder}


def heldout(model: Any, part: str = "heldout_retain_images") -> float:
    loss = frozen_elbo(model, getattr(tiny_world.split(), part), seed=9, latents=20)
    return loss.mean(parameters(model, list(model.generation_parameters())))


def test_an_original_has_nothing_to_follow() -> None:
    model, split = tiny_world.trained(), tiny_world.split()
    before = weights(model)
    follow(model, tiny_world.trained(), split.retain_images, split.forget_images, weight=0.1, seed=0)
    assert same(weights(model), before), "both gradients are the same, to the last bit"


def test_it_follows_what_the_decoder_changed() -> None:
    kept, _ = known("kept")
    model, original, split = copy.deepcopy(kept), tiny_world.trained(), tiny_world.split()
    follow(model, original, split.retain_images, split.forget_images, weight=0.0, seed=0)
    assert same(parts(model)[0], parts(kept)[0]), "the decoder stands still"
    cost, spared = heldout(kept) - heldout(original), heldout(kept) - heldout(model)
    assert 0.05 * cost < spared < cost, "unseen retained images cost less"
    again = copy.deepcopy(kept)
    follow(again, original, split.retain_images, split.forget_images, weight=0.0, seed=0)
    assert same(weights(again), weights(model))


def test_the_same_step_goes_on_until_the_budget_is_spent() -> None:
    kept, without = known("kept")
    model, update = known("follows")
    original, facts = tiny_world.trained(), update.details["encoder"]
    assert facts["moved"]
    assert 1 < facts["longer"] <= LONGEST
    assert facts["spent_before"] == without.details["budget_spent"]
    assert 0.09 < update.details["budget_spent"] <= 0.1
    (start, at_rest), (before, _), (after, moved) = parts(original), parts(kept), parts(model)
    for name, value in start.items():
        torch.testing.assert_close(after[name] - value, facts["longer"] * (before[name] - value), rtol=1e-3, atol=1e-6)
    assert not same(at_rest, moved)
    assert update.details["redirect_loss"]["after"] < without.details["redirect_loss"]["after"]
    (line,) = encoder(Record("unlearn", update={"details": update.details}))
    assert line == f"the encoder followed the step, which is {facts['longer']:.2f} times as long for the same budget"
    shorter = {"budget_spent": 0.01, "encoder": facts | {"longer": 0.97}}
    (line,) = encoder(Record("unlearn", update={"details": shorter}))
    assert line == "the encoder followed the step, shortened to 0.97 of its length to keep the budget"
    hardly = {"budget_spent": 0.0099, "encoder": facts | {"longer": 1.002, "spent_before": 0.0098}}
    (line,) = encoder(Record("unlearn", update={"details": hardly}))
    assert line == "the encoder followed the step, which is as long as before and costs 0.99% instead of 0.98%"
    assert encoder(Record("unlearn", update={"details": without.details})) == []
    assert update.predicted == {}, "a prediction of the decoder alone would be of another step"
    assert update.details["class_level"]["increase"] == pytest.approx(update.realised["forget"], rel=0.2)
    more, less = (u.details["cost"]["gradient_evaluations_per_image"] for u in (update, without))
    assert more - less > encoder_follows.STEPS * (encoder_follows.BATCH + encoder_follows.FORGOTTEN) / 600


def test_it_does_not_go_far_beyond_the_bottom_of_the_redirect_loss() -> None:
    for options in ({"shots": 2}, {"budget": 0.5}):
        options = {"budget": 0.1, **options}
        _, without = run("kept", **options)
        _, update = run("follows", **options)
        found, before = update.details["redirect_loss"], without.details["redirect_loss"]
        assert update.details["encoder"]["moved"]
        assert update.details["budget_spent"] <= options["budget"]
        assert found["after"] <= before["after"] + TIE * (before["before"] - before["after"])


def run_at(level: float, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, dict[str, Any]]:
    """Where so much is expected of images never trained on."""
    asked = monitors.level_of
    with monkeypatch.context() as patch:
        patch.setattr(monitors, "level_of", lambda *a, **k: replace(asked(*a, **k), expected=level))
        model, update = run("follows", budget=0.1)
    return model, update.details


def test_forgotten_images_take_part_as_far_as_their_loss_is_beyond_that_of_unseen_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (beyond, above), (other, below) = (run_at(level, monkeypatch) for level in (0.1, 1e3))
    assert (above["encoder"]["weight"], below["encoder"]["weight"]) == (WEIGHT, 0.0)
    images = [d["encoder"]["images"] for d in (above, below)]
    retained = encoder_follows.BATCHES * encoder_follows.BATCH
    shown = encoder_follows.BATCHES * encoder_follows.FORGOTTEN
    assert images == [{"retain": retained, "forget": shown}, {"retain": retained, "forget": 0}]
    assert heldout(beyond, "heldout_forget_images") < heldout(other, "heldout_forget_images"), "it was overstated"
    more = above["cost"]["gradients"] - below["cost"]["gradients"]
    assert more == (encoder_follows.STEPS + encoder_follows.BATCHES) * encoder_follows.FORGOTTEN


@pytest.mark.parametrize(
    ("increase", "expected", "share"), [(9.0, 10.0, 0.0), (12.0, 10.0, 0.4), (15.0, 10.0, 1.0), (90.0, 10.0, 1.0)]
)
def test_the_weight_of_forgotten_images_grows_with_what_is_too_much(
    increase: float, expected: float, share: float
) -> None:
    level = {"increase": increase, "expected_increase": expected}
    assert forgotten_weight(tiny_world.split(), level) == pytest.approx(share * WEIGHT)
    assert forgotten_weight(tiny_world.split(), None) == WEIGHT, "nobody asked for a level"
    assert forgotten_weight(attribute_world.split(), level) == 0


def test_where_forgotten_images_are_in_the_way_it_follows_for_those_retained(monkeypatch: pytest.MonkeyPatch) -> None:
    _, alone = run_at(1e3, monkeypatch)
    asked = encoder_follows.follow

    def astray(model: Any, original: Any, retain: Any, forget: Any, *, weight: float, seed: int) -> None:
        asked(model, original, retain, forget, weight=0.0, seed=seed)
        if weight:
            with torch.no_grad():
                model.posterior_head.bias.add_(1.0)

    monkeypatch.setattr(encoder_follows, "follow", astray)
    _, found = run_at(0.1, monkeypatch)
    assert found["encoder"] == alone["encoder"]
    once = (encoder_follows.STEPS + encoder_follows.BATCHES) * (encoder_follows.BATCH + encoder_follows.FORGOTTEN)
    assert found["cost"]["gradients"] - alone["cost"]["gradients"] == once, "both ways are counted"


def test_a_refit_of_an_attribute_goes_on_too() -> None:
    world = attribute_world
    _, without = run("kept", world.split(), world.trained())
    _, update = run("follows", world.split(), world.trained())
    assert update.details["solver"] == "least_squares"
    assert update.details["budget_spent"] <= 0.01
    assert update.details["redirect_loss"]["after"] < 1.02 * without.details["redirect_loss"]["after"]


def test_an_encoder_that_goes_astray_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def astray(model: Any, *_: Any, **__: Any) -> None:
        with torch.no_grad():
            model.posterior_head.bias.add_(1.0)

    monkeypatch.setattr(encoder_follows, "follow", astray)
    kept, without = known("kept")
    model, update = run("follows", budget=0.1)
    for mine, theirs in zip(parts(model), parts(kept), strict=True):
        for name, value in theirs.items():
            torch.testing.assert_close(mine[name], value, rtol=1e-6, atol=1e-7)
    assert update.details["encoder"] | {"steps": 0, "images": {}} == {
        "weight": 0.0,
        "decoder_norm": pytest.approx(without.step_norm, rel=1e-5),
        "moved": False,
        "longer": 1.0,
        "spent_before": without.details["budget_spent"],
        "steps": 0,
        "images": {},
    }
    assert update.details["budget_spent"] == without.details["budget_spent"]
    (line,) = encoder(Record("unlearn", update={"details": update.details}))
    assert line == "the encoder stays: to follow the step would not lower the retain loss"


def test_what_ends_the_decoders_step_alone_is_refused() -> None:
    model, split = tiny_world.trained(), tiny_world.split()
    check_encoder("kept", model, split, "class_level", 0.01)
    check_encoder("follows", model, split, "auto", None)
    few = tiny_world.split_of(sample=[1, 2])
    for found, bound, drift, what in (
        ("bound=class_level of class 1", "class_level", None, split),
        ("drift_budget=0.01", "auto", 0.01, split),
        ("bound=auto of", "auto", None, few),
    ):
        with pytest.raises(UsageError, match=found):
            check_encoder("follows", model, what, bound, drift)

    class Alone:
        def generation_parameters(self) -> list[str]:
            return ["decoder.weight"]

        def named_parameters(self) -> list[tuple[str, object]]:
            return [("decoder.weight", torch.nn.Parameter(torch.ones(1)))]

    with pytest.raises(UsageError, match="weights beside its decoder's"):
        check_encoder("follows", Alone(), split, "auto", None)


@pytest.mark.parametrize("way", ["a diffusion model", "a GAN", "solver=chosen of a decoder"])
def test_ways_without_it_refuse_it(way: str) -> None:
    assert way in READ
    with pytest.raises(UsageError, match=r"`method.encoder` must be left out"):
        refuse_unread({"encoder": "follows"}, way)
