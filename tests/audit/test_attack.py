"""Areas under ROC curves against brute force, their intervals against what happens when data are drawn anew."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from gsu_cli.audit.attack import Auc, true_positives
from gsu_cli.evaluation.areas import half_width_by_image
from gsu_cli.evaluation.placements import placements


def brute(members: torch.Tensor, others: torch.Tensor) -> float:
    wins = (members[:, None] > others).double() + 0.5 * (members[:, None] == others).double()
    return float(wins.mean())


@pytest.mark.parametrize("seed", range(3))
def test_auc_is_the_share_of_pairs_won(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    members = torch.randint(0, 8, (40,), generator=rng)  # with many ties
    others = torch.randint(0, 6, (25,), generator=rng)
    found = Auc.of(members, others)
    assert found.value == pytest.approx(brute(members, others), abs=1e-12)
    assert float(found.others.mean()) == pytest.approx(found.value, abs=1e-12)


def test_the_interval_holds_the_truth_in_nineteen_of_twenty_repetitions() -> None:
    """Two normal distributions one standard deviation apart: the AUC is ``Phi(1 / sqrt 2)``."""
    truth = float(torch.special.ndtr(torch.tensor(0.5**0.5, dtype=torch.float64)))
    rng, inside = torch.Generator().manual_seed(0), 0
    for _ in range(600):
        members = torch.randn(60, generator=rng, dtype=torch.float64) + 1
        others = torch.randn(80, generator=rng, dtype=torch.float64)
        low, high = Auc.of(members, others).interval() or (0.0, 0.0)
        inside += low <= truth <= high
    assert 0.92 < inside / 600 < 0.975


def test_a_difference_of_two_is_known_better_when_the_images_are_the_same() -> None:
    rng = torch.Generator().manual_seed(0)
    members, others = torch.randn(200, generator=rng) + 1, torch.randn(200, generator=rng)
    shift = 0.1 * torch.randn(400, generator=rng)
    one, two = Auc.of(members, others), Auc.of(members + shift[:200], others + shift[200:])
    value, low, high = one.minus(two) or (0.0, 0.0, 0.0)
    alone = one.interval() or (0.0, 0.0)
    assert value == pytest.approx(one.value - two.value)
    assert high - low < 0.3 * (alone[1] - alone[0])
    assert low <= 0 <= high
    assert one.minus(one) == (0, 0, 0)


def test_too_few_have_no_interval() -> None:
    assert Auc.of(torch.tensor([1.0]), torch.arange(5.0)).interval() is None
    assert Auc.of(torch.tensor([1.0]), torch.arange(5.0)).minus(Auc.of(torch.tensor([0.0]), torch.arange(5.0))) is None
    assert true_positives(torch.arange(5.0), torch.arange(99.0)) is None


def test_true_positives_at_few_false_ones() -> None:
    others = torch.arange(1000.0)
    value, low, high = true_positives(torch.tensor([989.5, 989.0, 5.0, 2000.0]), others) or (0.0, 0.0, 0.0)
    assert value == 0.5, "989 itself is the tenth largest but one, so only what lies above it counts"
    assert low < value < high
    assert sum(float(o) > 989 for o in others) == 10


def test_placements_share_ties() -> None:
    assert placements(torch.tensor([1.0]), torch.tensor([1.0, 1.0, 0.0, 2.0])).tolist() == [0.5]


def covered(draw: Callable[[], tuple[float, float] | None], truth: float, times: int = 400) -> float:
    intervals = [draw() or (math.nan, math.nan) for _ in range(times)]
    return sum(low <= truth <= high for low, high in intervals) / times


@pytest.mark.parametrize(("n", "m", "apart"), [(2, 20, 0.0), (2, 20, 2.5), (3, 3, 1.0), (5, 50, 2.5), (30, 30, 3.5)])
def test_few_images_and_areas_near_one_are_not_known_too_well(n: int, m: int, apart: float) -> None:
    """DeLong's interval alone holds the truth in 75, 46, 72, 70 and 70 %."""
    rng = torch.Generator().manual_seed(0)

    def draw() -> tuple[float, float] | None:
        members = torch.randn(n, generator=rng, dtype=torch.float64) + apart
        return Auc.of(members, torch.randn(m, generator=rng, dtype=torch.float64)).interval()

    truth = float(torch.special.ndtr(torch.tensor(apart * 0.5**0.5, dtype=torch.float64)))
    assert covered(draw, truth) > 0.92


