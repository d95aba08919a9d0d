"""Models of which the truth is known: each probe says it, with its interval, and says what it could not have seen."""

from __future__ import annotations

from dataclasses import replace

import torch

from gsu_cli.audit.base import ends
from gsu_cli.audit.differences import detectable_difference, mean_difference, same_weights, share_difference, side
from gsu_cli.audit.fine_tuning import Rebound, Relearning
from gsu_cli.audit.klom import Klom
from gsu_cli.audit.likeness import Likeness
from gsu_cli.audit.membership import Membership
from gsu_cli.audit.percentile import Percentile
from gsu_cli.audit.retrained_difference import MeasuredModel, RetrainedDifference, differences_from_retrained
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.run.record import Measurement
from memory_world import case, value

ROW = Measurement("loss", "unlearned", 0.0, unit="nats")


def shown(hits: int, n: int = 400, subject: str = "unlearned") -> Measurement:
    """A share of samples."""
    return Measurement("feature_ratio", subject, hits / n, *wilson(hits, n), n, "share", judge="cnn")


def test_another_seed_of_retraining_is_taken_for_one() -> None:
    """Images differ by 1, seeds by 0.3 in the mean of all: over images alone nine in ten would have a side."""
    rng = torch.Generator().manual_seed(0)
    for models in (1, 4):
        sides = []
        for _ in range(400):
            losses = torch.randn(5, 200, generator=rng).double() * 0.1 + torch.randn(200, generator=rng).double()
            losses += 0.3 * torch.randn(5, 1, generator=rng).double()
            sides.append(side(mean_difference("shift", ROW, losses[4], losses[:models])) != 0)
        share = sum(sides) / len(sides)
        assert share < 0.07 if models > 1 else share > 0.8, "of one retrained model nothing is known of seeds"


def test_shares_of_one_truth_differ_in_one_of_twenty_and_what_would_be_seen_is_seen_in_four_of_five() -> None:
    rng = torch.Generator().manual_seed(0)
    for share in (0.01, 0.1, 0.5):
        k = torch.binomial(torch.full((1000, 2), 400.0), torch.full((1000, 2), share), generator=rng).int().tolist()
        told = sum(side(share_difference("d", shown(a), [shown(b, subject="retrained")]) or ROW) != 0 for a, b in k)
        assert told / 1000 < 0.06
    row = share_difference("d", shown(120), [shown(120)])
    assert row is not None
    assert row.low is not None
    assert row.high is not None
    apart = torch.tensor([0.3 + detectable_difference(row.low, row.high), 0.3]).expand(1000, 2)
    k = torch.binomial(torch.full((1000, 2), 400.0), apart, generator=rng).int().tolist()
    seen = sum(side(share_difference("d", shown(a), [shown(b)]) or ROW) > 0 for a, b in k)
    assert abs(seen / 1000 - 0.8) < 0.05


def of_shares(unlearned: int, retrained: int, original: int, *more: int) -> RetrainedDifference:
    known = case(0, 1, retrained=2, references=[3, 4][: len(more)])
    shares = {"unlearned": unlearned, "retrained": retrained, "original": original}
    shares |= {r.name: k for r, k in zip(known.references, more, strict=True)}
    last = {
        m: MeasuredModel({("feature_ratio", "cnn"): shown(k, subject=m)}, torch.zeros(2)) for m, k in shares.items()
    }
    first = MeasuredModel({("feature_ratio", "cnn"): shown(10)}, torch.zeros(2))
    (found,) = differences_from_retrained(known, last, first).values()
    return found


def test_what_comes_back_more_often_than_in_the_retrained_model_was_hidden() -> None:
    line = of_shares(80, 8, 90).said(returns=True)
    assert line.startswith(
        " That is more often than in the retrained model, by 18.0 (13.9 to 22.3) points: under-forgotten "
    )
    assert "beside this one retrained model; references=3 tells of other seeds." in line
    assert line.endswith(" It came back by itself since the step: +17.5 (13.3 to 21.8) points.")
    assert "over-forgotten" in of_shares(0, 40, 90).said()
    assert (
        of_shares(0, 40, 90).said(returns=True).endswith(" It fell further since the step: -2.5 (-4.5 to -1.0) points.")
    )
    assert of_shares(80, 8, 90, 9).said().startswith(" That is more often"), "seeds that hardly differ"
    assert "not shown to be more often or less often" in of_shares(80, 8, 90, 60).said(), "seeds that do"


def test_what_tells_nothing_apart_says_what_it_would_have_seen() -> None:
    line = of_shares(82, 80, 90).said(returns=True)
    assert (
        "That is not shown to be more often or less often than in the retrained model: +0.5 (-5.1 to 6.1) points; one "
        in line
    )
    assert "of 8 points would be seen four times in five. Nor is the original told from the retrained model" in line
    assert "Nor is the original" not in of_shares(12, 10, 90).said(), "a probe that finds who forgot nothing"
    assert "It is not shown to come back by itself: +0.5" in of_shares(12, 10, 90).said(returns=True)


