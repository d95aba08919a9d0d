"""Influences of images against dense matrices, on models that learned them and on ones that never saw them."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest
import torch

import tiny_world
from gsu_cli.audit.base import Audited, Case, mean
from gsu_cli.audit.influence import ForgottenInfluence, _left, _of_part, _orders
from gsu_cli.audit.influence_scores import Targets, scores, targets
from gsu_cli.audit.jackknife import jackknifed
from gsu_cli.audit.ranking import interval, rank_correlation
from gsu_cli.curvature.damped import DampedCurvature
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.gradients import mean_gradient
from gsu_cli.judges.base import Verdict
from gsu_cli.methods.retrain import train_from_scratch
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.models.vae.ppca import Ppca
from gsu_cli.run.seeds import derive
from gsu_cli.surgery.vectors import dot
from gsu_cli.training.closed_form import fit_exactly
from memory_world import case as memory_case
from memory_world import value

OPTIONS: dict[str, Any] = {"samples": 4, "images": 30, "retained": 60, "steps": 10}


class Middle:
    """A judge that calls an image upright where its two middle columns are the brightest."""

    name = "middle"

    def __call__(self, pixels: torch.Tensor) -> Verdict:
        upright = pixels.float().mean((1, 2)).argmax(1) // 2 == 1
        flat = pixels.float().amax((1, 2, 3))
        return Verdict(torch.where(upright, 1, 3), flat / 255, torch.zeros(len(pixels), dtype=torch.bool))


@cache
def retrained() -> MlpVae:
    model = tiny_world.fresh()
    train_from_scratch(model, tiny_world.split(), tiny_world.RECIPE, seed=1)
    return model


def case(judges: dict[str, Any] | None = None) -> Case:
    split, before = tiny_world.split(), tiny_world.trained()
    models = {
        "original": Audited("original", before, "a"),
        "unlearned": Audited("unlearned", retrained(), "b"),
        "retrained": Audited("retrained", retrained(), "b"),
    }
    return Case(split, models, [], EvaluationContext(split, judges or {}, {}, seed=0), repeats=2)


def test_scores_are_products_with_the_solution() -> None:
    """The first row by hand: the gradient of the retained loss through the inverse, against mean gradients."""
    known, model = case(), tiny_world.trained()
    names, images = model.generation_parameters(), tiny_world.split().forget_images[torch.arange(20)]
    at = DampedCurvature(model, known.images("retained"), names, seed=1, damping=1.0)
    goals = Targets(known.images("unseen_retained"), known.samples(model, 2))
    found = scores(known, model, goals, images, solvers=["kfac"], curvature=at)
    seed = derive(known.seed, "audit", "influence")
    g = mean_gradient(model, goals.retained, names, seed=derive(seed, "target", 0)).vector
    x = at.solve(g, "kfac").x
    own = [mean_gradient(model, images, names, seed=derive(seed, "image", k)).vector for k in range(8)]
    share = known.split.n_forget / known.split.n_retain
    assert float(found.influence["kfac"][0].mean()) == pytest.approx(share * sum(dot(h, x) for h in own) / 8, rel=1e-3)
    assert float(found.product[0].mean()) == pytest.approx(sum(dot(h, g) for h in own) / 8, rel=1e-3)
    assert found.product.shape == (3, 20)


def test_what_is_left_is_what_was_predicted_and_did_not_happen() -> None:
    known = case({"middle": Middle()})
    found = ForgottenInfluence(**OPTIONS)(known)
    predicted, left, change = (
        value(found, f"{name}_on_retained{end}", m)
        for name, end, m in (
            ("influence", "_cg_at_10", "original"),
            ("influence_left", "_at_10", "unlearned"),
            ("change", "", "unlearned"),
        )
    )
    losses = [known.losses(known.models[m], "unseen_retained") for m in ("unlearned", "original")]
    assert change.value == pytest.approx(float((losses[0] - losses[1]).mean()))
    assert left.value == pytest.approx(predicted.value - change.value)  # type: ignore[operator]
    halves = [(m.high - m.low) / 2 for m in (left, predicted, change)]  # type: ignore[operator]
    assert halves[0] == pytest.approx((halves[1] ** 2 + halves[2] ** 2) ** 0.5), "a difference knows less than either"
    assert halves[1] > 0.01 * halves[2], "both count here"
    for group in ("retained", "shown", "other"):
        one, two = (value(found, f"influence_left_on_{group}_at_10", m).value for m in ("unlearned", "retrained"))
        assert one == two, "one model under two names"
    happened = value(found, "change_on_shown", "retrained").value
    assert happened is not None
    assert happened > 0, "without the upright bars, samples that show one are less likely"
    assert f"samples that show {known.split.words} changes by" in found.sentences[1]
    assert "Predicted less what happened: " in found.sentences[1]
    assert found.sentences[1].endswith("(retrained, the error of the prediction).")


def test_a_solver_that_has_not_converged_is_named() -> None:
    few, enough = (
        ForgottenInfluence(solvers=["cg"], **OPTIONS | {"steps": k, "damping": damping})(case())
        for k, damping in ((1, 0.1), (40, 10.0))
    )
    worst = max(m.value or 0 for m in few.measurements if m.name == "residual_cg_at_0.1")
    assert f"Solver cg has not converged: its residual is {worst:.2g} of the right-hand side" in few.sentences[-1]
    assert "Raise audit.influence.steps or" in few.sentences[-1]
    assert not [line for line in enough.sentences if "converged" in line]


def test_several_dampings_stand_beside_each_other() -> None:
    """What is damped more is predicted to weigh less, and each is what it is alone."""
    several = ForgottenInfluence(solvers=["kfac"], **OPTIONS | {"damping": [1.0, 10.0, 100.0]})(case())
    alone = ForgottenInfluence(solvers=["kfac"], **OPTIONS)(case())
    weights = [abs(value(several, f"influence_on_retained_kfac_at_{d}", "original").value or 0) for d in (1, 10, 100)]
    assert weights[0] > weights[1] > weights[2] > 0
    for m in alone.measurements:
        assert value(several, m.name, m.subject) == m
    assert "influence at damping 1 predicts" in several.sentences[0]
    signed = [value(several, f"influence_on_retained_kfac_at_{d}", "original").value or 0 for d in (1, 10, 100)]
    assert f"({min(signed):+.4g} to {max(signed):+.4g} over all dampings)" in several.sentences[0]


def test_orders_of_images_are_compared_with_that_of_conjugate_gradients() -> None:
    found = ForgottenInfluence(**OPTIONS)(case())
    for name in ("kfac", "inner_product"):
        row = value(found, f"rank_correlation_{name}_on_retained_at_10", "original")
        assert row.low is not None
        assert row.low > 0.9, name
    assert value(found, "influence_on_samples_cg_at_10").n == 4


def test_of_all_forgotten_images_nothing_is_left_to_chance() -> None:
    """Of a part the mean of all is within the interval as often as it says; without that of the others, always."""
    rng, inside, before = torch.Generator().manual_seed(0), 0, 0
    for _ in range(300):
        every = torch.randn(60, generator=rng).double()
        row = mean("x", Audited("original", None, "a"), every[torch.randperm(60, generator=rng)[:45]], "nats")
        part = _of_part(row, 60)
        inside += part.low <= float(every.mean()) <= part.high  # type: ignore[operator]
        before += row.low <= float(every.mean()) <= row.high  # type: ignore[operator]
    assert 0.92 <= inside / 300 <= 0.98
    assert before >= 297
    known = case()
    found = ForgottenInfluence(solvers=["cg"], **OPTIONS | {"images": known.split.n_forget})(known)
    row, left = (value(found, name, m) for name, m in (("influence_on_retained_cg_at_10", "original"),
                                                      ("influence_left_on_retained_at_10", "unlearned")))  # fmt: skip
    assert (row.low, row.n) == (None, known.split.n_forget)
    change = value(found, "change_on_retained", "unlearned")
    assert left.high - left.low == pytest.approx(change.high - change.low)  # type: ignore[operator]


def test_an_influence_on_samples_is_known_no_better_than_the_forgotten_images_looked_at() -> None:
    """The interval was over samples alone, whichever of the forgotten images were looked at."""
    rng, inside, before = torch.Generator().manual_seed(0), 0, 0
    a = Audited("original", None, "a")
    for _ in range(300):
        every, samples = torch.randn(60, generator=rng).double(), torch.randn(20, generator=rng).double()
        each = samples[:, None] + every[torch.randperm(60, generator=rng)[:15]]
        row, alone = _left("x", a, each, unit="nats", of=60), mean("x", a, each.mean(1), "nats")
        truth = float(every.mean())  # the mean over all samples that there can be is 0
        inside += row.low <= truth <= row.high  # type: ignore[operator]
        before += alone.low <= truth <= alone.high  # type: ignore[operator]
    assert 0.92 <= inside / 300 <= 0.99
    assert before / 300 < 0.92


def test_one_of_several_forgotten_images_tells_of_no_interval() -> None:
    """It was that of samples alone, as if the other images weighed as much."""
    a, each = Audited("original", None, "a"), torch.randn(20, 1, generator=torch.Generator().manual_seed(0)).double()
    one, alone = (_left("x", a, each, unit="nats", of=of) for of in (60, 1))
    assert (one.low, one.high) == (None, None)
    assert alone.low is not None, "where it alone is forgotten, nothing else is left to chance"
    assert one.value == alone.value


def test_influences_that_nearly_cancel_are_solved_for() -> None:
    """On a linear-Gaussian model, against a dense solution: at a residual of 0.05 this mean is off by 4 %."""
    split = tiny_world.split_of(sample=list(range(3, 90, 4)))
    model = Ppca((1, 8, 8), latent_dim=2, sigma=0.2)
    fit_exactly(model, tiny_world.dataset().train)
    known = Case(split, {m: Audited(m, model.eval(), "a") for m in ("original", "unlearned")}, [],
                 EvaluationContext(split, {}, {}, seed=0))  # fmt: skip
    options = {
        "samples": 1,
        "images": split.n_forget,
        "retained": split.n_retain,
        "steps": 60,
        "damping": 0.1,
        "curvature": "hessian",
    }
    found = ForgottenInfluence(solvers=["cg"], **options)(known)  # type: ignore[arg-type]
    names = model.generation_parameters()
    at = DampedCurvature(
        model,
        known.images("retained"),
        names,
        seed=derive(0, "audit", "influence", "curvature"),
        damping=0.1,
        kind="hessian",
    )
    flat = torch.eye(sum(model.get_parameter(k).numel() for k in names))
    shapes = {k: model.get_parameter(k).shape for k in names}

    def vector(row: torch.Tensor) -> dict[str, torch.Tensor]:
        parts = row.split([n.numel() for n in shapes.values()])
        return {k: x.reshape(shape) for (k, shape), x in zip(shapes.items(), parts, strict=True)}

    def row(v: Any) -> torch.Tensor:
        return torch.cat([v[k].detach().flatten() for k in names]).double()

    H = torch.stack([row(at.product(vector(e))) for e in flat]) + at.damping * flat.double()
    g, h = (row(mean_gradient(model, x, names, seed=0).vector) for x in (known.images("unseen_retained"),
                                                                       split.forget_images))  # fmt: skip
    truth = split.n_forget / split.n_retain * float(h @ torch.linalg.solve(H, g))
    assert value(found, "influence_on_retained_cg_at_0.1", "original").value == pytest.approx(truth, rel=0.01)


def test_targets_are_half_of_them_samples_that_show_it() -> None:
    known = case({"middle": Middle()})
    goals = targets(known, known.models["original"].model, 6)
    assert goals.shown is not None
    assert goals.shown.tolist() == [True] * 3 + [False] * 3
    assert torch.equal(Middle()(goals.samples.pixels).labels == 1, goals.shown)
    assert set(goals.groups()) == {"shown", "other"}
    assert set(targets(case(), known.models["original"].model, 6).groups()) == {"samples"}


def test_scores_that_do_not_differ_have_no_order() -> None:
    a = Audited("original", None, "x")
    rows = _orders(a, "kfac", torch.ones(2, 5).double(), torch.arange(10.0).reshape(2, 5), at="_at_1", of=5)
    assert [m.value for m in rows] == [None, None]


def test_rank_correlation_is_that_of_scipy() -> None:
    from scipy.stats import spearmanr

    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 6, (60,), generator=rng).double()  # with ties
    y = x + 3 * torch.randn(60, generator=rng).double()
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert rank_correlation(x, torch.ones(60)) is None
    assert interval(0.5, 3) == (None, None)


@pytest.mark.parametrize(("sign", "n"), [(1, 50), (-1, 50), (1, 8)])
def test_orders_that_are_nearly_equal_have_an_interval_that_holds_them(sign: int, n: int) -> None:
    """Spearman's of few pairs is too near to 0: around it intervals held 70 to 80 %."""
    rng, rho, inside, before = torch.Generator().manual_seed(0), 0.995, 0, 0
    truth = sign * 6 / math.pi * math.asin(rho / 2)  # of normal pairs
    for _ in range(100):
        x, e = torch.randn(2, n, generator=rng).double()
        y = sign * (rho * x + (1 - rho**2) ** 0.5 * e)
        r = rank_correlation(x, y)
        assert r is not None
        low, high = interval(r, n, jackknifed(x[:, None], y[:, None]))
        inside += low <= truth <= high  # type: ignore[operator]
        low, high = interval(r, n)
        before += low <= truth <= high  # type: ignore[operator]
    assert inside >= 90
    assert before < 85


