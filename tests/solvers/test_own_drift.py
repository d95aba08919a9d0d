"""A second bound on a step: the drift of the model's own retained samples, whatever else bounds it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

import attribute_world
import tiny_diffusion
import tiny_gan
import tiny_world
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.report.compact import compact
from gsu_cli.report.quantities import discover
from gsu_cli.report.summary import own_drift
from gsu_cli.run.record import Record
from gsu_cli.solvers.options import refuse_unread
from gsu_cli.solvers.own_drift import OwnDrift, most_by_chance
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights

BIAS = "decoder.2.bias"
FEW: Any = {"retain_images": 200, "forget_images": 100, "budget_images": 150}  # of signs, which are slower than bars


def run(drift_budget: float | None, split: Any = None, model: Any = None, **options: Any) -> tuple[Any, Update]:
    return unlearn(
        model or tiny_world.trained(), split or tiny_world.split(),
        FisherSurgery(drift_budget=drift_budget, finish=None, encoder="kept", **options),
        generator=torch.Generator().manual_seed(0), diagnostics=False,
    )  # fmt: skip


def drift() -> OwnDrift:
    split = tiny_world.split()
    task = Task(tiny_world.trained(), split, None, 0, lambda _: nullcontext(), lambda *_: None)
    return OwnDrift.of(task, 0.1, split.forget_images, split.retain_images)


def test_it_is_the_squared_change_of_retained_samples_in_units_of_their_variance() -> None:
    found = drift()
    before = found.samples[found.kept].double()
    assert 0 < int(found.kept.sum()) < len(found.samples), "this world's model generates what is to be forgotten"
    assert not found.discriminant.shows(found.samples)[found.kept].any()
    theta = {BIAS: found.model.state_dict()[BIAS] + 1.0}
    now = found._at(theta).double()
    by_hand = ((now - before) ** 2).sum() / ((before - before.mean(0)) ** 2).sum()
    assert found.mean(theta) == pytest.approx(float(by_hand), rel=1e-6)
    assert found.mean({}) == 0.0, "the same noise at each look"
    assert same(weights(found.model), weights(tiny_world.trained())), "a look puts the weights back"
    with pytest.raises(NonFiniteError, match="the drift of retained samples must stay finite"):
        found.mean({BIAS: torch.full_like(theta[BIAS], torch.nan)})


@dataclass
class Bright:
    """What is to be forgotten is bright."""

    right: tuple[float, float] = (1.0, 1.0)

    def shows(self, x: Tensor) -> Tensor:
        return x.flatten(1).mean(1) > 0.5


def test_samples_that_gained_it_are_counted_beside_the_same_changes_dealt_to_others() -> None:
    before = torch.cat([torch.full((50, 1, 2, 2), 0.4), torch.full((50, 1, 2, 2), 0.1)])
    kind: Any = Bright()
    found = OwnDrift(None, 0.1, kind, 0, before, torch.ones(100, dtype=torch.bool), 1.0, dealt=3)
    aimed = torch.where(before > 0.3, 0.2, 0.0)  # at those near the border alone
    turned = found.transitions(before + aimed)
    assert (turned["gained"], turned["retained"]) == (50, 100)
    assert 10 < turned["dealt"] < 40, "half of the changes meet a sample far from the border"
    assert turned["at_most"] == most_by_chance(turned["dealt"])
    assert turned == found.transitions(before + aimed)
    none = found.transitions(before)
    assert (none["gained"], none["dealt"]) == (0, 0)


def test_a_count_that_is_as_likely_seldom_lies_above() -> None:
    g = torch.Generator().manual_seed(0)
    for mean in (0.5, 3.0, 40.0):
        first, second = torch.poisson(torch.full((2, 4000), mean), generator=g)
        most = torch.tensor([most_by_chance(int(n)) for n in first])
        assert (second > most).double().mean() < 0.057, "5 % of 4,000, and three errors of a share"


def test_a_step_ends_where_the_drift_does() -> None:
    free, without = run(None, budget=0.3)
    looked, wide = run(1.0, budget=0.3)
    assert same(weights(free), weights(looked)), "a bound that is not reached changes nothing"
    assert "own_drift" not in without.details
    assert without.details["cost"]["generated"] < wide.details["cost"]["generated"], "looks are counted"
    spent = wide.details["own_drift"]["spent"]
    _, update = run(spent / 3, budget=0.3)
    found = update.details["own_drift"]
    assert 0.8 * spent / 3 < found["spent"] <= spent / 3 * (1 + 1e-6)
    assert update.details["budget_spent"] < without.details["budget_spent"]
    assert update.details["redirect_loss"]["after"] < update.details["redirect_loss"]["before"]
    (line,) = own_drift(Record("unlearn", update={"details": update.details}))
    assert line.startswith(f"drift of retained samples: {found['spent']:.2%} of {spent / 3:.2%} allowed")
    assert f"{found['transitions']['gained']} of them now show what is to be forgotten" in line


def test_tables_of_kept_records_show_it() -> None:
    turned = {"gained": 3, "retained": 90, "dealt": 5, "at_most": 12}
    details = {"own_drift": {"budget": 0.01, "spent": 0.0099, "transitions": turned}, "shots": []}
    record = Record("unlearn", update={"details": details})
    kept = compact(record)["update"]["details"]
    assert kept == {"own_drift": details["own_drift"]}
    read = {q.key: q.read(record).value for q in discover([record])}
    assert read == {"own_drift": 0.0099, "turned": 3, "turned_by_chance": 5}
    assert discover([Record("unlearn")]) == []


@pytest.mark.parametrize("shots", [1, 2])
def test_it_and_the_level_of_a_class_both_hold(shots: int) -> None:
    _, wide = run(1.0, budget=0.5, bound="class_level", shots=shots)
    level, spent = wide.details["class_level"], wide.details["own_drift"]["spent"]
    assert level["increase"] <= 1.001 * level["expected_increase"]
    _, both = run(spent / 2, budget=0.5, bound="class_level", shots=shots)
    assert both.details["own_drift"]["spent"] <= spent / 2 * (1 + 1e-6)
    assert both.details["class_level"]["increase"] <= 1.001 * both.details["class_level"]["expected_increase"]


@pytest.mark.parametrize("pilot", [0, 20])
def test_a_refit_keeps_it_too(pilot: int) -> None:
    _, update = run(0.005, split=attribute_world.split(), model=attribute_world.trained(), pilot_images=pilot, **FEW)
    assert update.details["solver"] == "least_squares"
    assert 0.9 * 0.005 < update.details["own_drift"]["spent"] <= 0.005, "the bound ends it"
    assert update.details["budget_spent"] <= 0.01 * (1 + 1e-5)
    assert update.details["redirect_loss"]["after"] < update.details["redirect_loss"]["before"]


@pytest.mark.parametrize("world", [tiny_world, attribute_world])
def test_the_record_says_what_the_step_cost_that_was_cut_short(world: Any) -> None:
    few = FEW if world is attribute_world else {}
    _, wide = run(1.0, model=world.trained(), split=world.split(), **few)
    spent = wide.details["own_drift"]["spent"]
    _, update = run(spent / 4, model=world.trained(), split=world.split(), **few)
    assert update.details["budget_spent"] < 0.9 * wide.details["budget_spent"]
    (taken,) = [shot for shot in update.details["shots"] if shot["chosen"]]
    assert taken["realised_increase"] == pytest.approx(update.details["budget_spent"], rel=1e-9)
    assert taken["step"] <= taken["step_within_bounds"] <= taken["step_within_budget"]
    if taken["layer"] is None:
        assert taken["step_within_bounds"] < taken["step_within_budget"]
        assert taken["relative_increase"] > taken["realised_increase"], "of the step that the budget alone allows"
    else:
        assert taken["relative_increase"] == pytest.approx(taken["realised_increase"], rel=1e-6)


@pytest.mark.parametrize("forget", [{"sample": [0]}, {"class_": 1, "fraction": 0.5}])
def test_where_no_sample_can_be_told_to_be_retained_it_is_refused(forget: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="`method.drift_budget` needs whole classes or an attribute to forget"):
        run(0.1, split=tiny_world.split_of(**forget))


@pytest.mark.parametrize("world", [tiny_diffusion, tiny_gan])
def test_models_that_do_not_read_it_refuse_it(world: Any) -> None:
    with pytest.raises(UsageError, match="`method.drift_budget` must be left out with a (diffusion model|GAN)") as said:
        FisherSurgery(drift_budget=0.1).check_model(world.fresh())
    assert "Leave it out; a decoder reads it" in str(said.value), "no solver= makes another model of it"


def test_a_decoder_that_does_not_read_an_option_is_told_what_to_type() -> None:
    with pytest.raises(UsageError, match=r"Leave it out, or take method.solver=least_squares or method.solver=chosen"):
        refuse_unread({"layers": 2}, "solver=kfac of a decoder")


def test_a_tiny_budget_is_not_said_to_be_nothing() -> None:
    turned = {"gained": 3, "retained": 900, "dealt": 5, "at_most": 9}
    said = {"budget": 1e-9, "spent": 0.00042, "unit": "share of the variance", "transitions": turned}
    (text,) = own_drift(Record("unlearn", update={"details": {"own_drift": said}}))
    assert "0.042% of 1e-07% allowed" in text


@pytest.mark.parametrize("value", [0, -0.1, 1.5, True, "0.1", float("nan")])
def test_it_is_a_share(value: Any) -> None:
    with pytest.raises(UsageError, match="`method.drift_budget`"):
        FisherSurgery(drift_budget=value)
