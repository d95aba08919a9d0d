"""The rule by which methods are compared: the largest strength within a retain budget, and what finding it took."""

from __future__ import annotations

import functools
import inspect
import math

import numpy as np
import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf

import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import mean_loss
from gsu_cli.methods.ascent import Ascent
from gsu_cli.methods.ascent_descent import AscentDescent
from gsu_cli.methods.fisher_scrub import FisherScrub
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.gradient_surgery import GradientSurgery
from gsu_cli.methods.newton import Newton
from gsu_cli.methods.retain_surgery import RetainSurgery
from gsu_cli.protocol.calibrated import Calibrated
from gsu_cli.protocol.retain_cost import retain_cost
from gsu_cli.protocol.search import Search
from gsu_cli.protocol.trials import Known, Plan
from gsu_cli.run.configs import conf_dir
from gsu_cli.unlearning.contract import Strength, Update
from gsu_cli.unlearning.images import draw_images
from gsu_cli.unlearning.unlearn import unlearn
from method_runs import run
from tiny_world import same, weights

BUDGET = 0.02
MAKERS = {
    "ascent": functools.partial(Ascent, scope="generator"),
    "gradient_surgery": functools.partial(GradientSurgery, scope="generator"),
    "newton": functools.partial(Newton),
    "fisher_scrub": functools.partial(FisherScrub),
    "fisher_surgery": functools.partial(FisherSurgery),
    "ascent_descent": functools.partial(AscentDescent, log_every=1, lr=0.05),
    "retain_surgery": functools.partial(RetainSurgery, steps=10),
}


def calibrated(name, budget=BUDGET, **options):
    make = MAKERS[name]
    return Calibrated(make, make.func.strength, budget, **options)


@functools.cache
def outcome(name):
    model, update = run(calibrated(name))
    return model, update, update.details["calibration"]


@pytest.mark.parametrize("name", MAKERS)
def test_the_budget_is_kept_and_nearly_spent(name):
    _, update, found = outcome(name)
    assert update.method == name
    assert 0 < found["relative_increase"] <= BUDGET
    if MAKERS[name].func.strength.stop_option is None:  # a step is a coarse measure on so small a world
        assert found["relative_increase"] >= 0.6 * BUDGET
        assert found["reason"] is None
    else:  # and then it is said
        unspent = found["relative_increase"] < 0.95 * BUDGET
        assert (found["reason"] is not None) == unspent
        assert not unspent or f"{found['relative_increase'] / BUDGET:.0%} of the budget is spent" in found["reason"]
    assert found["budget"] == BUDGET
    assert found["images"] == 400


@pytest.mark.parametrize("name", MAKERS)
def test_the_raise_is_that_of_the_weights_given_back(name):
    """Measured here again, from the streams that are documented."""
    model, _, found = outcome(name)
    original, seen = tiny_world.trained(), []

    class Look:
        name = "look"

        def __call__(self, task):
            images = draw_images(task.split, "retain", 1000, seed=task.stream("check", "retain"))
            seed = task.stream("check noise", "retain")
            seen.extend(mean_loss(m, images, seed=seed) for m in (original, model))
            return Update("look")

    run(Look(), original)
    assert found["relative_increase"] == pytest.approx(seen[1] / seen[0] - 1, rel=1e-9)


def test_the_raise_is_a_mean_over_latents():
    model, update = run(calibrated("ascent", latents=3))
    found, original, seen = update.details["calibration"], tiny_world.trained(), []

    class Look:
        name = "look"

        def __call__(self, task):
            images = draw_images(task.split, "retain", 1000, seed=task.stream("check", "retain"))
            seeds = [task.stream("check noise", "retain", *k) for k in ([], [1], [2])]
            seen.extend(sum(mean_loss(m, images, seed=s) for s in seeds) / 3 for m in (original, model))
            return Update("look")

    run(Look(), original)
    assert found["relative_increase"] == pytest.approx(seen[1] / seen[0] - 1, rel=1e-9)
    assert (found["images"], found["latents"]) == (400, 3)
    passes = len(found["trials"]) + len(found["ray"]) + 1
    own = sum(t["gradient_evaluations_per_image"] - t["shared_evaluations_per_image"] for t in found["trials"])
    assert found["cost"]["gradient_evaluations_per_image"] == pytest.approx(own + passes * 400 * 3 / 3 / 600)


@pytest.mark.parametrize("name", ["ascent", "fisher_scrub", "retain_surgery"])
def test_the_weights_are_those_of_the_method_at_that_strength(name):
    model, _, found = outcome(name)
    alone, _ = run(MAKERS[name](**{found["option"]: found["strength"]}))
    assert same(weights(model), weights(alone))


