#!/usr/bin/env bash
# bootstrap-stat 0.3.0.0 (bcanon_asl), numpy 2.4.6, scipy 1.17.1.
# Guess: its BCa p-value is what its page says, the alpha at which the BCa interval of the same resamples ends at theta_0, whether the statistic
#   lies above theta_0 or below; and testing the mean of -x against -theta_0 is the same test.
# Truth: where the statistic lies below theta_0 the tail and the bias correction are turned round and the acceleration, which holds the
#   skewness, is not. It bends the p-value away from where it should; above theta_0 all is right. two_sided=True adds one right
#   tail and one wrong.
# Matters: of twenty losses with a long tail a mean below 1.6 has p = 0.01 where the interval of the same package says 0.06, and a mean that
#   is not lower is called lower at 1 % in twice as many cases. Test the mean of -x, or take bcanon_interval.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 bootstrap-stat==0.3.0.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import bootstrap_stat as bs
import numpy as np
from scipy.stats import norm

print(*(f"{name} {version(name)}" for name in ("bootstrap-stat", "numpy", "scipy")))


def negative(values):
    return -np.mean(values)


def by_hand(means, x, theta):
    """The alpha at which the BCa interval of the mean ends at theta, from the definition (Efron and Tibshirani, 14.3)."""
    left_out = (x.sum() - x) / (len(x) - 1)
    bend = ((left_out.mean() - left_out) ** 3).sum() / (6 * ((left_out.mean() - left_out) ** 2).sum() ** 1.5)
    z0, w = norm.ppf((means < x.mean()).mean()), norm.ppf((means < theta).mean())
    z = (w - z0) / (1 + bend * (w - z0)) - z0
    return norm.cdf(z) if x.mean() > theta else norm.sf(z)


x = np.random.default_rng(1).exponential(size=20)
dist = bs.EmpiricalDistribution(x)
means = bs.bootstrap_samples(dist, np.mean, 20000, rng=3)
print(f"  20 losses, mean {x.mean():.3f}, 20,000 resamples, the same for all columns")
for theta in (0.6, 0.65, 1.4, 1.6):
    seen = bs.bcanon_asl(dist, np.mean, x, theta_0=theta, theta_star=means)
    mirrored = bs.bcanon_asl(dist, negative, x, theta_0=-theta, theta_star=-means)
    expected = by_hand(means, x, theta)
    side = 0 if x.mean() > theta else 1  # the end of the interval on theta's side
    ends = [bs.bcanon_interval(dist, np.mean, x, alpha=p, theta_star=means)[side] for p in (expected, seen)]
    print(f"  theta_0 {theta}: expected p {expected:.4f} (interval at that alpha ends at {ends[0]:.3f}), seen {seen:.4f} (ends at {ends[1]:.3f}), "
          f"seen for -x {mirrored:.4f}")
    assert abs(ends[0] - theta) < 0.01
    if side == 0:
        assert abs(seen / expected - 1) < 0.01 and mirrored > 2 * expected
    else:
        assert abs(mirrored / expected - 1) < 0.01 and seen < 0.6 * expected, "the acceleration is turned round now"

rng, low, low_right, trials = np.random.default_rng(2), 0, 0, 600
for _ in range(trials):
    x = rng.exponential(size=20)  # the true mean is 1
    if x.mean() < 1:
        means = x[rng.integers(0, 20, (2000, 20))].mean(axis=1)
        low += bs.bcanon_asl(bs.EmpiricalDistribution(x), np.mean, x, theta_0=1, theta_star=means) <= 0.01
        low_right += bs.bcanon_asl(bs.EmpiricalDistribution(x), negative, x, theta_0=-1, theta_star=-means) <= 0.01
print(f"  {trials} sets of a true mean of 1, called lower than 1 at 1 %: seen {low / trials:.3f}, by the mean of -x {low_right / trials:.3f}")
assert low > 1.5 * low_right and low > 30
print("behaviour as described")
PY
