"""The interval of a ratio of two means holds the truth where what stands below is hardly told from 0."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gsu_cli.audit.base import Audited
from gsu_cli.audit.floor_ratio import ratio_to_floor, ratio_to_floor_words
from gsu_cli.evaluation.ratios import ratio_interval
from later import Later

stats = Later("scipy.stats")  # a second

A = Audited("unlearned", None, "sha")


def pairs(rng: np.random.Generator, n: int, errors: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A rise of nothing, and one that is so many of its standard errors: losses of an image rise together."""
    common, own = rng.standard_normal(n), rng.standard_normal(n)
    return torch.tensor(0.9 * common + 0.44 * own), torch.tensor(errors / n**0.5 + common)


@pytest.mark.parametrize("n", [10, 20, 100])
def test_it_holds_what_it_says(n: int) -> None:
    """Over what is shown: by the delta method 0.79 to 0.80 at two standard errors."""
    rng, found = np.random.default_rng(n), []
    for _ in range(1500):
        u, w = pairs(rng, n, 2.0)
        span = ratio_interval(u, w)
        if span is not None and float(w.mean()) > 0:
            found.append(span[0] <= 0 <= span[1])
    assert len(found) > 500
    assert np.mean(found) > 0.91


def test_by_the_test_that_it_inverts() -> None:
    """At either end the mean of ``above - r * below`` is as far from 0 as Student's test of it allows."""
    rng = np.random.default_rng(0)
    u, w = rng.standard_normal(12) + 1, rng.standard_normal(12) + 3
    span = ratio_interval(torch.tensor(u), torch.tensor(w))
    assert span is not None
    for r in span:
        rest = u - r * w
        assert abs(rest.mean()) / (rest.std(ddof=1) / 12**0.5) == pytest.approx(stats.t.ppf(0.975, 11), rel=1e-9)


def test_divergences_in_floors_of_images_that_differ() -> None:
    """Three retrained models and one like them, images of unequal spread: by the delta method 0.74 of twenty."""
    rng, held, m, n = np.random.default_rng(1), [], 3, 20
    for _ in range(1000):
        L = np.exp(0.7 * rng.standard_normal(n)) * rng.standard_normal((m + 1, n))
        mine, R = L[m], L[:m]
        others = [np.delete(R, k, 0).mean(0) for k in range(m)]
        here = np.mean([(mine - o) ** 2 for o in others], 0)
        floor = np.mean([(R[k] - o) ** 2 for k, o in enumerate(others)], 0)
        row = ratio_to_floor("floors", A, torch.tensor(here), torch.tensor(floor))
        if row.low is not None and row.high is not None:
            held.append(row.low <= 1 <= row.high)
    assert len(held) > 600
    assert np.mean(held) > 0.92


def test_of_too_few_images_there_is_none() -> None:
    assert ratio_interval(torch.ones(1).double(), torch.ones(1).double()) is None
    row = ratio_to_floor("floors", A, torch.ones(2).double(), torch.tensor([0.1, 1.9]).double())
    assert (row.low, row.high) == (None, None)
    assert ratio_to_floor_words(row) == "1.0 floors (of 2 images, too few for an interval)"
