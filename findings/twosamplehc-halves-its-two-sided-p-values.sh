#!/usr/bin/env bash
# TwoSampleHC 0.4.2 (two_sample_test with data_type="reals"), numpy 2.4.6, scipy 1.17.1.
# Guess: alt="two-sided", the default, makes a two-sided p-value of each coordinate, uniform on [0, 1] where the two samples are from one
#   distribution, and their higher criticism is then of the order of 1, whatever the number of coordinates.
# Truth: the p-value is the tail beyond |z| on one side: half of the right one, never above 0.5. Of coordinates without any difference a
#   fifth, and not a tenth, lie below 0.1, and the score grows with the square root of their number.
# Matters: features of two samples of one model are told apart with a score of 8 at 1,000 coordinates and of 25 at 10,000, where the usual
#   limit is about 2 to 3 and a true difference in every hundredth coordinate has 1.8 and 3.8. Pass HC(2 * norm.sf(abs(z))) yourself.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 twosamplehc==0.4.2
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from scipy.stats import kstest, norm
from TwoSampleHC import two_sample_test

print(*(f"{name} {version(name)}" for name in ("TwoSampleHC", "numpy", "scipy")))
rng = np.random.default_rng(0)


def p_values(x, y):
    return 2 * norm.sf(np.abs(x - y) / np.sqrt(2))


def higher_criticism(p):
    """The greatest standardised difference of the lowest fifth of the p-values, those below 1 / n left out (Donoho and Jin)."""
    p, n = np.sort(p), len(p)
    share = np.arange(1, n + 1) / n
    score = np.sqrt(n) * (share - p)[: n // 5] / np.sqrt(share * (1 - share))[: n // 5]
    return score[p[: n // 5] > 1 / n].max()


for n in (100, 1_000, 10_000):
    seen, wanted, effect, tail = [], [], [], []
    for _ in range(200):
        x, y = rng.normal(size=(2, n))
        moved = x + 3.0 * (np.arange(n) % 100 == 0)
        seen.append(two_sample_test(x, y, data_type="reals")[0])
        wanted.append(higher_criticism(p_values(x, y)))
        effect.append(higher_criticism(p_values(moved, y)))
        tail.append(norm.sf(np.abs(x - y) / np.sqrt(2)))
    tail = np.concatenate(tail)
    print(f"  {n:,} coordinates of one distribution: expected a score of {np.median(wanted):.1f}, of {np.quantile(wanted, 0.95):.1f} in one case of 20; "
          f"seen {np.median(seen):.1f}, at least {min(seen):.1f}; with a true difference in every hundredth it would be {np.median(effect):.1f}")
    assert abs(np.median(wanted) - 1.2) < 0.6 and kstest(2 * tail, "uniform").pvalue > 1e-3 and kstest(tail, "uniform").statistic > 0.49
    assert abs(np.median(seen) - np.sqrt(n) / 4) < 0.5, "p-values have two sides now"
    if n >= 1_000:
        assert min(seen) > max(wanted) and np.median(seen) > np.median(effect) + 3
print("behaviour as described")
PY
