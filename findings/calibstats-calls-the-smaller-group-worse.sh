#!/usr/bin/env bash
# calibstats 0.1.0 (ece_difference_test, bootstrap_ci), numpy 2.4.6, scipy 1.17.1.
# Guess: the documentation says that the calibration error (ECE) of few images is too high, and that errors of sets of unequal size cannot be
#   compared; so the test for "ECE(A) - ECE(B) == 0" and the intervals, offered as the way out, allow for it: two perfectly calibrated
#   sets differ at the level of 5 % in one case of twenty.
# Truth: the excess of each set stays in the difference, and resampling adds as much again. The p-value says how surely one set is smaller.
# Matters: 200 forgotten images are worse calibrated than 5,000 retained ones with p = 0 in every case, though both are perfect, and the 95 %
#   interval of an error that is 0 begins about at the biased estimate: in a third of cases above it. Compare equal numbers, or debiased_ece.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 calibstats==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from calibstats import bootstrap_ci, ece, ece_difference_test

print(*(f"{name} {version(name)}" for name in ("calibstats", "numpy", "scipy")))
rng = np.random.default_rng(0)
CASES, DRAWS = 40, 300


def perfect(number):
    """What a perfectly calibrated judge says of some images, and their labels, which are drawn by just that."""
    said = 1 / (1 + np.exp(-1.7 * rng.normal(size=number)))
    return said, (rng.random(number) < said).astype(int)


def excess(number):
    """The mean error of fresh perfect sets: what an error of 0 looks like at this size."""
    return np.mean([ece(*perfect(number)) for _ in range(200)])


found = {}
for few, many in ((500, 500), (500, 5000), (200, 5000)):
    tests = [ece_difference_test(*perfect(few), *perfect(many), n_boot=DRAWS, seed=case) for case in range(CASES)]
    found[few, many] = share = np.mean([test.p_value < 0.05 for test in tests])
    print(f"  {few} and {many} images of a perfect judge: expected a difference at 5 % in 0.05 of cases, seen {share:.2f}; "
          f"median p-value {np.median([test.p_value for test in tests]):.3f}, largest {max(test.p_value for test in tests):.3f}")
assert found[500, 500] < 0.15 and min(found[500, 5000], found[200, 5000]) > 0.95, "the test allows for the size of the sets now"
for number in (200, 1000, 5000):
    intervals = [bootstrap_ci(*perfect(number), lambda p, y: ece(p, y), n_boot=DRAWS, seed=case) for case in range(CASES)]
    low, high, estimate = (np.mean([getattr(one, name) for one in intervals]) for name in ("low", "high", "estimate"))
    above = np.mean([one.low > one.estimate for one in intervals])
    print(f"  {number} images, true error 0, such sets have {excess(number):.3f}: mean estimate {estimate:.3f}, mean 95 % interval {low:.3f} to {high:.3f}; "
          f"expected to hold 0 in 0.95 of cases, seen {np.mean([one.low <= 0 for one in intervals]):.2f}; begins above its own estimate in {above:.2f}")
    assert min(one.low for one in intervals) > 0.3 * estimate and above > 0.1, "intervals are debiased now"
print("behaviour as described")
PY