def test_steps_are_where_the_stop_rule_ends():
    model, update, found = outcome("ascent_descent")
    assert (found["option"], found["strength"]) == ("steps", update.shots)
    assert len(found["trials"]) == 1
    alone, _ = run(MAKERS["ascent_descent"](steps=update.shots))
    assert same(weights(model), weights(alone))


@pytest.mark.parametrize("name", ["ascent", "gradient_surgery", "newton", "fisher_scrub"])
def test_a_method_on_a_ray_runs_twice(name):
    _, _, found = outcome(name)
    assert len(found["trials"]) == 2
    assert len(found["ray"]) >= 2


def test_a_ray_that_is_none_costs_trials_and_no_truth():
    """Three shots bend the ray: its guess may miss, the runs that follow do not."""
    strength = Strength("lr", 1e-3, 1e2, power=1.0)
    _, update = run(Calibrated(functools.partial(Ascent, scope="generator", shots=3), strength, BUDGET))
    found = update.details["calibration"]
    assert 0.6 * BUDGET <= found["relative_increase"] <= BUDGET
    assert len(found["trials"]) > 2


@pytest.mark.parametrize("name", MAKERS)
def test_all_trials_are_paid_for(name):
    _, update, found = outcome(name)
    counts = [t["gradient_evaluations_per_image"] for t in found["trials"]]
    shared = [t["shared_evaluations_per_image"] for t in found["trials"]]
    passes = len(counts) + len(found["ray"]) + 1
    gauge = passes * found["images"] / 3 / 600
    assert found["cost"]["gradient_evaluations_per_image"] == pytest.approx(sum(counts) - sum(shared) + gauge)
    assert shared[0] == 0
    assert all(0 <= s <= c for s, c in zip(shared, counts, strict=True))
    if len(counts) > 1 and name in ("ascent", "gradient_surgery", "newton", "fisher_scrub"):
        assert shared[1:] == counts[1:], "a step at another length needs no gradient and no Fisher anew"
    final = found["cost"]["final_gradient_evaluations_per_image"]
    assert final == update.details["cost"]["gradient_evaluations_per_image"] > 0
    assert found["cost"]["seconds"] >= sum(t["seconds"] for t in found["trials"]) > 0


@pytest.mark.parametrize("name", ["ascent", "ascent_descent", "retain_surgery"])
def test_who_waits_hears_of_every_trial(name):
    lines = []
    _, update = run(calibrated(name), on_trial=lines.append)
    found = update.details["calibration"]
    for k, (trial, line) in enumerate(zip(found["trials"], lines, strict=True), start=1):
        strength, rise = f"{found['option']}={trial['strength']:.3g}", f"{trial['relative_increase']:+.2%}"
        assert line.startswith(f"trial {k}: {strength}, retain loss {rise} (2.00% allowed)")


class Explodes:
    """theta + lr on the decoder's first bias; not finite beyond 1."""

    name, strength = "explodes", Strength("lr", 1e-2, 1e2)

    def __init__(self, lr=1.0, cost=True):
        self.lr, self.cost = lr, cost

    def __call__(self, task):
        if self.lr > 0.5:
            raise NonFiniteError("it must stay finite", found=self.lr)
        with torch.no_grad():
            next(p for k, p in task.model.named_parameters() if k == "decoder.0.bias").add_(self.lr)
        return Update(self.name, details={"cost": {"gradient_evaluations_per_image": 1.0}} if self.cost else {})


def test_what_breaks_off_is_beyond_the_budget_and_counts_like_the_dearest():
    lines = []
    _, update = run(Calibrated(Explodes, Explodes.strength, 0.5), on_trial=lines.append)
    found = update.details["calibration"]
    broken = [t for t in found["trials"] if t["error"]]
    assert broken
    assert sum("must stay finite" in line for line in lines) == len(broken)
    assert all(t["relative_increase"] is None and t["gradient_evaluations_per_image"] is None for t in broken)
    assert found["strength"] <= 0.5
    gauge = (len(found["trials"]) - len(broken) + 1) * 400 / 3 / 600
    assert found["cost"]["gradient_evaluations_per_image"] == pytest.approx(len(found["trials"]) + gauge)


def test_what_is_not_counted_is_null():
    _, update = run(Calibrated(functools.partial(Explodes, cost=False), Explodes.strength, 0.01))
    assert update.details["calibration"]["cost"]["gradient_evaluations_per_image"] is None