@pytest.mark.parametrize(("n", "m", "rho"), [(3, 100, 0.95), (5, 100, 0.95), (5, 1000, 0.5), (10, 1000, 0.95)])
def test_a_difference_of_areas_near_one_is_not_known_too_well(n: int, m: int, rho: float) -> None:
    """Areas of 0.95 and 0.90; by the spread of the placements alone the interval holds 76, 81, 87 and 88 %."""
    rng = torch.Generator().manual_seed(0)

    def side(k: int) -> tuple[torch.Tensor, torch.Tensor]:
        one, other = torch.randn(2, k, generator=rng, dtype=torch.float64)
        return one, rho * one + (1 - rho * rho) ** 0.5 * other

    def draw() -> tuple[float, float] | None:
        (a, b), (c, d) = side(n), side(m)
        found = Auc.of(a + 2.3, c).minus(Auc.of(b + 1.8, d))
        return None if found is None else found[1:]

    more, less = torch.special.ndtr(torch.tensor([2.3, 1.8], dtype=torch.float64) * 0.5**0.5).tolist()
    assert covered(draw, more - less, 200) > 0.93


def test_values_of_few_images_count_by_their_effective_size() -> None:
    """Where models differ more than images, ten models of each of twenty images tell more than twenty values."""
    rng = torch.Generator().manual_seed(0)
    images = torch.arange(20).repeat_interleave(10)
    members, others = (torch.randn(200, generator=rng, dtype=torch.float64) for _ in range(2))
    found = Auc.of(members + 0.5, others, (images, images))
    low, high = found.interval() or (0.0, 0.0)
    half = half_width_by_image(found.members, found.others, (images, images))
    assert (high - low) / half == pytest.approx(2, abs=0.1), "of the images alone it is 5"


def test_two_that_tell_all_apart_are_not_known_to_be_equal() -> None:
    one = Auc.of(torch.arange(3.0) + 9, torch.arange(5.0))
    value, low, high = one.minus(one) or (1.0, 0.0, 0.0)
    assert (value, low) == (0.0, pytest.approx(-high))
    assert high > 0.3


@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_scores_of_one_image_under_several_models_are_not_several_images(apart: float) -> None:
    """Twenty images under ten models each; as 200 independent scores a side the interval would hold 40 %."""
    rng = torch.Generator().manual_seed(0)
    images = torch.arange(20).repeat_interleave(10)

    def side() -> torch.Tensor:  # what is of an image, and what is of a model
        own = torch.randn(20, generator=rng, dtype=torch.float64)[images]
        return (own + 0.3 * torch.randn(200, generator=rng, dtype=torch.float64)) / 1.09**0.5

    def drawn(by_image: bool) -> Auc:
        return Auc.of(side() + apart, side(), (images, images + 20) if by_image else None)

    truth = float(torch.special.ndtr(torch.tensor(apart * 0.5**0.5, dtype=torch.float64)))
    assert covered(lambda: drawn(True).interval(), truth, 200) > 0.9
    assert covered(lambda: drawn(False).interval(), truth, 200) < 0.7
    two = [drawn(True) for _ in range(200)]
    gaps = [(a.minus(b) or (0, 0, 0))[1:] for a, b in zip(two[::2], two[1::2], strict=True)]
    assert sum(low <= 0 <= high for low, high in gaps) > 90


@pytest.mark.parametrize(("n", "m", "apart"), [(500, 100, 0.0), (500, 1000, 1.0), (1000, 1000, 2.0)])
def test_true_positives_know_their_threshold_by_few_others(n: int, m: int, apart: float) -> None:
    rng = torch.Generator().manual_seed(0)
    truth = 1 - 0.5 * (1 + math.erf((2.3263478740408408 - apart) / math.sqrt(2)))

    def draw() -> tuple[float, float] | None:
        found = true_positives(torch.randn(n, generator=rng) + apart, torch.randn(m, generator=rng))
        return None if found is None else found[1:]

    assert covered(draw, truth) > 0.95, "over the members alone it is 0.48 to 0.73"


def test_true_positives_of_scores_of_few_images_are_known_as_of_few() -> None:
    rng = torch.Generator().manual_seed(0)
    members, others = torch.randn(500, generator=rng) + 1, torch.randn(5000, generator=rng)
    value, low, high = true_positives(members, others) or (0.0, 0.0, 0.0)
    few = true_positives(members, others, images=100) or (0.0, 0.0, 0.0)
    assert few[0] == value
    assert few[1] == 0 < low, "of 100 images none may lie above the true threshold"
    assert few[2] > high
