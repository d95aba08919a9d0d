from __future__ import annotations

import pytest
import torch

import tiny_world
from forget_upright import drawn_upright, forget_upright
from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.errors import UsageError
from gsu_cli.methods.selective_amnesia import SelectiveAmnesia, generated, replay
from gsu_cli.objectives.latents import frozen
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.labeller import Labeller
from method_runs import assert_smoke, run

QUICK = {"n_fisher": 300, "n_replay": 300, "labeller_images": 200, "batch_size": 64}


class Bright(Labeller):
    """Calls forget what is bright."""

    def __init__(self, threshold: float) -> None:
        object.__setattr__(self, "threshold", threshold)

    def shows(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).mean(1) > self.threshold


def test_what_is_called_forget_is_not_replayed() -> None:
    model = frozen(tiny_world.trained())
    everything = generated(model, 200, seed=1)
    middle = float(everything.floats().flatten(1).mean(1).median())
    kept = replay(model, Bright(middle), 200, seed=1)
    assert len(kept) == 100
    assert float(kept.floats().flatten(1).mean(1).max()) <= middle
    with pytest.raises(UsageError, match="none in 200"):
        replay(model, Bright(-1.0), 200, seed=1)


def test_samples_are_the_models_own_at_any_number_of_them() -> None:
    model = frozen(tiny_world.trained())
    few, many = generated(model, 600, seed=1), generated(model, 600, seed=1)
    assert torch.equal(few.pixels, many.pixels)
    assert 0.05 < float(few.floats().mean()) < 0.5


def moved_along_the_fisher(ewc: float) -> tuple[float, float]:
    """Length of the step, and its length in the Fisher of generated images."""
    seen: dict[str, int] = {}
    method = SelectiveAmnesia(ewc=ewc, steps=60, lr=3e-3, log_every=60, **QUICK)

    def spy(task: Task):
        seen["images"], seen["noise"] = task.stream("fisher images"), task.stream("fisher")
        return method(task)

    model = tiny_world.trained()
    moved, update = run(spy, model)
    F = diagonal_fisher(model, generated(frozen(model), 300, seed=seen["images"]), seed=seen["noise"])
    before = dict(model.named_parameters())
    step = {k: (p - before[k]).detach() for k, p in moved.named_parameters()}
    return float(update.step_norm or 0.0), sum(float((F[k] * step[k].square()).sum()) for k in F)


def test_elastic_weights_hold_what_the_fisher_says_matters() -> None:
    """EWC's promise, against the same run with hardly any."""
    (_, stiff), (_, loose) = moved_along_the_fisher(1e3), moved_along_the_fisher(1e-9)
    assert stiff < 0.2 * loose


def test_replay_holds_the_samples_of_the_rest() -> None:
    def last(gamma: float) -> float:
        method = SelectiveAmnesia(gamma=gamma, ewc=1e-9, steps=60, lr=3e-3, log_every=60, **QUICK)
        return run(method)[1].details["per_step"]["replay_loss"][-1]

    assert last(10.0) < last(1e-9)


@pytest.mark.parametrize("surrogate", ["noise", "retain"])
def test_the_surrogate_is_learnt_in_place_of_forget_images(surrogate: str) -> None:
    method = SelectiveAmnesia(surrogate, ewc=1.0, steps=60, lr=3e-3, log_every=60, **QUICK)
    update = run(method)[1]
    losses = update.details["per_step"]["surrogate_loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert update.realised["forget"] > 5 * max(update.realised["retain"], 0.1)


def test_smoke() -> None:
    _, update = assert_smoke(SelectiveAmnesia(steps=3, log_every=1, **QUICK), still="encoder")
    assert 0 < update.details["replayed"] < 300
    assert update.details["per_step"]["elastic"][0] == 0.0
    assert update.details["cost"]["generated"] == 600


def test_an_attribute_of_a_gaussian_convolutional_model() -> None:
    options = {**QUICK, "ewc": 1.0, "surrogate": "retain"}
    original, moved, _ = forget_upright(SelectiveAmnesia(steps=60, lr=1e-2, log_every=60, **options))
    assert drawn_upright(moved) < 0.7 * drawn_upright(original)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"surrogate": "nose"}, "Did you mean 'noise'"),
        ({"gamma": -1}, "method.gamma"),
        ({"ewc": float("inf")}, "method.ewc"),
        ({"n_fisher": 0}, "method.n_fisher"),
        ({"n_replay": 0.5}, "method.n_replay"),
        ({"steps": 0}, "method.steps"),
    ],
)
def test_bad_options(options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        SelectiveAmnesia(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gamma": 0, "n_replay": 300}, "`method.n_replay` must be left out with method.gamma=0"),
        ({"gamma": 0, "labeller_images": 30}, "`method.labeller_images` must be left out with method.gamma=0"),
        ({"ewc": 0.0, "n_fisher": 300}, "`method.n_fisher` must be left out with method.ewc=0"),
    ],
)
def test_sizes_of_what_has_no_weight_are_refused(options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        SelectiveAmnesia(**options)


def test_what_has_no_weight_is_not_computed() -> None:
    update = run(SelectiveAmnesia(gamma=0.0, ewc=0.0, steps=2, log_every=1, batch_size=64))[1]
    assert set(update.details["per_step"]) == {"loss", "surrogate_loss"}
    assert update.details["per_step"]["loss"] == update.details["per_step"]["surrogate_loss"]
    assert not {"replayed", "labeller"} & update.details.keys()
    cost = update.details["cost"]
    assert (cost["gradients"], cost["fisher"], cost["generated"]) == (2 * 64, 0, 0)