class Ruins:
    """Adds 10 to every weight, whatever its strength."""

    name = "ruins"

    def __init__(self, lr=1.0, stop_at=None):
        self.lr = lr

    def __call__(self, task):
        with torch.no_grad():
            for p in task.model.parameters():
                p.add_(10.0)
        return Update(self.name)


@pytest.mark.parametrize("option", [None, "stop_at"])
def test_a_budget_that_nothing_keeps_gives_the_original_back(option):
    model = tiny_world.trained()
    moved, update = run(Calibrated(Ruins, Strength("lr", 0.1, 1.0, stop_option=option), 0.01), model)
    found = update.details["calibration"]
    assert same(weights(moved), weights(model))
    assert found["strength"] is None
    assert "nothing was changed" in found["reason"]
    assert update.shots == 0


def test_steps_that_do_not_spend_it_are_all_taken_and_it_says_so():
    make = functools.partial(AscentDescent, lr=1e-9)
    _, update = run(Calibrated(make, Strength("steps", 1, 3, stop_option="retain_budget"), 0.5))
    found = update.details["calibration"]
    assert found["strength"] == 3
    assert "not spent within steps=3" in found["reason"]


class Spender:
    """Spends a budget by measures of its own: a multiple of it, in nats of the decoder's first bias."""

    name, strength = "spender", Strength("budget", 1e-3, 0.1, is_budget=True)

    def __init__(self, budget=0.01, factor=1.0):
        self.budget, self.factor = budget, factor

    def __call__(self, task):
        with torch.no_grad():
            next(p for k, p in task.model.named_parameters() if k == "decoder.0.bias").add_(self.factor * self.budget)
        return Update(self.name)


def test_an_own_budget_is_the_protocols_and_never_more():
    _, update = run(Calibrated(functools.partial(Spender, factor=0.1), Spender.strength, 0.02))
    found = update.details["calibration"]
    assert (found["strength"], len(found["trials"]), found["reason"]) == (0.02, 1, None)
    assert found["relative_increase"] < 0.5 * 0.02, "most of it is not spent, and that is fine"


def test_an_own_budget_that_oversteps_is_lowered():
    _, update = run(Calibrated(functools.partial(Spender, factor=300.0), Spender.strength, 0.02))
    found = update.details["calibration"]
    assert found["strength"] < 0.02
    assert found["trials"][0]["strength"] == 0.02
    assert found["trials"][0]["relative_increase"] > 0.02
    assert 0.6 * 0.02 <= found["relative_increase"] <= 0.02  # or the bracket is narrower than a fifth


def looked_for(make, said):
    """What is found for ``make`` within 0.02 where other images say ``said(budget)``, and what was tried."""

    class Measured(Search):
        def run(self, strength, options):
            model, update, _ = super().run(strength, options)
            self.trials[-1].relative_increase = said(strength)
            return model, update, said(strength)

    found = []

    class Look:
        name = "look"

        def __call__(self, task):
            search = Measured(Plan("spender", make, Spender.strength, 0.02, Known()), task, retain_cost(task, 100))
            found.append((search.largest(), [t.strength for t in search.trials]))
            return Update("look")

    run(Look())
    return found[0]


def test_an_own_budget_whose_measure_starts_beyond_this_one_s_is_found_by_a_straight_line():
    """Other images say ``0.015 + 1.2 b`` of an own budget ``b``, and hardly anything of small ones."""

    def make(budget=0.02):
        return Spender(budget, 1.0)

    best, tried = looked_for(make, lambda b: min(0.015, 10 * b) + 1.2 * b)
    assert tried == pytest.approx([0.02, 0.02 * 0.018 / 0.039, 0.0025])
    assert 0.8 * 0.02 <= best.relative_increase <= 0.02


def test_where_a_line_leaves_nothing_nearly_nothing_is_asked_for():
    """Even an own budget of 0 reads ``0.019``: the third trial is of nearly 0, not a tenth of the second, and so on."""
    best, tried = looked_for(Spender, lambda b: 0.019 + 1.2 * b)
    assert len(tried) == 3
    assert tried[2] < Spender.strength.low / 10
    assert best.relative_increase <= 0.02


class Steep:
    """Stops by itself; its very first step at a rate above 0.02 is beyond any budget."""

    name, strength = "steep", Strength("steps", 1, 100, stop_option="stop_at", rate="lr")

    def __init__(self, lr=1.0, steps=7, stop_at=None, *, breaks=False):
        self.lr, self.steps, self.stop_at, self.breaks = lr, steps, stop_at, breaks

    def __call__(self, task):
        if self.lr > 0.02:
            if self.breaks:
                raise NonFiniteError("it must stay finite", found=self.lr)
            return Update(self.name, shots=0)
        with torch.no_grad():
            next(p for k, p in task.model.named_parameters() if k == "decoder.0.bias").add_(1e-4 * self.lr)
        return Update(self.name, shots=5)


