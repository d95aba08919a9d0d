"""Where retained images are at the forgotten latents, what they expect is the target; elsewhere nothing changes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import attribute_world
import tiny_conditional
import tiny_world
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.errors import UsageError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.joint_redirect import JointRedirect
from gsu_cli.models import conditions
from gsu_cli.solvers import where_retained
from gsu_cli.solvers.where_retained import asked
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.shared import Shared
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights


@pytest.fixture(autouse=True)
def enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the few images of a tiny world were enough to spare."""
    monkeypatch.setattr("gsu_cli.solvers.auto_options.ENOUGH", 100)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if any share of the density were enough."""
    monkeypatch.setattr("gsu_cli.solvers.where_retained.HALF", 0.0)


def run(method: Any, split: Any = None, model: Any = None) -> tuple[dict[str, torch.Tensor], Update]:
    model, update = unlearn(
        model or tiny_world.trained(), split or tiny_world.split(), method,
        generator=torch.Generator().manual_seed(0), diagnostics=False,
    )  # fmt: skip
    return weights(model), update


@pytest.mark.usefixtures("there")
def test_it_is_what_typing_it_gives() -> None:
    found, update = run(FisherSurgery())
    target, details = update.details["target"], update.details
    assert (target["kind"], details["solver"]) == ("expected", "gauss_newton")
    assert target["retained_there"]["images"] >= 10
    assert "finish" not in details
    assert "own_samples" not in details
    sizes = {"retain_images": 10_000, "forget_images": 2_000, "damping": 0.3}
    typed, _ = run(FisherSurgery(target="expected", solver="gauss_newton", finish=None, encoder="follows", **sizes))
    assert same(found, typed)


def test_elsewhere_the_step_is_as_it_was() -> None:
    found, update = run(FisherSurgery())
    target = update.details["target"]
    assert target["kind"] == "discriminant"
    assert target["retained_there"]["share"] < 0.5
    typed, _ = run(FisherSurgery(target="discriminant"))
    assert same(found, typed)


def test_both_a_number_and_a_share_are_asked_for(there: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsu_cli.solvers.where_retained.ENOUGH", 401.0)  # of 400 retained images
    assert run(FisherSurgery())[1].details["target"]["kind"] == "discriminant"


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    "options",
    [{"target": "nearest"}, {"solver": "kfac"}, {"finish": None}, {"finish": 0.3}, {"shots": 2}],
    ids=lambda o: next(iter(o)) + "=" + str(next(iter(o.values()))),
)
def test_what_is_typed_stays(options: dict[str, Any]) -> None:
    _, update = run(FisherSurgery(**options))
    assert update.details["target"]["kind"] != "expected"
    assert "retained_there" not in update.details["target"]


@pytest.mark.usefixtures("there")
def test_neither_single_samples_nor_attributes_nor_conditions_are_asked() -> None:
    for split, model in (
        (tiny_world.split_of(sample=[3, 4, 5, 9]), None),
        (attribute_world.split(), attribute_world.trained()),
        (tiny_world.split(), tiny_conditional.trained()),
    ):
        _, update = run(FisherSurgery(), split, model)
        assert update.details["target"]["kind"] != "expected"
        assert "retained_there" not in update.details["target"]


@pytest.mark.usefixtures("there")
def test_joint_redirection_has_the_same_targets() -> None:
    quick = {"steps": 20, "batch_size": 64, "redirect_size": 32, "budget": 0.5}
    found, update = run(JointRedirect(**quick))
    assert update.details["target"]["kind"] == "expected"
    assert update.details["target"]["retained_there"]["images"] >= 10
    typed, of_typed = run(JointRedirect(**quick, target="expected"))
    assert same(found, typed)
    assert "retained_there" not in of_typed.details["target"]
    _, nearest = run(JointRedirect(**quick, target="nearest"))
    assert nearest.details["target"] == {"kind": "nearest", "region": 1.0}


def test_images_of_the_budget_are_in_no_expectation() -> None:
    """Else the budget spends more on held-out images than on its own."""
    retain = tiny_world.split().dataset.train[tiny_world.split().retain]
    assert torch.equal(asked("expected", retain, 150).pixels, retain.pixels[150:])
    assert asked("discriminant", retain, 150) is retain
    assert asked("expected", retain, 400) is retain


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("n", [1, 2, 3, 49])
def test_of_few_images_a_share_is_not_asked(n: int) -> None:
    """Without its own image a latent has no others of its class there, and all would seem to be retained."""
    whole = tiny_world.dataset()
    kept = torch.cat([(whole.train.labels == 1).nonzero()[:n, 0], (whole.train.labels != 1).nonzero()[:, 0]])
    data = replace(whole, train=whole.train[kept])
    few = ForgetSpec.from_values(class_=1).resolve(data, generator=torch.Generator().manual_seed(0))
    assert len(few.forget) == n
    _, update = run(FisherSurgery(), few)
    assert update.details["target"]["kind"] == "discriminant"
    assert "retained_there" not in update.details["target"]


@pytest.mark.usefixtures("there")
def test_several_dampings_are_compared_by_the_solver_that_reads_them() -> None:
    _, update = run(FisherSurgery(damping=[0.1, 1.0]))
    assert update.details["target"]["kind"] == "discriminant"
    assert run(FisherSurgery(damping=0.1))[1].details["target"]["kind"] == "expected"


def test_typed_targets_have_their_solver_and_its_options() -> None:
    found, update = run(FisherSurgery(target="expected", iterations=3))
    assert update.details["solver"] == "gauss_newton"
    assert "finish" not in update.details
    assert same(found, run(FisherSurgery(target="expected", solver="gauss_newton", finish=None, iterations=3))[0])
    _, by_factors = run(FisherSurgery(target="expected", solver="kfac", finish=None))
    assert by_factors.details["solver"] == "kfac"


def test_a_gradient_that_vanishes_is_said_by_either_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsu_cli.objectives.expected.BEYOND", 0.0)  # what is generated is what is wanted
    for solver in ("kfac", "gauss_newton"):
        with pytest.raises(UsageError, match="the redirect gradient must not vanish"):
            run(FisherSurgery(target="expected", solver=solver, finish=None))


FEW = {"retain_images": 400, "forget_images": 60, "budget_images": 150}
JOINT = {**FEW, "steps": 4, "batch_size": 64, "redirect_size": 32, "budget": 0.5, "pool_images": 100}


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Images of each pass for a posterior."""
    found: list[int] = []

    def counting(model: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
        found.append(len(x))
        return conditions.posterior(model, x, y)

    monkeypatch.setattr("gsu_cli.objectives.posteriors.conditions", SimpleNamespace(posterior=counting))
    return found


@pytest.mark.parametrize("half", [0.0, 2.0], ids=["expected", "elsewhere"])
def test_what_the_rule_passes_is_counted(passed: list[int], monkeypatch: pytest.MonkeyPatch, half: float) -> None:
    """By both methods: of images that the rule and the targets have in common once."""
    monkeypatch.setattr("gsu_cli.solvers.where_retained.HALF", half)
    kind = "expected" if half == 0 else "nearest"
    _, ruled = run(JointRedirect(**JOINT))
    assert ruled.details["target"]["kind"] == kind
    of_ruled = sum(passed)
    assert of_ruled == (60 + 400 + (250 if half == 0 else 0)) + 150 + 60, "those of the budget and the check beside"
    passed.clear()
    _, typed = run(JointRedirect(**JOINT, target=kind))
    forward = [update.details["cost"]["forward"] for update in (ruled, typed)]
    assert forward[0] - forward[1] == of_ruled - sum(passed) == (400 if half == 0 else 0)
    of_step = [run(FisherSurgery(**FEW, damping=0.3, target=word))[1] for word in ("auto", "expected")]
    if half == 0:
        both = [update.details["cost"]["forward"] for update in of_step]
        assert [update.details["target"]["kind"] for update in of_step] == [kind, kind]
        assert both[0] - both[1] == 400, "the rule asks all of them, the means are of others than the budget's"


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("method", [JointRedirect(**JOINT), FisherSurgery(**FEW)], ids=lambda m: m.name)
def test_runs_of_a_search_ask_once(method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look = where_retained.retained_there

    def looking(*parts: Any, **options: Any) -> dict[str, float]:
        looks.append(1)
        return look(*parts, **options)

    monkeypatch.setattr(where_retained, "retained_there", looking)
    shared, found = Shared(keeps=True), []
    for _ in range(2):
        shared.begin()
        _, update = run(lambda task: method(replace(task, shared=shared)))
        found.append(update.details["cost"])
    assert looks == [1]
    assert found[0] == found[1], "each as if by itself"
    assert shared.spared.forward >= 60 + 400 + 250


@pytest.mark.usefixtures("there")
def test_the_rule_asks_of_the_images_that_the_means_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else ten in effect of all would be fewer of those that are left."""
    besides: list[int] = []
    look = where_retained.retained_there

    def looking(*parts: Any, **options: Any) -> dict[str, float]:
        besides.append(options["besides"])
        return look(*parts, **options)

    monkeypatch.setattr(where_retained, "retained_there", looking)
    for budget in (150, 390):
        assert run(FisherSurgery(**{**FEW, "budget_images": budget}))[1].details["target"]["kind"] == "expected"
    assert besides == [150, 200], "half of the images are left where there are few"
    _, update = run(FisherSurgery(**FEW, encoder="kept"))
    assert besides[2:] == [150]
    assert update.details["target"]["retained_there"]["images"] < 250