def test_orders_of_which_one_in_five_differs_have_an_interval_that_holds_them() -> None:
    """Four pairs in five agree, the fifth is of chance: by the variance of normal pairs it held three quarters."""
    rng, inside, before = torch.Generator().manual_seed(0), 0, 0
    for _ in range(100):
        x, other = torch.randn(2, 50, generator=rng).double()
        y = torch.where(torch.rand(50, generator=rng) < 0.8, x, other)
        r = rank_correlation(x, y)
        assert r is not None
        low, high = interval(r, 50, jackknifed(x[:, None], y[:, None]))
        inside += low <= 0.8 <= high  # type: ignore[operator]
        low, high = interval(r, 50)
        before += low <= 0.8 <= high  # type: ignore[operator]
    assert inside >= 90
    assert before < 85


def test_the_order_on_samples_has_an_interval_over_the_forgotten_images_too() -> None:
    """Samples alike: what chance among 40 of 4,000 images does is the same on each, and was in no interval."""
    rng, truth, inside, all_of_them = torch.Generator().manual_seed(0), 6 / math.pi * math.asin(0.35), 0, 0
    a = Audited("original", None, "x")
    for _ in range(50):
        x, e = torch.randn(2, 40, generator=rng).double()
        near = 0.1 * torch.randn(2, 5, 40, generator=rng).double()
        reference, matrix = x + near[0], 0.7 * x + 0.51**0.5 * e + near[1]
        (m,) = (m for m in _orders(a, "kfac", reference, matrix, at="_at_1", of=4000) if "on_samples" in m.name)
        inside += m.low <= truth <= m.high  # type: ignore[operator]
        (m,) = (m for m in _orders(a, "kfac", reference, matrix, at="_at_1", of=40) if "on_samples" in m.name)
        all_of_them += m.low <= truth <= m.high  # type: ignore[operator]
    assert inside >= 45
    assert all_of_them < 30, "of all images that there are the number is known but for the samples"


