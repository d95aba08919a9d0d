"""Influence against leaving subsets out: on a linear-Gaussian VAE, whose retraining has a closed form."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import pytest
import torch

from gsu_cli.audit.base import Audited, Case
from gsu_cli.audit.bounds import Noise
from gsu_cli.audit.distance import Distance
from gsu_cli.audit.jackknife import jackknifed
from gsu_cli.audit.lds import LeaveSubsetOut
from gsu_cli.audit.leave_out import LOSS, LeaveOut
from gsu_cli.audit.leave_out_masks import fold_masks, random_masks
from gsu_cli.data.base import Dataset, Images
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.intervals import quantile95
from gsu_cli.models.vae.ppca import Ppca
from gsu_cli.training.closed_form import fit_exactly
from later import Later
from memory_world import case as memory_case
from memory_world import noise_split, value

stats = Later("scipy.stats")  # a second

NOISE = Noise(0, 1, 0)
FRACTIONS = (0.0, 0.02, 0.1)


@cache
def dataset() -> Dataset:
    """16 pixels that vary along a few directions."""
    rng = torch.Generator().manual_seed(0)
    mixing = torch.randn(5, 16, generator=rng) * torch.tensor([3.0, 2.0, 1.5, 0.7, 0.4])[:, None]
    x = 0.5 + 0.06 * (torch.randn(400, 5, generator=rng) @ mixing) + 0.05 * torch.randn(400, 16, generator=rng)
    pixels = (x.clamp(0, 1) * 255).round().to(torch.uint8).reshape(400, 1, 4, 4)
    whole = Images(pixels, torch.zeros(400, dtype=torch.int64))
    return Dataset("made", whole[torch.arange(300)], whole[torch.arange(300, 400)], {0: "a"}, "memory")


def solved(images: Images) -> Ppca:
    found = Ppca((1, 4, 4), latent_dim=3, sigma=0.1)
    fit_exactly(found, images)
    return found.eval()


@cache
def design(fractions: bool = False) -> LeaveOut:
    """Of models that are exactly what retraining gives."""
    data, inside = dataset(), random_masks(300, 6, FRACTIONS, 0) if fractions else fold_masks(300, 10, 5, 0)
    rows = []
    for mask in inside:
        model = solved(data.train[mask.nonzero()[:, 0]])
        rows.append(torch.cat([NOISE.losses(model, p, "any")[LOSS] for p in (data.train, data.heldout)]))
    return LeaveOut(inside, {LOSS: torch.stack(rows).float()}, {}, "sha")


def case(known: LeaveOut | None) -> Case:
    found, model = memory_case(original=0, unlearned=0), solved(dataset().train)
    split = replace(
        noise_split(), dataset=dataset(), forget=torch.arange(3), retain=torch.arange(3, 300),
        heldout_retain=torch.arange(100),
    )  # fmt: skip
    models = {name: Audited(name, model, "sha") for name in ("original", "unlearned")}
    return replace(found, split=split, models=models, context=EvaluationContext(split, {}, {}, seed=0), design=known)


def test_influence_orders_models_as_exact_retraining_does() -> None:
    found = LeaveSubsetOut(["cg"], damping=0.01, curvature="hessian", images=300)(case(design()))
    for part in ("heldout", "training"):
        exact = value(found, f"lds_{part}_cg_at_0.01", "original")
        plain = value(found, f"lds_{part}_inner_product", "original")
        assert exact.value is not None
        assert plain.value is not None
        assert exact.value > 0.9
        assert plain.value < exact.value
        assert (exact.low or 0) <= exact.value <= (exact.high or 0)
    assert (value(found, "residual_cg_at_0.01", "original").value or 1) < 0.06
    assert "10 models that each lack 60 images" in found.sentences[0]
    assert "by cg at damping 0.01" in found.sentences[0]


def test_the_highest_of_several_predictions_is_said_to_be_that() -> None:
    """Of four scores by chance alone the highest is no score of one."""
    words = [LeaveSubsetOut(["kfac"], damping=of, images=60)(case(design())).sentences[0] for of in (1.0, [1.0, 100.0])]
    assert "highest" not in words[0]
    assert " (the highest of 2), " in words[1]


def test_losses_that_do_not_depend_on_what_is_left_out_are_not_predicted() -> None:
    """The negative control."""
    known = design()
    L = torch.randn(known.losses[LOSS].shape, generator=torch.Generator().manual_seed(0))
    found = LeaveSubsetOut(["kfac"])(case(replace(known, losses={LOSS: L})))
    chance = value(found, "lds_heldout_kfac_at_10", "original")
    assert chance.low is not None
    assert chance.high is not None
    assert chance.low < 0 < chance.high


def test_the_jackknife_covers_what_it_says() -> None:
    """Scores of pairs with a known correlation, one image each: the interval holds it about as often as it says."""
    rng, hits = torch.Generator().manual_seed(0), 0
    for _ in range(200):
        x = torch.randn(20, 1, generator=rng).double()
        y = x + torch.randn(20, 1, generator=rng).double()
        score = jackknifed(x, y)
        hits += abs(score.value - 0.69) < 1.96 * score.error  # Spearman's, of a Gaussian correlation of 0.707
    assert 180 <= hits <= 200, hits


@pytest.mark.parametrize("models", [5, 12, 40])
def test_high_scores_of_few_models_have_an_interval_that_holds_them(models: int) -> None:
    """Of many images the mean has a small error and the bias of each: around it intervals held 0 to 76 %."""
    rng, rho, inside, before = torch.Generator().manual_seed(0), 0.95, 0, 0
    truth = 6 / math.pi * math.asin(rho / 2)  # of normal pairs, as of very many models
    for _ in range(100):
        x, e = torch.randn(2, models, 60, generator=rng).double()
        score = jackknifed(x, rho * x + (1 - rho**2) ** 0.5 * e)
        low, high = score.interval(quantile95(models))
        inside += low <= truth <= high
        before += abs(score.value - truth) <= quantile95(models) * score.error
    assert inside >= 93
    assert before < 80


@pytest.mark.parametrize("levels", [0, 3, 5])
def test_without_bias_few_models_score_what_many_do(levels: int) -> None:
    """Ties included: of eight models the plain score is lower."""
    rng = torch.Generator().manual_seed(0)

    def pairs(n: int, images: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, e = torch.randn(2, n, images, generator=rng).double()
        both = x, 0.9 * x + 0.19**0.5 * e
        return both if not levels else tuple((torch.special.ndtr(v) * levels).floor() for v in both)  # type: ignore

    truth = stats.spearmanr(*(v[:, 0] for v in pairs(100_000, 1))).statistic
    few = jackknifed(*pairs(8, 4000))
    assert few.unbiased == pytest.approx(truth, abs=0.02)
    assert few.value < truth - 0.015


def test_why_there_is_no_score() -> None:
    known = design()
    few = replace(known, trained_on=known.trained_on[:4], losses={LOSS: known.losses[LOSS][:4]})
    for audited, reason in (
        (case(None), "needs a leave-out design"),
        (case(few), "needs 5 models that lack images, found 4"),
        (replace(memory_case(0, 0), design=known), "the model lacks "),
    ):
        for probe in (LeaveSubsetOut(), Distance()):
            (m,) = probe(audited).measurements
            assert m.value is None
            if not isinstance(probe, Distance) or "5 models" not in reason:
                assert reason in str(m.reason)
    for options in ({"damping": 0.0}, {"damping": []}, {"solvers": ["x"]}, {"images": 0}):
        with pytest.raises(UsageError, match=r"`audit\.lds\."):
            LeaveSubsetOut(**options)  # type: ignore[arg-type]


def test_the_predicted_distance_is_the_exact_one_for_few_images() -> None:
    found = Distance(solver="cg", damping=0.01, curvature="hessian", images=300)(case(design(fractions=True)))
    few, many = ((value(found, name, "original").value or 0
                  for name in (f"predicted_rise_without_{n}_at_0.01", f"realised_rise_without_{n}"))
                 for n in (6, 30))  # fmt: skip
    predicted, realised = few
    assert predicted == pytest.approx(realised, rel=0.1)
    assert realised > 0
    assert next(many) > 0
    floor = value(found, "floor_without_6", "original")
    assert floor.value == pytest.approx(0, abs=1e-5), "exact training has no chance in it"
    (curve, _) = found.curves
    assert [at for at, *_ in curve.points["realised"]] == pytest.approx([2.0, 10.0])
    assert "without 2 % (6), " in found.sentences[0]
    several = Distance(damping=[0.01, 1.0], curvature="hessian", images=300)(case(design(fractions=True)))
    each = [value(several, f"predicted_rise_without_6_at_{d}", "original").value or 0 for d in ("0.01", "1")]
    assert each[0] > each[1] > 0, "what is damped more is predicted to move less"
    assert f"{each[0]:.2g} / {each[1]:.2g} predicted" in several.sentences[0]
    assert several.sentences[0].endswith("Predicted by kfac at dampings 0.01 / 1.")
    assert {"predicted (kfac, damping 0.01)", "predicted (kfac, damping 1)"} <= set(several.curves[0].points)


def test_a_distance_needs_models_of_all_images() -> None:
    (m,) = Distance()(case(design())).measurements
    assert m.reason == "needs 2 models of the design that lack nothing, found 0: leave_out.fractions=[0,...]"


def test_models_that_tie_share_their_rank() -> None:
    rng = torch.Generator().manual_seed(0)
    realised = torch.randn(12, 40, generator=rng).double()
    predicted = torch.zeros(12, 40).double()
    predicted[6:] = torch.randn(6, 40, generator=rng).double()
    by_hand = [stats.spearmanr(predicted[:, k], realised[:, k]).statistic for k in range(40)]
    assert jackknifed(predicted, realised).value == pytest.approx(sum(by_hand) / 40)
    order = torch.arange(12).double()[:, None].expand(12, 40)
    assert math.isnan(jackknifed(torch.zeros(12, 40).double(), order).value), "in the order of the models it was 1"


def test_predictions_that_are_all_one_have_no_score() -> None:
    known = replace(design(), losses={LOSS: torch.ones_like(design().losses[LOSS])})
    found = LeaveSubsetOut(solvers=["kfac"])(case(known))
    assert {m.value for m in found.measurements if m.name.startswith("lds_")} == {None}
