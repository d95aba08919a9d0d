#!/usr/bin/env bash
# uncertainty-toolbox 0.1.1 (get_proportion_under_quantile, get_quantile_recalibrator, prop_type="quantile"), numpy 2.4.6, scipy 1.17.1.
# Guess: get_proportion_under_quantile is "the proportion of data below the quantile level", and a quantile recalibrator fitted with it
#   returns quantiles of which the named share of fresh data lies below.
# Truth: predictions minus truths are compared with the quantile: it is the share of data above the opposite quantile. Without
#   recalibration the error is that of the mirrored curve, the same; the recalibrator moves quantiles the wrong way.
# Matters: predictions half a deviation too high have 0.68 of the data below their median, and after "recalibration" 0.85; of skewed data
#   with the right mean and deviation 0.64 and 0.74. Centred intervals are right. Fit it to -y_pred and -y_true, then ask it for y_pred.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 matplotlib==3.11.2 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps uncertainty-toolbox==0.1.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import uncertainty_toolbox as uct
from scipy.stats import norm
from uncertainty_toolbox.metrics_calibration import get_proportion_under_quantile
from uncertainty_toolbox.recalibration import get_quantile_recalibrator

print(*(f"{name} {version(name)}" for name in ("uncertainty-toolbox", "numpy", "scipy", "scikit-learn")))
rng = np.random.default_rng(0)
N, LEVELS = 5_000, (0.1, 0.5, 0.9)
cases = {
    "0.5 too high": (0.5, lambda: rng.normal(size=N)),
    "0.5 too low": (-0.5, lambda: rng.normal(size=N)),
    "skewed, mean and deviation right": (1.0, lambda: rng.exponential(size=N)),
    "perfect": (0.0, lambda: rng.normal(size=N)),
}
for name, (at, draw) in cases.items():
    mean, deviation, known, fresh = np.full(N, at), np.ones(N), draw(), draw()
    fitted = get_quantile_recalibrator(mean, deviation, known)
    turned = get_quantile_recalibrator(-mean, deviation, -known)  # the other sign of the residuals
    rows = {}
    for q in LEVELS:
        rows[q] = [np.mean(fresh <= at + norm.ppf(q)), *(np.mean(fresh <= by(mean, deviation, q)) for by in (fitted, turned)),
                   get_proportion_under_quantile(mean, deviation, fresh, q)]
    print(f"  predictions {name}: of quantiles", ", ".join(f"{q}: expected {q} of fresh data below after recalibration, seen {after:.2f} "
          f"(before {before:.2f}, fitted with the other sign {right:.2f})" for q, (before, after, right, _) in rows.items()))
    print("    get_proportion_under_quantile: expected", *(f"{before:.2f}" for before, *_ in rows.values()),
          "seen", *(f"{said:.2f}" for *_, said in rows.values()))
    for q, (before, after, right, said) in rows.items():
        assert abs(right - q) < 0.03, "fitted with the other sign it is no way out any more"
        assert abs(said - np.mean(fresh >= at + norm.ppf(1 - q))) < 1e-12, "data below the quantile are counted now"
        if name != "perfect":
            assert abs(said - before) > 0.02
    before, after, *_ = rows[0.5]
    assert abs(after - 0.5) < 0.03 if name == "perfect" else abs(after - 0.5) > 1.7 * abs(before - 0.5) > 0.2, "recalibration helps now"
    errors = [uct.mean_absolute_calibration_error(mean, deviation, fresh, prop_type="quantile"),
              np.mean([abs(np.mean(fresh <= at + norm.ppf(q)) - q) for q in np.linspace(0, 1, 100)])]
    assert abs(errors[0] - errors[1]) < 1e-3  # mirrored: the same area, so no metric tells
print("behaviour as described")
PY
