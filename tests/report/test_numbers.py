from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from gsu_cli.evaluation import intervals
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.report import numbers
from gsu_cli.report.numbers import NEAR_ZERO, ROUGH, Z95, Shift, change, digits, moved, seconds, shift
from gsu_cli.report.quantities import discover
from made_runs import Measurement, run


def share(hits: int, n: int, high: float | None = None) -> Measurement:
    return Measurement("feature_ratio", "original", hits / n, 0.0, high, n, "share", "lower", "cnn")


def nats(value: float) -> Measurement:
    return Measurement("heldout_loss_retain", "original", value, value - 1, value + 1, 100, "-ELBO, nats", "lower")


def test_change_of_a_share_has_katz_interval():
    c = change(share(1000, 10_000), share(100, 10_000))
    half = Z95 * math.sqrt(1 / 1000 - 1 / 10_000 + 1 / 100 - 1 / 10_000)
    assert c.value == pytest.approx(-0.9)
    assert (c.low, c.high) == pytest.approx((0.1 * math.exp(-half) - 1, 0.1 * math.exp(half) - 1))
    assert (str(c), c.interval()) == ("-90.0%", "-91.8% to -87.7%")


def test_katz_interval_covers_the_truth_in_95_of_100_simulations():
    g, n, p, q = torch.Generator().manual_seed(0), 2000, 0.2, 0.08
    before = torch.binomial(torch.full((2000,), float(n)), torch.tensor(p), generator=g)
    after = torch.binomial(torch.full((2000,), float(n)), torch.tensor(q), generator=g)
    found = [change(share(int(a), n), share(int(b), n)) for a, b in zip(before, after, strict=True)]
    covered = sum(c.low <= q / p - 1 <= c.high for c in found) / len(found)
    assert 0.935 < covered < 0.965


def test_no_hit_left_is_bounded_by_the_upper_end():
    c = change(share(1000, 10_000), share(0, 10_000, high=0.0004))
    assert (c.value, c.low) == (-1.0, -1.0)
    assert c.high == pytest.approx(0.004 - 1)


def ended(hits: int, n: int) -> Measurement:
    middle, z = (hits + Z95**2 / 2) / (n + Z95**2), Z95**2
    half = Z95 / (n + z) * math.sqrt(hits * (n - hits) / n + z / 4)
    return replace(share(hits, n), low=max(middle - half, 0.0), high=min(middle + half, 1.0))


def test_a_share_of_one_has_an_interval_too():
    """Katz' has no width between two shares of 1, and too little where one of them is."""
    n = 100
    both = change(ended(n, n), ended(n, n))
    assert (both.value, both.low) == (0.0, pytest.approx(n / (n + Z95**2) - 1))
    assert both.high == pytest.approx((n + Z95**2) / n - 1)
    one = change(ended(n, n), ended(50, n))
    assert one.low < ended(50, n).low - 1 + 1e-9
    assert ended(50, n).high - 1 < one.high < 0
    assert change(share(n, n), share(n, n)).low is None, "nothing is known of a share without an interval"


def test_the_interval_of_a_share_near_one_covers_the_truth():
    g, n, p, q = torch.Generator().manual_seed(0), 100, 0.99, 0.9
    draws = [torch.binomial(torch.full((2000,), float(n)), torch.tensor(x), generator=g) for x in (p, q)]
    found = [change(ended(int(a), n), ended(int(b), n)) for a, b in zip(*draws, strict=True)]
    assert sum(c.low <= q / p - 1 <= c.high for c in found) / len(found) > 0.935


def test_other_quantities_have_no_interval():
    c = change(nats(100.0), nats(100.8))
    assert (str(c), c.low, c.interval()) == ("+0.8%", None, "")


def test_a_paired_quantity_brings_the_interval_of_its_change():
    c = change(nats(100.0), replace(nats(101.0), change_low=0.004, change_high=0.016))
    assert (str(c), c.interval()) == ("+1.0%", "+0.4% to +1.6%")


def test_a_rise_of_a_negative_quantity_is_a_rise():
    assert change(nats(-50.0), nats(-40.0)).value == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, share(1, 10)),
        (share(1, 10), None),
        (share(0, 10), share(1, 10)),
        (Measurement("x", "original", None, reason="why"), share(1, 10)),
        (share(1, 10), Measurement("x", "unlearned", None, reason="why")),
    ],
)
def test_no_change_without_two_numbers(before, after):
    assert change(before, after) is None


def test_digits():
    assert digits(share(112, 10_000)) == "0.0112"
    assert digits(nats(99.446)) == "99.45"
    assert digits(nats(99.446), interval=True) == "99.45 [98.45, 100.45]"
    assert digits(None) == digits(Measurement("x", "data", None, reason="why")) == "-"
    assert digits(Measurement("x", "data", 3.0), interval=True) == "3.00"
    assert digits(Measurement("x", "data", 0.12345, unit="MSE of v")) == "0.1235", "a squared error is a small number"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.84, "0.8 s"), (59.94, "59.9 s"), (59.97, "1 min 0 s"), (72.4, "1 min 12 s"), (3600, "60 min 0 s")],
)
def test_seconds(value, text):
    assert seconds(value) == text


