"""Probes with a leave-out design, on generators that know images by heart, never saw them, or know too little."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch

from gsu_cli.audit.attack import Auc
from gsu_cli.audit.base import Audited, Case
from gsu_cli.audit.bounds import Noise
from gsu_cli.audit.leave_out import LeaveOut
from gsu_cli.audit.leave_out_masks import fold_masks
from gsu_cli.audit.likelihood_ratio import ATTACKS, LikelihoodRatio, _levelled, _own
from gsu_cli.audit.memorisation import Memorisation
from gsu_cli.audit.percentile import Percentile
from gsu_cli.audit.regression import Line
from memory_world import Memory, case, noise_split, value

NOISE = Noise(0, 2, 0)


@cache
def design(models: int = 12) -> LeaveOut:
    """Of models that know by heart what they were trained on."""
    data = noise_split().dataset
    inside = fold_masks(60, models, 2, 1)
    rows = []
    for k, mask in enumerate(inside):
        model = Memory(data.train.floats()[mask], seed=k, blur=0.02)
        parts = [NOISE.losses(model, data.train, "train"), NOISE.losses(model, data.heldout, "heldout")]
        rows.append(torch.cat([part["loss"] for part in parts]))
    about = {"noise": {"seed": 0, "repeats": 2, "latents": 0}}
    return LeaveOut(inside, {"loss": torch.stack(rows).float()}, about, "sha")


def audited(unlearned: int) -> Case:
    return replace(case(original=0, unlearned=unlearned), design=design())


def overforgotten() -> Case:
    """To it the forgotten images are worse than unseen ones, which it knows by heart."""
    data = noise_split().dataset
    other = Memory(torch.cat([data.heldout.floats(), data.train.floats()[30:]]))
    found = audited(1)
    return replace(found, models={**found.models, "unlearned": Audited("unlearned", other, "sha other")})


def test_what_never_saw_the_images_shifted_as_leaving_them_out() -> None:
    found = Memorisation()(audited(1))
    memorised = value(found, "memorisation", "original")
    assert memorised.low is not None
    assert memorised.low > 0
    assert value(found, "percentile_design", "original").value == 0
    left_out = value(found, "percentile_left_out", "original").value
    assert left_out == pytest.approx(50, abs=15), "with half of the images to be near to"
    slope, correlation = value(found, "shift_slope"), value(found, "shift_correlation")
    assert slope.value == pytest.approx(1, abs=0.35)
    assert correlation.value is not None
    assert correlation.value > 0.7
    assert value(found, "shift_sign").value == 1
    distance, before = value(found, "percentile_distance"), value(found, "percentile_distance", "original")
    assert distance.value is not None
    assert before.value is not None
    assert distance.value < before.value
    assert all("nan" not in line for line in found.sentences)
    assert not [m for m in found.measurements if m.name.startswith("leverage")], "a memory has no decoder"


def test_what_did_not_move_has_no_shift() -> None:
    """The negative control."""
    found = Memorisation()(audited(0))
    assert value(found, "loss_shift").value == 0
    assert value(found, "shift_slope").value == 0
    assert value(found, "shift_correlation").reason == "the losses do not differ"
    assert value(found, "percentile_distance").value == value(found, "percentile_distance", "original").value


def test_what_shifted_all_alike_is_told_by_the_means() -> None:
    """Each loss 50 higher: the slope is 0, and it would not be true that nothing shifted."""
    known = audited(0)
    before = {part: known.at_noise(NOISE, known.models["original"], part) for part in ("train", "heldout")}
    known.models["unlearned"].__dict__["sha256"] = "raised"
    for part, losses in before.items():
        known._losses["raised", f"{part} at {NOISE}"] = losses + 50
    found = Memorisation()(known)
    assert value(found, "shift_slope").value == pytest.approx(0, abs=1e-9)
    assert "The loss shifted by 50 (50 to 50) squared distance in the mean" in found.sentences[-1]
    truth = value(found, "memorisation", "original").value
    assert f"leaving each image out shifts it by {truth:.3g}; " in found.sentences[-1]


def test_images_that_nobody_memorised_are_not_called_memorised() -> None:
    noise = torch.randn(12, 160, generator=torch.Generator().manual_seed(2))
    known = replace(audited(0), design=replace(design(), losses={"loss": noise}))
    first = Memorisation()(known).sentences[0]
    assert first.startswith("It is not shown that the 30 forgotten images are memorised: by ")


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_tell_what_is_known_by_heart(attack: str) -> None:
    found = LikelihoodRatio()(audited(0))
    known = value(found, f"auc_{attack}")
    assert known.value == pytest.approx(1, abs=0.02)
    assert value(found, f"auc_{attack}_in", "original").value == pytest.approx(1, abs=0.02)
    rate = value(found, f"tpr_at_1_percent_{attack}")
    assert rate.value is not None
    assert rate.value > 0.9


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_at_chance_on_what_never_saw_the_images(attack: str) -> None:
    """The negative control; its memory is larger than the design's, so images have nearer neighbours there."""
    found = LikelihoodRatio()(replace(audited(1), design=design()))
    unseen = value(found, f"auc_{attack}")
    assert unseen.low is not None
    assert unseen.high is not None
    assert unseen.low < 0.55
    assert unseen.high > 0.45


