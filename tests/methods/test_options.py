"""What a user can get wrong in ``method.*``: one sentence each, with rule, value and way out."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny_diffusion
import tiny_gan
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.methods.ascent import Ascent
from gsu_cli.methods.finetune import Finetune
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.gradient_surgery import GradientSurgery
from gsu_cli.methods.retrain import Retrain
from gsu_cli.protocol.calibrated import Calibrated
from gsu_cli.solvers.options import READ
from gsu_cli.unlearning.unlearn import check_needs

NAN, INF = float("nan"), float("inf")
BAD_STEPS = [0, 0.0, -1e-3, NAN, INF, True, "1e-3", None]
BAD_COUNTS = [0, -1, 1.5, True, "2", None]

ROWS = [
    *[(kind, {"lr": lr}, "method.lr") for kind in (Ascent, GradientSurgery) for lr in BAD_STEPS],
    *[(kind, {"shots": n}, "method.shots") for kind in (Ascent, GradientSurgery) for n in BAD_COUNTS],
    *[(FisherSurgery, {"shots": n}, "method.shots") for n in BAD_COUNTS if n is not None],  # null: the family's own
    *[(GradientSurgery, {"batches": n}, "method.batches") for n in BAD_COUNTS],
    *[(GradientSurgery, {"prediction_images": n}, "method.prediction_images") for n in BAD_COUNTS],
    *[(FisherSurgery, {"budget": b}, "method.budget") for b in (0, 5, 1.01, -0.1, NAN, INF, True, "0.01")],
    *[(FisherSurgery, {"damping": d}, "method.damping") for d in (0, -1, NAN, INF, [], [0.1, 0], ["a"], [True])],
    *[
        (FisherSurgery, {key: n}, f"method.{key}")
        for key in ("retain_images", "forget_images", "budget_images")
        for n in (0, 1, 2.5, True, "9")
    ],
    *[(Retrain, {"epochs": n}, "method.epochs") for n in (0, -1, 1.5, True, "2")],
    *[(Finetune, {"epochs": n}, "method.epochs") for n in (0, 1.5)],
    *[(Finetune, {"lr": lr}, "method.lr") for lr in (0, -1, NAN, INF, "1")],
    *[(Finetune, {"batch_size": n}, "method.batch_size") for n in (0, 1.5)],
    *[(kind, {"scope": s}, "method.scope") for kind in (Ascent, GradientSurgery) for s in ("every", None, 3)],
    (GradientSurgery, {"retain_basis": "none"}, "method.retain_basis"),
    (GradientSurgery, {"when": "never"}, "method.when"),
]


@pytest.mark.parametrize(("kind", "options", "key"), ROWS, ids=lambda x: getattr(x, "__name__", str(x)))
def test_refused_with_the_key_and_the_value(kind, options, key):
    with pytest.raises(UsageError) as e:
        kind(**options)
    assert f"`{key}`" in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("options", "near"),
    [({"scope": "generater"}, "generator"), ({"retain_basis": "clas"}, "class"), ({"when": "alway"}, "always")],
)
def test_a_typo_is_answered_with_the_nearest_choice(options, near):
    with pytest.raises(UsageError, match=f"Did you mean '{near}'"):
        GradientSurgery(**options)


def test_numbers_of_either_type_are_accepted():
    assert GradientSurgery(lr=1).lr == 1.0
    assert FisherSurgery(budget=1, damping=1).damping == [1.0]


@pytest.mark.parametrize("basis", ["mean", "class"])
def test_parts_of_the_retain_set_belong_to_one_basis(basis):
    with pytest.raises(
        UsageError, match=rf"`method.batches` must be left out with method.retain_basis={basis}.*; found 16"
    ):
        GradientSurgery(retain_basis=basis, batches=16)


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({"layers": 1}, tiny_diffusion.fresh),
        ({"ekfac": True}, tiny_gan.fresh),
        ({"solver": "kfac", "iterations": 3}, tiny_world.trained),
    ],
)
def test_options_that_are_not_read_are_refused_before_the_work(options, model):
    calibrated = Calibrated(lambda **more: FisherSurgery(**{**options, **more}), FisherSurgery.strength, 0.01)
    for method in (FisherSurgery(**options), calibrated):
        with pytest.raises(UsageError, match=f"`method.{list(options)[-1]}` must be left out with "):
            check_needs(method, model())


@pytest.mark.parametrize(
    ("options", "key"),
    [({"iterations": 3}, "iterations"), ({"layers": 1}, "layers"), ({"bank_images": 50}, "bank_images")],
)
def test_so_are_those_that_the_chosen_solver_does_not_read(options, key):
    method = FisherSurgery(**options)
    check_needs(method, tiny_world.trained())  # which solver "auto" is depends on what is to be forgotten
    calibrated = Calibrated(lambda **more: FisherSurgery(**{**options, **more}), FisherSurgery.strength, 0.01)
    for each in (method, calibrated):
        with pytest.raises(UsageError, match=f"`method.{key}` must be left out with solver=kfac of a decoder"):
            check_needs(each, tiny_world.trained(), tiny_world.split())


def test_the_page_says_which_solver_reads_what():
    page = (Path(__file__).parents[2] / "docs/methods/fisher_surgery.md").read_text(encoding="utf-8")
    found = {
        row[0].replace("`", ""): tuple(row[1].replace("`", "").split(", "))
        for row in (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| "))
        if row[0].replace("`", "") in READ
    }
    assert found == READ
