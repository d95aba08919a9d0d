"""The last layer in closed form, after a step that leaves it a share of the budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import attribute_world
import tiny_diffusion
import tiny_gan
import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.models.likelihoods import Bernoulli, Gaussian, visible
from gsu_cli.report.step import finish
from gsu_cli.run.record import Record
from gsu_cli.solvers import latent_steps
from gsu_cli.solvers.candidates import Candidate
from gsu_cli.solvers.finish import first_part
from gsu_cli.solvers.step_problem import TOLERANCE, Bound, StepProblem
from gsu_cli.surgery.least_squares import last_layer
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights


def run(finish: float | None = None, model: Any = None, split: Any = None, **options: Any) -> tuple[Any, Update]:
    """Of 400 retained images half are the budget's, with the option and without; the encoder stays."""
    options = {"budget_images": 200, "damping": [0.1, 0.3, 1.0], "encoder": "kept", **options}
    return unlearn(
        model or tiny_world.trained(), split or tiny_world.split(), FisherSurgery(finish=finish, **options),
        generator=torch.Generator().manual_seed(0), diagnostics=False,
    )  # fmt: skip


def test_it_goes_further_within_the_same_budget() -> None:
    plain, alone = run()
    model, update = run(0.5)
    shots, before = update.details["shots"], alone.details["redirect_loss"]["after"]
    (taken,) = [c for c in shots if c["chosen"]]
    (begun,) = [c for c in shots if c.get("begins")]
    assert taken is shots[-1]
    assert (taken["layer"], taken["damping"]) == ("2", begun["damping"])
    assert begun["relative_increase"] <= 0.005 < taken["relative_increase"] <= 0.01, "half of the budget was kept"
    assert update.details["redirect_loss"]["after"] == taken["redirect_loss"] < before
    assert update.details["budget_spent"] == pytest.approx(taken["realised_increase"], rel=1e-6)
    assert taken["realised_increase"] == taken["relative_increase"]
    assert update.details["cost"]["forward"] > alone.details["cost"]["forward"]
    kept = [k for k in weights(model) if not k.startswith("decoder.")]
    assert same({k: weights(model)[k] for k in kept}, {k: weights(plain)[k] for k in kept}), "the encoder stays"
    assert same(weights(model), weights(run(0.5)[0])), "the same line, the same bits"


def test_the_last_layer_ends_where_least_squares_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_steps, "LOOSE", TOLERANCE)  # as the step alone spends its budget
    model, update = run(0.5, damping=1.0)
    half, _ = run(damping=1.0, budget=0.005)
    now, then = weights(model), weights(half)
    moved = {k: float((now[k] - then[k]).abs().max()) for k in now}
    assert all(far < 1e-6 for k, far in moved.items() if "decoder.2." not in k), "they are within half of the budget"
    assert moved["decoder.2.weight"] > 0.01
    assert update.details["shots"][0]["step"] < update.step_norm


def test_where_no_refit_helps_the_step_takes_the_whole_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    (plain, _), (_, refitted) = run(), run(0.5)
    monkeypatch.setattr(latent_steps, "finished", lambda *_, **__: (None, 7))
    model, update = run(0.5)
    assert same(weights(model), weights(plain))
    shots = update.details["shots"]
    assert [(c["chosen"], c.get("begins"), c["layer"]) for c in shots[:3]] == [(False, False, None)] * 3
    assert [c["layer"] for c in shots[3:]] == [None] * 3, "both searches are written down"
    assert sum(c["chosen"] for c in shots[3:]) == 1
    assert sum(c["images"] for c in shots) == 7, "the refit that was of no use is counted"
    (said,) = finish(Record("unlearn", update={"shots": 1, "details": update.details}))
    assert said.startswith("the last layer stays")
    (said,) = finish(Record("unlearn", update={"shots": 1, "details": refitted.details}))
    assert said == "the last layer was refitted in closed form, for 50% of the budget"
    assert finish(Record("unlearn", update={"shots": 1, "details": {}})) == []


def test_a_step_that_was_further_within_half_of_the_budget_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_steps, "LOOSE", TOLERANCE)
    half, _ = run(budget=0.005)
    asked = latent_steps.candidates

    def worse(influence: Any, **options: Any) -> list[Candidate]:
        found = asked(influence, **options)
        whole = influence.problem.allowed > 0.006
        return [replace(c, redirect_loss=c.redirect_loss + 100.0) for c in found] if whole else found

    monkeypatch.setattr(latent_steps, "finished", lambda *_, **__: (None, 0))
    monkeypatch.setattr(latent_steps, "candidates", worse)
    model, update = run(0.5)
    moved = {k: float((v - weights(half)[k]).abs().max()) for k, v in weights(model).items()}
    assert max(moved.values()) < 1e-6
    assert sum(c["chosen"] for c in update.details["shots"]) == 1


