#!/usr/bin/env bash
# diffpriv-pure 0.1.0 (private_count, PrivacyBudget.advanced_composition), numpy 2.4.6, scipy 1.17.1.
# Guess: "geometric noise ... pure eps-DP integer counts": the two-sided geometric mechanism, centred on the count, where an answer is at
#   most e^eps times as likely with one record more. Advanced composition is an upper bound of epsilon.
# Truth: the noise is one-sided, 0, 1, 2 and so on: no answer lies below the count, and an answer equal to it (two of three at eps 1)
#   is impossible with one record more, so no epsilon holds. The composition keeps eps sqrt(2 n log(1 / delta)) and leaves out the
#   term n eps (e^eps - 1) of the theorem (Dwork and Roth 2014, 3.20), which is the greater one from eps 0.5 on.
# Matters: the least answer over repeated releases is the exact count of members, and the mean is too high by 1 / (e^eps - 1), 9.5 at
#   eps 0.1. A thousand answers by randomised response of eps 1 are booked as 152 where 526 were spent. Draw the difference of two
#   geometric numbers, and add up by dp-accounting.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 diffpriv-pure==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import math
import random
from importlib.metadata import version

import numpy as np
from diffpriv_pure import PrivacyBudget, private_count
from scipy.optimize import brentq
from scipy.stats import binom

print("diffpriv-pure", version("diffpriv-pure"))
random.seed(0)
COUNT, N = 100, 20_000
for epsilon in (0.1, 0.5, 1.0):
    with_one_less = np.array([private_count(COUNT, epsilon) for _ in range(N)])
    with_one_more = np.array([private_count(COUNT + 1, epsilon) for _ in range(N)])
    print(f"  eps {epsilon}: of {N} answers about {COUNT} records the mean is {with_one_less.mean():.2f} (expected {COUNT}), the least {with_one_less.min()}; "
          f"the answer {COUNT} comes in a share of {np.mean(with_one_less == COUNT):.3f}, with one record more {np.mean(with_one_more == COUNT):.3f} "
          f"(expected at least {np.mean(with_one_less == COUNT) * math.exp(-epsilon):.3f})")
    assert with_one_less.min() == COUNT, "answers fall below the count now"
    assert np.mean(with_one_less == COUNT) > 0.05 and not np.any(with_one_more == COUNT)
    assert abs(with_one_less.mean() - COUNT - 1 / math.expm1(epsilon)) < 0.05 / epsilon


def spent(epsilon, times, delta):
    """Exact epsilon of randomised response of that epsilon, told so many times: the sum of its privacy losses is binomial."""
    told = np.arange(times + 1)
    losses, logs = (2 * told - times) * epsilon, binom.logpmf(told, times, 1 / (1 + math.exp(-epsilon)))

    def excess(total):
        above = losses > total
        return np.exp(logs[above] + np.log1p(-np.exp(total - losses[above]))).sum() - delta

    return brentq(excess, 0, times * epsilon - 1e-9)


budget = PrivacyBudget(1e9, 0.5)
for epsilon, times in ((0.1, 100), (0.5, 100), (1.0, 100), (1.0, 1000)):
    seen, delta = budget.advanced_composition(times, epsilon, 1e-5)
    bound = seen + times * epsilon * math.expm1(epsilon)
    print(f"  {times} answers of eps {epsilon} at delta {delta:.3g}: expected a bound, {bound:.1f} by the theorem, at least {spent(epsilon, times, delta):.1f}; seen {seen:.1f}")
    if epsilon >= 0.5:
        assert seen < 0.97 * spent(epsilon, times, delta), "the composition is a bound now"
print("behaviour as described")
PY
