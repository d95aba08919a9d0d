"""One-step updates of a linear-Gaussian model against exact retraining; influence against true leave-one-out."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from gsu_cli.audit.base import Audited, Case
from gsu_cli.audit.closed_form import Problem, compare
from gsu_cli.audit.exact import Exact
from gsu_cli.audit.influence_scores import Targets, scores
from gsu_cli.audit.ranking import rank_correlation
from gsu_cli.curvature.damped import DampedCurvature
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.models.vae.linear_gaussian import Moments, fitted, mean_nll
from gsu_cli.models.vae.ppca import Ppca
from gsu_cli.surgery.vectors import add_scaled, flatten, unflatten
from gsu_cli.training.closed_form import fit_exactly
from memory_world import case as memory_case

SIGMA, Q = 0.1, 3


@cache
def dataset() -> Dataset:
    """16 pixels; the images of label 1 vary along directions of their own."""
    rng = torch.Generator().manual_seed(0)
    scale = torch.tensor([3.0, 2.0, 1.5, 0.7, 0.4])[:, None]
    mixing, other = (torch.randn(5, 16, generator=rng) * scale for _ in range(2))
    labels = (torch.arange(500) % 5 == 0).long()
    z = torch.randn(500, 5, generator=rng)
    x = torch.where(labels[:, None] == 1, 0.4 + 0.05 * (z @ other), 0.5 + 0.06 * (z @ mixing))
    x = x + 0.05 * torch.randn(500, 16, generator=rng)
    pixels = (x.clamp(0, 1) * 255).round().to(torch.uint8).reshape(500, 1, 4, 4)
    whole = Images(pixels, labels)
    return Dataset("made", whole[torch.arange(400)], whole[torch.arange(400, 500)], {0: "a", 1: "b"}, "memory")


def model(images: Images) -> Ppca:
    found = Ppca((1, 4, 4), latent_dim=Q, sigma=SIGMA)
    fit_exactly(found, images)
    return found.eval()


def case(unlearned: Ppca | None = None) -> Case:
    split = ForgetSpec.from_values(class_=1).resolve(dataset(), generator=torch.Generator())
    before, goal = model(dataset().train), model(split.retain_images)
    models = {"original": before, "unlearned": unlearned or before, "retrained": goal}
    return Case(
        split, {k: Audited(k, m, k) for k, m in models.items()}, [], EvaluationContext(split, {}, {}, seed=0), repeats=1
    )


def whole() -> Moments:
    return Moments.of([dataset().train.floats()])


@pytest.mark.parametrize("n", [1, 10, 60])
def test_newton_goes_most_of_the_way_and_the_bound_holds(n: int) -> None:
    found = compare(whole(), Moments.of([dataset().train.floats()[:n]]), Q, SIGMA)
    assert found.newton is not None
    assert found.bound is not None
    assert 0 <= found.newton.excess < 0.3 * found.gradient.excess < 0.3 * found.original.excess
    assert found.newton.excess <= found.bound
    assert found.cosine == pytest.approx(-1, abs=1e-6)


def test_what_newton_leaves_falls_with_the_fourth_power_of_the_share() -> None:
    """The step is of first order in the share, its error of second, and the loss is quadratic in that."""
    kind = Moments.of([dataset().train.floats()[dataset().train.labels == 1]])
    once, twice = (compare(whole(), Moments(n, kind.mean, kind.covariance), Q, SIGMA) for n in (1, 2))
    assert once.newton is not None
    assert twice.newton is not None
    assert twice.newton.excess / once.newton.excess == pytest.approx(16, rel=0.2)
    assert twice.original.excess / once.original.excess == pytest.approx(4, rel=0.1)


def test_the_newton_step_is_that_of_the_dense_hessian() -> None:
    problem = Problem(Moments.of([dataset().train.floats()[30:]]), Q, SIGMA)
    theta = fitted(whole(), Q, SIGMA)
    d, _ = problem.newton(theta)
    n = sum(x.numel() for x in theta.values())
    flat = flatten(theta)
    H = torch.func.hessian(lambda v: mean_nll(unflatten(v, theta), problem.moments, SIGMA))(flat)
    g = torch.func.grad(lambda v: mean_nll(unflatten(v, theta), problem.moments, SIGMA))(flat)
    e, U = torch.linalg.eigh(H)
    free = e.abs() > 1e-2 * float(e.abs().median())  # without the three rotations
    assert int(free.sum()) == n - 3
    exact = -(U[:, free] / e[free]) @ (U[:, free].T @ g)
    assert float((flatten(d) - exact).norm() / exact.norm()) < 0.05
    left, dense = (problem.reached(add_scaled(theta, 1.0, step)).excess for step in (d, unflatten(exact, theta)))
    assert left == pytest.approx(dense, rel=0.2)


def test_a_retrained_model_is_at_no_distance_and_the_original_far() -> None:
    known = case()
    found = Exact(fractions=[0.01, 0.1])(case(known.models["retrained"].model))
    by = {(m.name, m.subject): m.value for m in found.measurements}
    assert by["exact_divergence", "retrained"] == pytest.approx(0, abs=1e-5)
    assert by["exact_divergence", "unlearned"] == by["exact_divergence", "retrained"]
    assert by["exact_divergence", "original"] > 0.05
    assert by["exact_excess", "original"] > 0.05
    assert {c.name for c in found.curves} == {
        f"exact_{q}_{name}" for q in ("excess", "divergence") for name in ("random", "forgotten")
    }
    steps = {c.name: [round(400 * 10**step) for step, *_ in c.points["original"]] for c in found.curves}
    assert steps["exact_excess_random"] == [4, 40]
    assert steps["exact_excess_forgotten"] == [4, 40, 80]
    last = {c.name: 10 ** c.points["original"][-1][1] for c in found.curves}
    assert last["exact_excess_forgotten"] == pytest.approx(by["exact_excess", "original"], rel=1e-3)
    assert "left of the original's, for images at random: 4 (1.0%): " in found.sentences[1]
    assert "cosine -1" in found.sentences[-1]


def test_of_any_share_one_image_is_left() -> None:
    found = Exact(fractions=[1 - 1e-9])(case())
    assert "for images at random: 399 (" in found.sentences[1]


def test_other_models_have_no_closed_form() -> None:
    (row,) = Exact()(memory_case(0, 1)).measurements
    assert row.reason == "closed forms need a linear-Gaussian model, model=ppca; found Memory"


@pytest.mark.parametrize("fractions", [[], [0.5, 0.1], [0.1, 0.1], [1.0], [0], ["a"], "0.1"])
def test_fractions_that_mean_nothing(fractions: Any) -> None:
    with pytest.raises(UsageError, match=r"audit\.exact\.fractions"):
        Exact(fractions)


def leave_one_out(n: int, target: Images) -> torch.Tensor:
    """What retraining without each of the first ``n`` images really does to the mean loss of ``target``."""
    goal, x = Moments.of([target.floats()]), dataset().train.floats()
    here = mean_nll(fitted(whole(), Q, SIGMA), goal, SIGMA)
    changes = [
        mean_nll(fitted(whole().without(Moments.of([x[i : i + 1]])), Q, SIGMA), goal, SIGMA) - here for i in range(n)
    ]
    return torch.stack(changes)


def test_influence_is_the_true_effect_of_leaving_one_out() -> None:
    """By the Hessian and conjugate gradients nearly exactly; K-FAC less so, plain products less than that."""
    known, n = case(), 40
    original, target = known.models["original"].model, dataset().heldout
    truth = leave_one_out(n, target)
    images = dataset().train[torch.arange(n)]
    goals = Targets(target, known.samples(original, 1))
    factor = known.split.n_retain / known.split.n_forget / (len(dataset().train) - 1)  # of one image, not of all

    def found(kind: Any, solver: Any, damping: float) -> torch.Tensor:
        at = DampedCurvature(
            original, dataset().train, original.generation_parameters(), seed=0, damping=damping, kind=kind, steps=300,
            tolerance=1e-5,
        )  # fmt: skip
        scored = scores(known, original, goals, images, solvers=[solver], curvature=at)
        products.append(scored.product[0])
        return factor * scored.influence[solver][0]

    products: list[torch.Tensor] = []
    exact = found("hessian", "cg", 1e-4)
    slope = float(exact @ truth / (truth @ truth))
    assert slope == pytest.approx(1, abs=0.05)
    assert rank_correlation(exact, truth) > 0.99  # type: ignore[operator]
    kfac, plain = rank_correlation(found("gauss_newton", "kfac", 0.01), truth), rank_correlation(products[0], truth)
    assert kfac is not None
    assert plain is not None
    assert kfac > 0.8
    assert plain < rank_correlation(exact, truth)  # type: ignore[operator]