@pytest.mark.parametrize("r", [1.0, -1.0])
def test_equal_orders_of_few_images_are_not_known_to_be_equal(r: float) -> None:
    """Of four images one order in twelve is another one or its reverse by chance alone."""
    few, more = (interval(r, n) for n in (4, 30))
    ends = [abs((x[0] if r > 0 else x[1]) or 0.0) for x in (few, more)]
    assert few[0] is not None
    assert few[1] is not None
    assert few[0] < 0 < few[1]
    assert r in few
    assert 0.995 < ends[1] < 1


def test_a_model_without_sites_says_what_it_lacks() -> None:
    (row,) = ForgottenInfluence()(memory_case(0, 1)).measurements
    assert row.reason is not None
    assert "the model lacks sites of images or posterior(), decoder and likelihood" in row.reason


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"solvers": []}, "`audit.influence.solvers` must be a list of words, at least one"),
        ({"solvers": ["ekfac"]}, "`audit.influence.solvers[0]` must be one of cg, lissa, kfac"),
        ({"solvers": ["cg", "cg"]}, "`audit.influence.solvers` must name each word once; found cg twice"),
        ({"curvature": "fisher"}, "`audit.influence.curvature` must be one of gauss_newton, hessian"),
        ({"damping": 0}, "`audit.influence.damping` must be a finite number > 0"),
        ({"samples": 0}, "`audit.influence.samples` must be an integer >= 1"),
    ],
)
def test_options_that_mean_nothing(options: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError) as e:
        ForgottenInfluence(**options)
    assert rule in str(e.value)