def test_a_model_that_did_nothing_and_one_that_is_the_retrained() -> None:
    """By the loss of what was given back: known by heart it is lower; a model under two names is not told apart."""
    options = {"at": [20], "samples": 20, "lr": 3e-3, "batch": 60}
    nothing, retrained = (Relearning(given=30, **options)(case(0, k)) for k in (0, 1))  # type: ignore[arg-type]
    row = value(nothing, "relearning_loss_minus_retrained_after_20")
    assert row.high is not None
    assert row.high < 0
    assert "That is lower than in the retrained model, by " in nothing.sentences[0]
    assert ": under-forgotten beside this one" in nothing.sentences[0]
    assert "That is not shown to be higher or lower than in the retrained model: 0 (0 to 0)" in retrained.sentences[0]
    assert "come back" not in retrained.sentences[0]
    assert "back by itself" in Rebound(**options)(case(0, 1)).sentences[0]  # type: ignore[arg-type]
    over_seeds = Relearning(given=30, **options)(case(0, 0, retrained=2, references=[3, 4]))  # type: ignore[arg-type]
    assert "That is lower than in the mean of 3 retrained models, by " in over_seeds.sentences[0]
    assert ": under-forgotten." in over_seeds.sentences[0]


def test_an_attack_that_does_not_find_the_original_says_nothing_of_the_step() -> None:
    blind, sharp = Membership()(case(2, 3, retrained=1)), Membership()(case(0, 1, retrained=2))
    nor = "Nor is the original told from the retrained model by this, so it says nothing of the step."
    assert nor in blind.sentences[0]
    assert nor not in sharp.sentences[0]
    assert "would be seen four times in five." in sharp.sentences[0]


def test_samples_come_closer_where_their_distance_falls_at_the_same_noise() -> None:
    nothing = Likeness(samples=100)(case(0, 0))
    assert "They are not shown to have come closer: 0 (0 to 0)" in nothing.sentences[0]
    assert "The step brought them" in Likeness(samples=100)(case(0, 2)).sentences[0]
    away = Likeness(samples=100)(case(2, 0, references=[3, 4]))
    assert "squared distance farther away. They lie farther away than another retrained model's" in away.sentences[0]
    again = Likeness(samples=100)(case(0, 2, references=[3, 4]))
    assert "They are not shown to lie farther than another retrained model's" in again.sentences[0]


def test_a_rise_that_is_not_known_says_why() -> None:
    (line,) = [s for s in Percentile()(case(1, 0, retrained=2)).sentences if "How far it rose" in s]
    assert line.endswith(
        "is not known: retraining does not raise the loss of the forgotten images beyond its interval."
    )


def test_a_retrained_model_among_retrained_ones_has_no_shift() -> None:
    known = case(0, 1, retrained=2, references=[3, 4])
    rng = torch.Generator().manual_seed(2)
    each = torch.randn(30, generator=rng).double()
    shifts = {"retrained": 1.0, "retrained 3": -1.0, "retrained 4": 0.5}
    for a in (*known.models.values(), *known.references):
        for part, n in (("forgotten", 30), ("retained", 30), ("unseen_retained", 100)):
            noise = 0.01 * torch.randn(n, generator=rng).double()
            whole = each if n == 30 else torch.randn(n, generator=rng).double()
            known._losses[a.sha256, part] = 10 + whole + noise + shifts.get(a.name, 1.2)
    found = Klom()(known)
    assert "with no shift of the mean shown (one of " in found.sentences[0]


def test_weights_that_are_others_under_a_new_name_are_said_to_be_those() -> None:
    copied = case(0, 1, retrained=2, references=[3])
    assert same_weights(copied) == []
    assert same_weights(case(0, 0)) == ["the unlearned weights are the original's: the step did nothing"]
    (line,) = same_weights(case(0, 3, retrained=2, references=[3]))
    assert line == "the unlearned weights are those of the retrained 3 model: they tell nothing of a method"


def test_without_a_retrained_model_an_unseen_image_is_the_measure() -> None:
    """Known by heart, and as a model that never saw them: each with its interval, and what would have been seen."""
    heart, never = ([*Percentile()(known).sentences, *Membership()(known).sentences] for known in (
        case(0, 0, retrained=None), case(0, 1, retrained=None)))  # fmt: skip
    assert heart[1] == "They fit better than unseen images, which have 50 in the mean."
    assert heart[2].startswith("By their loss the forgotten images look like training images: AUC 1.000 (0.9")
    assert never[1].startswith("They are not told from unseen images, which have 50 in the mean; one of ")
    assert never[2].startswith("By their loss the forgotten images are not told from unseen ones: AUC 0.")
    assert never[2].endswith(" would be seen four times in five.")
    (line,) = Rebound(at=[3], samples=20)(case(0, 1, retrained=None)).sentences
    assert "back by itself" in line or "since the step" in line


def test_no_end_of_an_interval_is_minus_zero() -> None:
    assert ends(replace(ROW, low=-0.04, high=3.2), ".1f") == " (0.0 to 3.2)"
    assert ends(replace(ROW, low=-0.0004, high=-0.4), ".1%") == " (0.0% to -40.0%)"