def test_a_change_from_near_zero_is_the_difference():
    before, after = share(12, 10_000, high=0.0021), share(73, 10_000, high=0.0092)
    found = moved(replace(before, low=0.0007), replace(after, low=0.0058))
    assert isinstance(found, Shift)
    assert str(found) == "+0.61 points", "not +508.3%"
    newcombe = (0.0061 - math.hypot(0.0015, 0.0009), 0.0061 + math.hypot(0.0019, 0.0005))
    assert (found.low, found.high) == pytest.approx(newcombe)
    assert found.interval() == "+0.44 to +0.81 points"


def test_newcombe_covers_the_truth_in_95_of_100_simulations():
    g, n, p, q = torch.Generator().manual_seed(0), 2000, 0.004, 0.012
    draws = [torch.binomial(torch.full((2000,), float(n)), torch.tensor(x), generator=g).tolist() for x in (p, q)]
    ends = [shift(*(replace(share(int(k), n), low=wilson(int(k), n)[0], high=wilson(int(k), n)[1]) for k in pair))
            for pair in zip(*draws, strict=True)]  # fmt: skip
    covered = [s.low <= q - p <= s.high for s in ends if s is not None]
    assert len(covered) > 1900
    assert 0.93 < sum(covered) / len(covered) < 0.975


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (share(0, 100, high=0.04), share(5, 100, high=0.1), "+5.00 points"),
        (replace(share(3, 60), low=0.017, high=0.137), share(20, 60), "+28.33 points"),  # three hits of sixty
        (replace(share(20, 60), low=0.227, high=0.460), share(3, 60), "-85.0%"),
        (replace(nats(3.0), low=-1.0, high=7.0), nats(8.0), "+5.00 nats"),  # images spread by 20 about a mean of 3
        (replace(nats(-3.0), low=-7.0, high=1.0), nats(-8.0), "-5.00 nats"),
        (nats(100.0), nats(101.0), "+1.0%"),
        (replace(nats(0.0), unit="", name="frechet_distance"), replace(nats(2.0), unit=""), "+2.00"),
    ],
)
def test_what_is_near_zero(before, after, text):
    assert str(moved(before, after)) == text


def test_a_share_of_no_images_has_no_interval_and_breaks_nothing():
    c = change(replace(share(10, 100), n=0), replace(share(5, 100), n=0))
    assert (c.value, c.low) == (-0.5, None)


@pytest.mark.parametrize("n", [2, intervals.SMALL - 1, intervals.SMALL])
def test_a_spread_is_read_off_the_interval_that_the_measurement_made(n: int) -> None:
    """The report may not import what measures, so the bound of few values stands twice."""
    values = torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    low, high = intervals.normal(values)
    found = numbers.spread(Measurement("loss", "unlearned", float(values.mean()), low, high, n, "nats"))
    assert found == pytest.approx(float(values.std()), rel=1e-9)


def test_percentiles_move_by_points():
    """46 to 40 is six points of a hundred; as "-13%" it would read as so much forgotten."""
    percentile = Measurement("unseen_percentile", "original", 46.0, 40.0, 52.0, 3, "%", role="forgetting")
    found = moved(percentile, replace(percentile, value=40.0))
    assert (str(found), found.why) == ("-6.00 points", "the difference itself, since it is in percent already")
    record = replace(run(1), measurements=[percentile, replace(percentile, subject="unlearned", value=40.0)])
    (quantity,) = [q for q in discover([record]) if q.name == "unseen_percentile"]
    assert (quantity.kind, quantity.read(record).value, quantity.column().unit) == ("level", 40.0, "%")


def test_a_difference_says_whether_the_original_is_small_or_rough():
    """Three of four samples are not near zero; their share is known too roughly for a ratio."""
    three = replace(share(3, 4, 0.9544), low=0.3006)
    assert (moved(three, three).why, str(moved(three, three))) == (ROUGH, "0.00 points")
    none, few = replace(share(0, 4, 0.49), low=0.0), replace(share(3, 1000, 0.0088), low=0.001)
    assert [moved(m, three).why for m in (none, few)] == [NEAR_ZERO] * 2
    assert moved(nats(0.1), nats(0.2)).why == NEAR_ZERO


def test_small_distances_are_shown_by_more_than_zeros():
    before = Measurement("kid", "original", 0.0031, 0.0004, 0.0058, 2000)
    after = Measurement("kid", "unlearned", 0.0072, 0.0051, 0.0093, 2000)
    assert digits(before, interval=True) == "0.0031 [0.0004, 0.0058]"
    assert str(moved(before, after)) == "+0.0041", "it was +0.00"
    assert digits(Measurement("kid", "original", 2.741, n=2000)) == "2.74"


def test_a_difference_and_its_ends_have_as_many_decimals():
    """The difference decides: ends on both sides of where two decimals do had four and two."""
    assert Shift(0.0041, -0.03, 0.35, "").interval() == "-0.0300 to +0.3500"
    assert Shift(0.41, 0.03, 0.8, "").interval() == "+0.03 to +0.80"


def test_a_mean_of_a_handful_of_images_says_of_how_many() -> None:
    """A retain loss of one held-out image rose by 13 %, and stood as one of thousands does."""
    said = [digits(Measurement("a", "unlearned", 132.27, n=n, unit="-ELBO, nats")) for n in (1, 4, 5, 0)]
    assert said == ["132.27 of 1", "132.27 of 4", "132.27", "132.27"]
    shares = [digits(Measurement("a", "unlearned", 0.5, n=n, unit="share")) for n in (4, 29, 30)]
    assert shares == ["0.5000 of 4", "0.5000 of 29", "0.5000"]
