#!/usr/bin/env bash
# hyppo 0.5.2 (ksample.Hotelling on data of one column), numpy 2.4.6, scipy 1.17.1.
# Guess: "generalization of Student's t-test in arbitrary dimension": of one column it is the square of t, with the p-value of the t-test,
#   and the unit in which the column is written changes nothing.
# Truth: with one column the pooled variance is computed and replaced by 1. The statistic is multiplied by the variance of the data, in
#   squares of whatever unit they have. Two and more columns are right.
# Matters: losses in nats of two halves of one set, deviation 15, differ at 5 % in nine of ten cases; the same losses divided by the number
#   of pixels never differ, though one half is a whole deviation worse. Divide the column by its pooled deviation, or take ttest_ind.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 scikit-learn==1.9.1 numba==0.68.1 \
  autograd==1.9.1 statsmodels==0.14.6 patsy==1.0.2 future==1.0.0
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps hyppo==0.5.2
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from hyppo.ksample import Hotelling
from scipy.stats import f, ttest_ind

print(*(f"{name} {version(name)}" for name in ("hyppo", "numpy", "scipy")))
rng = np.random.default_rng(0)
N, CASES, PIXELS = 100, 400, 784


def p_value(x, y):
    return np.asarray(Hotelling().test(x, y)[1]).item()


def by_hand(x, y):
    """The p-value of Hotelling's T squared, from its formula."""
    (n, columns), m, gap = x.shape, len(y), x.mean(0) - y.mean(0)
    pooled = np.atleast_2d((n - 1) * np.cov(x.T) + (m - 1) * np.cov(y.T)) / (n + m - 2)
    squared = n * m / (n + m) * gap @ np.linalg.solve(pooled, gap)
    return f.sf(squared * (n + m - columns - 1) / (columns * (n + m - 2)), columns, n + m - columns - 1)


def losses(worse=0.0):
    return rng.normal(100 + 15 * worse, 15, (N, 1))


seen = {}
for name, worse, unit in (("nats, one distribution", 0, 1), ("nats a pixel, one distribution", 0, PIXELS), ("nats a pixel, one half a deviation worse", 1, PIXELS),
                          ("units of 15 nats, one distribution", 0, 15), ("units of 15 nats, one half a deviation worse", 1, 15)):
    pairs = [(losses() / unit, losses(worse) / unit) for _ in range(CASES)]
    found, right = [np.array([by(x, y) for x, y in pairs]) for by in (p_value, by_hand)]
    assert np.allclose(right, [ttest_ind(x, y).pvalue.item() for x, y in pairs])
    seen[name] = np.mean(found < 0.05)
    print(f"  losses in {name}: expected a difference at 5 % in {np.mean(right < 0.05):.2f} of {CASES} cases, seen {seen[name]:.2f} "
          f"(median p-value {np.median(found):.2g}, of the t-test {np.median(right):.2g})")
x, y = losses(), losses(0.5)
for unit in (1, 15, PIXELS):
    print(f"  one pair of samples, in units of {unit} nats: expected p = {by_hand(x, y):.2g}, seen {p_value(x / unit, y / unit):.2g}")
    statistic = np.asarray(Hotelling().test(x / unit, y / unit)[0]).item()
    assert np.isclose(statistic, N / 2 * ((x.mean() - y.mean()) / unit) ** 2), "the statistic is divided by the variance now"
beside = np.hstack([x, losses()]), np.hstack([y, losses()])
assert np.isclose(p_value(*beside), by_hand(*beside)) and np.isclose(p_value(*(15 * z for z in beside)), by_hand(*beside))
print(f"  the same pair with a second column: expected p = {by_hand(*beside):.2g}, seen {p_value(*beside):.2g}, in any unit")
assert seen["nats, one distribution"] > 0.8 and seen["nats a pixel, one distribution"] == seen["nats a pixel, one half a deviation worse"] == 0
assert seen["units of 15 nats, one distribution"] < 0.1 and seen["units of 15 nats, one half a deviation worse"] > 0.99
print("behaviour as described")
PY