def test_images_of_the_budget_are_never_those_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Least squares spare what they are given: a budget measured on it would not see what other images pay."""
    budget, stay = [], []
    asked = latent_steps.finished

    def noted(problem: StepProblem, begun: Candidate, to: Tensor, others: Images, *, besides: int, **rest: Any) -> Any:
        budget.append(problem.cost.sites.targets.flatten(1))
        stay.append(others.pixels[besides:].flatten(1))
        return asked(problem, begun, to, others, besides=besides, **rest)

    monkeypatch.setattr(latent_steps, "finished", noted)
    run(0.5, budget_images=None)  # the usual budget would take them all
    rows = {tuple(row) for row in stay[0].tolist()}
    assert len(budget[0]) == 200
    assert not any(tuple(row) in rows for row in budget[0].tolist())


def test_what_else_bounds_the_step_bounds_the_rest_of_it() -> None:
    found = run(0.5, bound="class_level")[1].details["class_level"]
    assert found["increase"] <= found["expected_increase"] * (1 + 1e-6)
    drifted = run(0.5, drift_budget=0.002)[1].details["own_drift"]
    assert drifted["spent"] <= 0.002


class Fixed:
    """A measure that is 2 everywhere."""

    def mean(self, theta: dict[str, Tensor]) -> float:
        return 2.0


def test_the_first_part_leaves_a_share_of_each_limit() -> None:
    problem = StepProblem(None, None, None, {}, loss=100.0, limit=101.0, before=5.0, bounds=(Bound(Fixed(), 6.0),))  # type: ignore[arg-type]
    part = first_part(problem, 0.25)
    assert (part.limit, part.bounds[0].limit, part.loss) == (100.75, 5.0, 100.0)


def test_what_cannot_be_seen_does_not_count() -> None:
    output = torch.tensor([-30.0, -4.0, 0.5, 9.0])
    assert visible(Bernoulli(), output).tolist() == [-4.0, -4.0, 0.5, 4.0]
    assert visible(Gaussian(0.1), output).tolist() == [0.0, 0.0, 0.5, 1.0]
    assert visible(object(), output).tolist() == output.tolist()


def test_other_shots_finish_too_and_so_does_the_exact_problem() -> None:
    _, update = run(0.5, shots=2)
    assert [c["chosen"] for c in update.details["shots"]].count(True) == 2
    assert update.details["budget_spent"] <= 0.01
    _, exact = run(0.3, solver="gauss_newton")
    assert exact.details["shots"][-1]["layer"] == "2"
    assert exact.details["budget_spent"] <= 0.01


class Squashed(nn.Sequential):
    """A decoder that changes what its last layer gives."""


def test_a_decoder_without_such_a_layer_is_refused_before_any_work() -> None:
    model = tiny_world.trained()
    model.decoder = Squashed(*model.decoder, nn.Tanh())
    with pytest.raises(UsageError, match="nothing but a sigmoid changes; found more after layer 2") as said:
        FisherSurgery(finish=0.5).check_split(model, tiny_world.split())
    assert "Leave out method.finish" in str(said.value)
    model.decoder = nn.Sequential(nn.Linear(3, 64), nn.Unflatten(1, (1, 8, 8)), nn.ConvTranspose2d(1, 1, 3, padding=1))
    with pytest.raises(UsageError, match="a refit needs Linear layers or ungrouped Conv2d; found ConvTranspose2d 2"):
        FisherSurgery(finish=0.5, solver="kfac").check_split(model, tiny_world.split())


def test_a_sigmoid_behind_the_layer_is_seen_through() -> None:
    """As of a VAE of faces: its refit works on logits, whatever the likelihood says of pixels."""
    model = tiny_world.trained()
    theta = {f"decoder.{k}": p.detach() for k, p in model.decoder.named_parameters()}
    z = torch.zeros(1, 3)
    assert not last_layer(model.decoder, theta, "decoder.", z)[1]
    squashed = nn.Sequential(*model.decoder, nn.Sigmoid())
    layer, sigmoid = last_layer(squashed, theta, "decoder.", z)
    assert (layer.module, sigmoid) == ("2", True)
    moved = nn.Sequential(nn.Linear(3, 8), nn.Unflatten(1, (2, 2, 2)), nn.Conv2d(2, 4, 1), nn.PixelShuffle(2))
    layer, sigmoid = last_layer(moved, dict(moved.named_parameters()), "", z)
    assert (layer.module, sigmoid) == ("2", False)


@pytest.mark.parametrize("world", [tiny_diffusion, tiny_gan])
def test_models_without_a_decoder_refuse_it(world: Any) -> None:
    with pytest.raises(UsageError, match="`method.finish` must be left out with a (diffusion model|GAN)"):
        FisherSurgery(finish=0.5).check_model(world.fresh())


def test_a_refit_of_the_first_layers_does_not_read_it() -> None:
    with pytest.raises(UsageError, match="`method.finish` must be left out with solver=least_squares"):
        FisherSurgery(finish=0.5).check_split(attribute_world.trained(), attribute_world.split())


@pytest.mark.parametrize("value", [0, -0.1, 1, True, "0.5", float("nan")])
def test_it_is_a_share(value: Any) -> None:
    with pytest.raises(UsageError, match=r"`method.finish` must be a finite number > 0 and <= 0.95"):
        FisherSurgery(finish=value)
