"""What `method.finish=auto`, `method.encoder=auto` and `method.target=auto` stand for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import attribute_world
import tiny_diffusion
import tiny_gan
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.solvers.auto_options import DAMPING, FINISH, FINISHED_DAMPING, usual_encoder, usual_finish, usual_target
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights


@pytest.fixture(autouse=True)
def enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the few images of a tiny world were enough to spare."""
    monkeypatch.setattr("gsu_cli.solvers.auto_options.ENOUGH", 100)


def test_where_few_images_are_retained_the_last_layer_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    retained = len(tiny_world.split().retain)
    monkeypatch.setattr("gsu_cli.solvers.auto_options.ENOUGH", retained)
    assert usual() == (0.5, "follows")
    monkeypatch.setattr("gsu_cli.solvers.auto_options.ENOUGH", retained + 1)
    assert usual() == (None, "follows")
    _, update = run()
    assert "finish" not in update.details
    assert update.details["target"]["kind"] == "nearest"
    assert [c["damping"] for c in update.details["shots"]] == list(DAMPING)


def run(split: Any = None, model: Any = None, **options: Any) -> tuple[Any, Update]:
    return unlearn(
        model or tiny_world.trained(), split or tiny_world.split(), FisherSurgery(**options),
        generator=torch.Generator().manual_seed(0), diagnostics=False,
    )  # fmt: skip


def usual(split: Any = None, model: Any = None, **options: Any) -> tuple[float | None, str]:
    """Both, for a step with these options."""
    options = {"solver": "auto", "shots": 1, "bound": "auto", "drift_budget": None, **options}
    split, model = split or tiny_world.split(), model or tiny_world.trained()
    finish = usual_finish(model, split, options["solver"], 2, options["shots"])
    return finish, usual_encoder(model, split, **{k: options[k] for k in ("solver", "shots", "bound", "drift_budget")})


def test_of_a_class_both_are_done_and_the_record_says_so() -> None:
    model, update = run()
    typed, _ = run(finish=FINISH, encoder="follows", damping=list(FINISHED_DAMPING), target="discriminant")
    assert same(weights(model), weights(typed))
    assert update.details["target"]["kind"] == "discriminant"
    assert run(target="nearest")[1].details["target"]["kind"] == "nearest"
    assert update.details["finish"] == {"share": 0.5, "taken": 1}
    assert update.details["encoder"]["moved"]
    assert [c["damping"] for c in update.details["shots"]] == [0.3, 0.3], "one candidate, and what the refit made of it"
    assert 0 < update.details["budget_spent"] <= 0.01 * (1 + 1e-5)


@pytest.mark.parametrize("forget", [{"sample": [3, 8]}, {"fraction": 0.05}])
def test_images_that_are_no_class_have_nothing_that_a_discriminant_could_see(forget: dict[str, Any]) -> None:
    split = tiny_world.split_of(**forget)
    assert usual_target("auto", split, FINISH) == "auto"
    assert run(split, finish=FINISH, budget_images=50)[1].details["target"]["kind"] == "nearest"
    assert usual_target("discriminant", split, FINISH) == "discriminant"
    assert usual_target("auto", tiny_world.split(), FINISH) == "discriminant"


def test_null_and_kept_are_the_step_alone() -> None:
    model, update = run(finish=None, encoder="kept")
    assert not update.details.keys() & {"finish", "encoder"}
    assert update.details["target"]["kind"] == "nearest"
    assert [c["damping"] for c in update.details["shots"]] == list(DAMPING)
    for name, value in weights(tiny_world.trained()).items():
        assert torch.equal(value, weights(model)[name]) == (not name.startswith("decoder."))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (0.5, "follows")),
        ({"solver": "kfac"}, (0.5, "follows")),
        ({"solver": "gauss_newton"}, (None, "follows")),
        ({"solver": "chosen"}, (None, "kept")),
        ({"shots": 2}, (None, "kept")),
        ({"bound": "class_level"}, (0.5, "kept")),
        ({"drift_budget": 0.01}, (0.5, "kept")),
        ({"bound": "none"}, (0.5, "follows")),
    ],
    ids=str,
)
def test_what_a_step_on_a_class_gets(options: dict[str, Any], expected: tuple[float | None, str]) -> None:
    assert usual(**options) == expected


@pytest.mark.parametrize("forget", [{"sample": [1, 2]}, {"class_": 1, "fraction": 0.5}], ids=str)
def test_of_single_images_and_a_fraction_the_step_is_alone(forget: dict[str, Any]) -> None:
    split = tiny_world.split_of(**forget)
    assert usual(split) == (None, "kept")
    assert not run(split)[1].details.keys() & {"finish", "encoder"}


def test_of_an_attribute_the_refit_is_alone() -> None:
    assert usual(attribute_world.split(), attribute_world.trained()) == (None, "kept")
    _, update = run(attribute_world.split(), attribute_world.trained())
    assert update.details["target"]["kind"] == "local"
    assert not update.details.keys() & {"finish", "encoder"}


def test_what_does_not_apply_is_left_out_and_refused_where_it_is_typed() -> None:
    model = tiny_world.trained()
    model.decoder = nn.Sequential(nn.Linear(3, 64), nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 1, 3, padding=1))
    assert usual(model=model, solver="kfac")[0] is None, "places share the weights of a convolution"
    model.decoder = nn.Sequential(*tiny_world.trained().decoder, nn.Tanh())
    assert usual(model=model)[0] is None
    FisherSurgery().check_split(model, tiny_world.split())
    with pytest.raises(UsageError, match="nothing but a sigmoid changes"):
        FisherSurgery(finish=0.5).check_split(model, tiny_world.split())

    class Alone:
        decoder = tiny_world.trained().decoder

        def generation_parameters(self) -> list[str]:
            return ["decoder.weight"]

        def named_parameters(self) -> list[tuple[str, nn.Parameter]]:
            return [("decoder.weight", nn.Parameter(torch.zeros(1)))]

        def loss(self) -> None: ...

    assert usual_encoder(Alone(), tiny_world.split(), solver="auto", shots=1, bound="auto", drift_budget=None) == "kept"


@pytest.mark.parametrize("world", [tiny_diffusion, tiny_gan])
def test_elsewhere_nothing_is_what_they_already_do(world: Any) -> None:
    """So that a table can say the words once for all of its rows."""
    FisherSurgery(finish=None, encoder="kept", damping=list(DAMPING)).check_model(world.fresh())
    FisherSurgery(finish=None, encoder="kept").check_split(attribute_world.trained(), attribute_world.split())


def test_dampings_that_are_typed_are_all_tried() -> None:
    _, update = run(damping=list(DAMPING))
    assert [c["damping"] for c in update.details["shots"]][:3] == list(DAMPING)