def losses_of(models: int, folds: int, seed: int) -> tuple[LeaveOut, torch.Tensor]:
    """A design, and a model that saw none of its 60 images: losses spread by 8 nats, and training takes 4 off."""
    rng = torch.Generator().manual_seed(seed)
    difficulty = 100 + 20 * torch.randn(160, generator=rng)
    inside = fold_masks(60, models, folds, seed)
    L = difficulty + 8 * torch.randn(models + 1, 160, generator=rng)
    L[:models, :60] -= 4 * inside
    return LeaveOut(inside, {"loss": L[:models]}, {}, ""), _levelled(L[models].double(), 60)


@pytest.mark.parametrize(("models", "folds"), [(6, 2), (9, 3)])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_model_that_saw_nothing_gets_one_half_in_the_mean(attack: str, models: int, folds: int) -> None:
    """The negative control over many designs, the smallest: few models with and without each image bias no score."""
    aucs, held = [], 0
    for seed in range(40):
        known, own = losses_of(models, folds, seed)
        index = torch.arange(60)
        score = ATTACKS[attack](known, index)
        others = [
            score(_levelled(known.losses["loss"][k].double(), 60), torch.tensor(k))[~known.trained_on[k]]
            for k in range(models)
        ]
        auc = Auc.of(_own(score, own, known, index), torch.cat(others))
        low, high = auc.interval() or (1.0, 0.0)
        held += low <= 0.5 <= high
        aucs.append(auc.value)
    found = torch.tensor(aucs)
    assert abs(float(found.mean()) - 0.5) < 3 * float(found.std()) / 40**0.5
    assert held >= 34, "the interval holds chance as often as it says, but for three of forty"


def test_more_is_forgotten_than_was_known() -> None:
    found = LikelihoodRatio()(overforgotten())
    for attack in ("offline", "online"):
        below = value(found, f"auc_{attack}")
        assert below.high is not None
        assert below.high < 0.5
        assert (value(found, f"auc_{attack}_minus_retrained").high or 0) < 0
    assert "(over-forgotten" in found.sentences[0]
    alone = overforgotten()
    models = {name: a for name, a in alone.models.items() if name != "retrained"}
    assert (
        "less like training images than in a model that never saw them (over-forgotten)"
        in LikelihoodRatio()(replace(alone, models=models)).sentences[0]
    )
    assert "(under-forgotten" in LikelihoodRatio()(audited(0)).sentences[0]


def test_an_attack_that_finds_no_model_that_knows_them_takes_no_side() -> None:
    """Without a retrained model a side rests on the design alone; it called the original over-forgotten."""
    noise = torch.randn(12, 160, generator=torch.Generator().manual_seed(2))
    known = replace(audited(0), design=replace(design(), losses={"loss": noise}))
    models = {name: a for name, a in known.models.items() if name != "retrained"}
    found = LikelihoodRatio()(replace(known, models=models))
    within = value(found, "auc_online_in", "original")
    said = f"from others: AUC {within.value:.3f} ({within.low:.3f} to {within.high:.3f}) of models of the design, "
    assert said in found.sentences[0]
    assert "forgotten)" not in found.sentences[0]
    assert "So it says nothing of the unlearned one" in found.sentences[0]


def test_the_online_score_by_hand() -> None:
    inside = torch.tensor([[True], [True], [True], [False], [False], [False]])
    L = torch.tensor([[0.0], [1.0], [2.0], [6.0], [8.0], [10.0]])
    known = LeaveOut(inside, {"loss": L}, {}, "")
    score = ATTACKS["online"](known, torch.tensor([0]))(torch.tensor([3.0]).double(), torch.tensor(-1))
    by_hand = (3 - 8) ** 2 / (2 * 4) - (3 - 1) ** 2 / (2 * 1) + 0.5 * torch.tensor(4.0).log()
    assert float(score) == pytest.approx(float(by_hand))
    alone = ATTACKS["offline"](known, torch.tensor([0]))(L[3].double(), torch.tensor(3))
    assert float(alone) == pytest.approx((9 - 6) / 2**0.5), "scored without itself"


