#!/usr/bin/env bash
# esek 0.1.38 (OneSampleProportions.from_frequency: z_test_corrected, z_test_wald_corrected, the corrected Wald interval), scipy 1.17.1.
# Guess: the continuity correction moves the share by half an observation towards the null, on either side of it: 6 hits of 20 have the
#   p-value of 14 hits of 20 at p0 = 0.5, greater than without the correction and near the exact one, and intervals grow by 0.5 / n.
# Truth: half an observation is taken off whatever the sign. Of a share below the null the corrected p-value is smaller than the
#   uncorrected one. The corrected Wald interval grows by 0.05 / n, a tenth of the correction.
# Matters: an attack that is right for 6 of 20 records differs from guessing with p = 0.04, and one that is right for 14 does not (0.12, both
#   exactly 0.12); of fair coins the corrected test rejects more often below the null than the uncorrected. Take scipy's binomtest.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 statsmodels==0.14.6 pingouin==0.7.0 \
  arch==8.0.0 astropy==8.0.2
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps esek==0.1.38
"$dir/venv/bin/python" -W ignore - <<'PY'
import math
from importlib.metadata import version

import numpy as np
from esek.calculators.proportions.one_sample_proportion import OneSampleProportions
from scipy.stats import binom, binomtest, norm
from statsmodels.stats.proportion import proportion_confint

print(*(f"{name} {version(name)}" for name in ("esek", "scipy", "statsmodels")))


def corrected(hits, n, null=0.5):
    """The p-value of the score test with its continuity correction, from its formula."""
    return 2 * norm.sf(max(abs(hits - n * null) - 0.5, 0) / math.sqrt(n * null * (1 - null)))


for hits, n in ((6, 20), (14, 20), (40, 100), (60, 100)):
    found = OneSampleProportions.from_frequency(0.5, hits, n)
    plain, seen, exact = found.z_test.p_value, found.z_test_corrected.p_value, binomtest(hits, n).pvalue
    print(f"  {hits} hits of {n}, null 0.5: without correction p = {plain:.3f}; expected with it {corrected(hits, n):.3f} (exact {exact:.3f}), seen {seen:.3f}")
    low, high = proportion_confint(hits, n, method="normal")
    interval = found.wald_type_corrected_confidence_interval
    wider = (interval.upper - interval.lower) - (high - low)
    print(f"    the corrected Wald interval is wider by: expected {1 / n:.4f}, seen {wider:.4f}")
    assert np.isclose(wider, 0.1 / n), "half an observation is added on either side now"
    assert abs(corrected(hits, n) - exact) < 0.01 and corrected(hits, n) > plain
    if hits < n / 2:
        assert seen < plain, "the correction moves towards the null now"
        below = seen
    else:
        assert np.isclose(seen, corrected(hits, n)) and seen > 1.5 * below
n = 20
p = {k: OneSampleProportions.from_frequency(0.5, k, n) for k in range(3, n - 2)}
for side, among in (("below", range(3, 10)), ("above", range(11, n - 2))):
    plain, seen, right = (sum(binom.pmf(k, n, 0.5) for k in among if value(k) < 0.05)
                          for value in (lambda k: p[k].z_test.p_value, lambda k: p[k].z_test_corrected.p_value, lambda k: corrected(k, n)))
    print(f"  {n} fair coins, p < 0.05 with a share {side} the null: without correction {plain:.3f} of all cases; expected with it {right:.3f} (at most 0.025), seen {seen:.3f}")
    assert right <= 0.025 and (seen > 0.05 if side == "below" else np.isclose(seen, right))
print("behaviour as described")
PY