@pytest.mark.parametrize("breaks", [False, True])
def test_a_rate_whose_first_steps_are_too_long_is_lowered(breaks):
    lines = []
    _, update = run(Calibrated(functools.partial(Steep, breaks=breaks), Steep.strength, 0.5), on_trial=lines.append)
    found = update.details["calibration"]
    assert (found["strength"], found["rate"], found["reason"]) == (5, {"lr": pytest.approx(0.01)}, None)
    assert [t["rate"].get("lr") for t in found["trials"]] == [None, pytest.approx(0.1), pytest.approx(0.01)]
    assert lines[-1].startswith("trial 3: steps=5, lr=0.01, retain loss")


def test_a_rate_is_not_lowered_for_ever():
    model = tiny_world.trained()
    moved, update = run(Calibrated(functools.partial(Steep, lr=1e9), Steep.strength, 0.5), model)
    found = update.details["calibration"]
    assert same(weights(moved), weights(model))
    assert (found["strength"], found["rate"]) == (None, {})
    rates = [t["rate"].get("lr", 1e9) for t in found["trials"]]
    assert rates == pytest.approx([1e9, 1e8, 1e7, *[1e6] * 3])  # three decades, and at the last three budgets
    assert "nothing was changed" in found["reason"]


def test_the_weights_are_those_of_the_method_at_the_lowered_rate():
    make = functools.partial(AscentDescent, log_every=1, lr=50.0)
    model, update = run(Calibrated(make, AscentDescent.strength, BUDGET))
    found = update.details["calibration"]
    assert found["rate"]["lr"] < 50.0
    assert update.shots > 0
    assert found["relative_increase"] <= BUDGET
    alone, _ = run(AscentDescent(log_every=1, steps=found["strength"], **found["rate"]))
    assert same(weights(model), weights(alone))


def test_budgets_learn_from_each_other():
    known = Known()
    first = run(calibrated("newton", 0.01, known=known))[1].details["calibration"]
    second = run(calibrated("newton", 0.05, known=known))[1].details["calibration"]
    assert (len(first["trials"]), len(second["trials"])) == (2, 1)
    assert second["strength"] > first["strength"]
    assert same(weights(run(calibrated("newton", 0.05))[0]), weights(run(calibrated("newton", 0.05, known=known))[0]))


def test_no_judge_and_no_heldout_image_is_looked_at(monkeypatch):
    split = tiny_world.split()
    poisoned = split.dataset.heldout
    blind = Images(torch.zeros_like(poisoned.pixels), poisoned.labels)
    before = weights(outcome("newton")[0])
    dataset = type(split.dataset)("bars", split.dataset.train, blind, split.dataset.class_names, "memory")
    other = type(split)(**{**vars(split), "dataset": dataset})
    moved, _ = unlearn(tiny_world.trained(), other, calibrated("newton"), generator=torch.Generator().manual_seed(0))
    assert same(before, weights(moved))


@pytest.mark.parametrize("budget", [0, -0.1, 1.5, math.nan, True, "1 %"])
def test_budgets_are_shares(budget):
    with pytest.raises(UsageError, match=r"`protocol.budget` must be a share"):
        calibrated("ascent", budget)