def test_a_model_that_is_better_at_everything_gives_nothing_away() -> None:
    """Models of half of the data are worse throughout; the level of a model is no sign of membership."""
    inside = fold_masks(40, 20, 2, 0)
    L = torch.randn(20, 140, generator=torch.Generator().manual_seed(0))
    known = LeaveOut(inside, {"loss": L}, {}, "")
    lower = L[0].double() - 50
    for attack in ATTACKS.values():
        score = attack(known, torch.arange(40))
        one, two = score(_levelled(lower, 40), torch.tensor(-1)), score(_levelled(lower + 50, 40), torch.tensor(-1))
        assert torch.allclose(one, two)


def test_without_a_design_there_is_a_reason() -> None:
    for probe in (Memorisation(), LikelihoodRatio()):
        (m,) = probe(case(original=0, unlearned=0)).measurements
        assert m.value is None
        assert "needs a leave-out design" in str(m.reason)
    few = LikelihoodRatio()(replace(audited(0), design=design(4))).measurements[0]
    assert few.reason == "needs 3 models with and without each image, found 2 and 2: raise leave_out.models"


def test_a_line_through_noise() -> None:
    """Intervals of slope and correlation hold the truth as often as they say."""
    rng, hits = torch.Generator().manual_seed(0), [0, 0]
    from memory_world import models

    a = Audited("unlearned", models()[0], "sha")
    for _ in range(200):
        x = torch.randn(30, generator=rng).double()
        y = 0.5 * x + torch.randn(30, generator=rng).double()
        for k, (row, truth) in enumerate(zip(Line.of(x, y).rows("l", a), (0.5, 0.5 / 1.25**0.5), strict=True)):
            assert row.low is not None
            assert row.high is not None
            hits[k] += row.low <= truth <= row.high
    assert all(180 <= h <= 198 for h in hits), hits
    assert Line.of(torch.ones(9).double(), torch.ones(9).double()).slope is None
    assert Line.of(torch.arange(3).double(), torch.arange(3).double()).rows("l", a)[0].value is None


def with_copies(unmet: int) -> Case:
    """Of the 100 held-out images all but ``unmet`` are training images that every model of the design knows."""
    split, known = noise_split(), design()
    train, held = split.dataset.train, split.dataset.heldout
    place = 30 + torch.arange(100 - unmet) % 30
    copied = replace(held, pixels=torch.cat([held.pixels[:unmet], train.pixels[place]]))
    losses = torch.cat([known.losses["loss"][:, : 60 + unmet], known.losses["loss"][:, place]], 1)
    data = replace(split.dataset, heldout=copied)
    return replace(audited(1), split=replace(split, dataset=data), design=replace(known, losses={"loss": losses}))


def test_held_out_images_that_training_met_are_none_to_rank_among() -> None:
    """Their copies are as known as training images: among those, what was never seen looks conspicuous."""
    some, whole = with_copies(40), audited(1)
    assert some.unmet().tolist() == list(range(40))
    assert whole.unmet().tolist() == list(range(100))
    for probe, name in ((Memorisation(), "percentile_left_out"), (LikelihoodRatio(), "auc_rmia")):
        subject = "original" if name == "percentile_left_out" else "unlearned"
        found, alone = (value(probe(c), name, subject).value for c in (some, whole))
        assert found == pytest.approx(alone, rel=0.15), name


def test_too_few_held_out_images_that_training_never_met_say_so() -> None:
    few = with_copies(9)
    why = "needs 10 held-out images that equal no training image, found 9"
    assert value(Memorisation()(few), "percentile_distance").reason == why
    found = LikelihoodRatio()(few)
    assert value(found, "auc_rmia").reason == why
    assert value(found, "auc_online").value is not None


@pytest.mark.parametrize("probe", [Percentile(), Memorisation(0)])
def test_sentences_say_of_how_many(probe: object) -> None:
    some = replace(audited(0), most=12)
    n = some.split.n_forget
    assert n > 12
    said = probe(some).sentences[0]  # type: ignore[operator]
    assert f"12 of the {n} forgotten images" in said
    assert f"he {n} forgotten images" in probe(audited(0)).sentences[0]  # type: ignore[operator]


def test_they_are_the_same_as_of_other_probes() -> None:
    some = replace(case(0, 1), most=12)
    at = some.chosen(some.split.different, "forgotten")
    assert torch.equal(some.images("forgotten").pixels, some.split.dataset.train[at].pixels)
    assert not torch.equal(at, some.split.different[:12])
    known = replace(audited(0), most=12)
    rows = {m.name: m for m in [*Memorisation(0)(known).measurements, *LikelihoodRatio()(known).measurements]}
    first, design = rows["memorisation"], known.leave_out()
    assert design is not None
    each = design.memorisation()[0]
    assert first.value == pytest.approx(float(each[known.chosen(known.split.different, "forgotten")].mean()))
    assert rows["auc_online"].value is not None
