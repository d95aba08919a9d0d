"""A step chosen by the model's own samples: which one, how long, within the budget, and nothing left moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.objectives.discriminant import fit_discriminant
from gsu_cli.solvers.candidates import TIE, Candidate
from gsu_cli.solvers.own_choice import choose_by_share
from gsu_cli.solvers.own_share import OwnShare
from gsu_cli.surgery.steps import StepSearch
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights

SEARCH = StepSearch(1.0, 0.01, ((1.0, 0.01),), True)


@dataclass
class Line:
    """A problem whose weights are one number, and whose cost is its square."""

    def at(self, direction: dict[str, float], step: float) -> float:
        return direction["w"] * step

    def relative_increase(self, w: float) -> float:
        return w * w

    def reached(self, w: float) -> float:
        return -abs(w)


@dataclass
class Share:
    of: Callable[[float], float]
    before: float = 0.2
    floor: float = 0.0

    def __call__(self, w: float) -> float:
        return self.of(w)


def along(w: float) -> Candidate:
    return Candidate({"w": w}, SEARCH, 1.0, 1.0, 0.0)  # type: ignore[dict-item]  # one number stands for a tensor


def chosen(share: Share, *ws: float) -> tuple[Any, list[Candidate]]:
    looked = choose_by_share([along(w) for w in ws], Line(), share)  # type: ignore[arg-type]
    return looked[-1], looked


def test_the_step_that_leaves_least_is_taken_whole_where_forgetting_goes_on() -> None:
    taken, looked = chosen(Share(lambda w: 0.2 - 0.05 * w), 1.0, 3.0, 2.0)
    assert (taken.direction, taken.step) == ({"w": 3.0}, 1.0)
    assert len(looked) == 3 + 4 == len({id(c) for c in looked})


def test_it_ends_where_nothing_is_left_to_see() -> None:
    taken, _ = chosen(Share(lambda w: max(0.2 - 0.1 * w, 0.0), floor=0.1), 2.0)
    assert taken.step == 0.5
    assert taken.redirect_loss == -1.0, "as measured there"


def test_it_ends_before_forgetting_turns() -> None:
    assert chosen(Share(lambda w: 0.01 + (w - 0.7) ** 2), 1.0)[0].step == 0.7


def test_of_steps_that_forget_alike_the_cheapest_is_taken() -> None:
    alike = {1.0: 0.0, 2.0: TIE * 0.2 * 0.9, 4.0: TIE * 0.2 * 0.9}
    assert chosen(Share(lambda w: alike.get(w, 0.2)), 4.0, 1.0, 2.0)[0].direction == {"w": 1.0}
    assert chosen(Share(lambda w: alike.get(w, 0.2)), 4.0, 2.0)[0].direction == {"w": 2.0}


def test_each_measurement_of_the_retain_loss_counts_once() -> None:
    _, looked = chosen(Share(lambda w: 0.2 - 0.05 * w), 1.0, 3.0, 2.0)
    assert sum(len(c.search.evaluations) for c in looked) == 3 * len(SEARCH.evaluations) + 1, "one stood for the choice"


def test_no_step_that_forgets_nothing() -> None:
    with pytest.raises(UsageError, match="a step must leave fewer samples .* found 0.2000 .* before and 0.3000 after"):
        chosen(Share(lambda w: 0.3), 1.0)


def own_share(model: Any) -> OwnShare:
    split = tiny_world.split()
    found = fit_discriminant(split.forget_images, split.retain_images, torch.Generator().manual_seed(0))
    return OwnShare(model, found, seed=1)


def test_a_look_puts_the_weights_back_and_calls_no_broken_sample_forgotten() -> None:
    model = tiny_world.trained()
    before, share = weights(model), own_share(model)
    original = share({})
    assert 0.1 < original < 0.7, "a third of the training images are to be forgotten"
    name = "decoder.2.bias"
    assert share({name: model.state_dict()[name] + 5}) != original
    assert share({name: torch.full_like(model.state_dict()[name], torch.nan)}) == 1.0
    assert same(before, weights(model))
    assert share({}) == original, "the same noise at each look"


def run(seed: int = 0, **options: Any) -> Any:
    return unlearn(
        tiny_world.trained(), tiny_world.split(), FisherSurgery(solver="chosen", **options),
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip


def test_a_run() -> None:
    model, update = run(budget=0.05)
    log, own = update.details["shots"], update.details["own_samples"]
    assert update.details["budget_spent"] <= 0.05 * (1 + 1e-5)
    assert {entry["solver"] for entry in log} == {"kfac", "gauss_newton", "ascent"}
    taken = [entry for entry in log if entry["chosen"]]
    assert len(taken) == 1
    least = min(entry["share"] for entry in log)
    assert taken[0]["share"] <= max(own["floor"], least + 2 * TIE * (own["before"] - least))
    assert own["after"] == taken[0]["share"] < 0.7 * own["before"]
    assert min(own["right"].values()) > 0.95
    assert update.details["cost"]["generated"] >= own["looks"] * own["samples"]
    moved = {k for k, v in weights(model).items() if not torch.equal(v, weights(tiny_world.trained())[k])}
    assert moved == set(model.generation_parameters())
    assert same(weights(model), weights(run(budget=0.05)[0])), "the same line, the same weights"


def test_what_no_discriminant_can_learn_is_refused() -> None:
    for forget in ({"sample": [0]}, {"class_": 1, "fraction": 0.5}):
        with pytest.raises(UsageError, match="`method.solver=chosen` looks among the model's own samples"):
            unlearn(tiny_world.trained(), tiny_world.split_of(**forget), FisherSurgery(solver="chosen"),
                    generator=torch.Generator().manual_seed(0))  # fmt: skip