@pytest.mark.parametrize("path", sorted((conf_dir() / "method").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_method_says_what_its_strength_is(path):
    config = OmegaConf.load(path)
    kind = get_object(config["_target_"])
    strength = kind.strength
    if strength is None:
        assert path.stem in ("retrain", "finetune")
        return
    options = inspect.signature(kind).parameters
    assert strength.option in options
    assert strength.stop_option is None or strength.stop_option in options
    assert strength.rate is None or (strength.rate in options and strength.stop_option)
    assert 0 < strength.low < strength.high
    assert strength.option in config, "what the protocol chooses can be typed"


class Rate:
    """A method that only writes down its rate, and looks back at it for the record; ``broken`` is no good there."""

    name, seen, broken = "rate", list[float](), math.inf

    def __init__(self, lr: float = 1.0) -> None:
        self.lr = lr

    def __call__(self, task):
        with torch.no_grad():
            next(task.model.parameters()).view(-1)[0] = self.lr
        task.later.append(self.look_back)
        return Update(self.name)

    def look_back(self):
        self.seen.append(self.lr)
        if self.lr > self.broken:
            raise NonFiniteError("the loss must stay finite (step 3)", found="nan")


class Measured:
    """Costs of a rate as retain surgery has them on the long hair of avatars, straight in between; a wall beyond."""

    unit, words, n, looks = "nats per image", "retain loss", 1, 1
    rates = (1e-4, 2.21e-4, 2.30e-4, 2.40e-4, 2.51e-4, 2.94e-4, 3.16e-4, 1e-3)
    costs = (-0.0087, 0.0085, 0.0098, 0.0107, 0.0111, 0.0112, 0.0108, 0.0586)

    def relative_increase(self, model, theta=None):
        lr = float(next(model.parameters()).detach().view(-1)[0])
        if lr > 5e-3:
            raise NonFiniteError("the loss must stay finite", found="nan")
        return float(np.interp(math.log(lr), [math.log(r) for r in self.rates], self.costs))


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_a_cost_that_falls_before_it_grows_takes_few_trials(monkeypatch, scale):
    """Power laws took twelve, and ended with less than half of the budget spent."""
    monkeypatch.setattr("gsu_cli.protocol.calibrated.retain_cost", lambda *_: Measured())
    monkeypatch.setattr(Measured, "rates", tuple(scale * r for r in Measured.rates))
    _, update = run(Calibrated(Rate, Strength("lr", 1e-6, 1e-2), 0.01))
    found = update.details["calibration"]
    assert 0.95 * 0.01 <= found["relative_increase"] <= 0.01
    assert found["reason"] is None
    assert len(found["trials"]) <= 6


def test_a_trial_of_another_budget_is_run_again_where_it_is_the_answer(monkeypatch):
    monkeypatch.setattr("gsu_cli.protocol.calibrated.retain_cost", lambda *_: Measured())
    known, strength = Known(), Strength("lr", 1e-6, 1e-2)
    first, _ = run(Calibrated(Rate, strength, 0.01, known=known))
    again, update = run(Calibrated(Rate, strength, 0.01, known=known))
    assert same(weights(first), weights(again))
    assert len(update.details["calibration"]["trials"]) == 1


def test_a_probe_of_the_ray_that_breaks_is_run_once():
    _, update = run(Calibrated(Explodes, Strength("lr", 1e-2, 1e4, power=1.0), 0.5))  # it probes at 10
    trials = update.details["calibration"]["trials"]
    assert trials[0]["error"] is not None
    assert len(trials) > 1
    assert len({t["strength"] for t in trials}) == len(trials)


def test_the_chosen_trial_alone_is_looked_back_at(monkeypatch):
    monkeypatch.setattr("gsu_cli.protocol.calibrated.retain_cost", lambda *_: Measured())
    monkeypatch.setattr(Rate, "seen", [])
    found = run(Calibrated(Rate, Strength("lr", 1e-6, 1e-2), 0.01))[1].details["calibration"]
    assert sum(t["relative_increase"] <= 0.01 for t in found["trials"] if t["error"] is None) > 1
    assert Rate.seen == [found["strength"]]


def test_where_looking_back_finds_no_number_the_next_smaller_trial_is_taken(monkeypatch):
    monkeypatch.setattr("gsu_cli.protocol.calibrated.retain_cost", lambda *_: Measured())
    monkeypatch.setattr(Rate, "broken", 2.25e-4)
    model, update = run(Calibrated(Rate, Strength("lr", 1e-6, 1e-2), 0.01))
    found = update.details["calibration"]
    assert found["strength"] <= 2.25e-4
    assert float(next(model.parameters()).detach().view(-1)[0]) == pytest.approx(found["strength"])
    broken = [t for t in found["trials"] if t["strength"] > 2.25e-4 and t["error"]]
    assert all("the loss must stay finite (step 3)" in t["error"] for t in broken)
    assert len(broken) >= 1


@pytest.mark.parametrize(("broken", "chosen"), [(1e-4, True), (2e-6, False), (0.0, False)])
def test_looking_back_may_find_no_number_of_more_trials_than_a_search_has(monkeypatch, broken, chosen):
    """Each is run once more for its weights; the search had less than no looks left then, and ended in a traceback."""
    monkeypatch.setattr("gsu_cli.protocol.calibrated.retain_cost", lambda *_: Measured())
    monkeypatch.setattr(Rate, "broken", broken)
    found = run(Calibrated(Rate, Strength("lr", 1e-6, 1e-2), 0.01))[1].details["calibration"]
    assert sum(t["error"] is not None for t in found["trials"]) > 10
    assert found["strength"] <= broken if chosen else found["strength"] is None
    assert found["reason"] is not None
