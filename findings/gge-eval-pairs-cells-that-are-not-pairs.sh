#!/usr/bin/env bash
# gge-eval 1.0.1 (pearson, spearman and wasserstein_2, which evaluate() computes by default), numpy 2.4.6, scipy 1.17.1, torch 2.13.0.
# Guess: a correlation of generated with real cells is one of mean profiles, near 1 for a perfect generator, whatever the number of cells;
#   wasserstein_2 is in the unit of the data: cells that are all d too high are at distance d.
# Truth: with equally many rows, row i of one is correlated with row i of the other, gene by gene (one docstring says so), though nothing
#   pairs them. wasserstein_2 is what geomloss returns, half of the square; without geomloss it is the distance itself.
# Matters: a perfect generator scores 0.00 with as many cells as there are real ones and 1.00 with one cell fewer, so the usual choice,
#   equal numbers, fails everything; 0.5 too high is at 0.125 and 4 too high at 8. Take mean_pearson, and sqrt(2 * wasserstein_2).
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 scikit-learn==1.9.1 \
  anndata==0.12.19 scanpy==1.11.5 geomloss==0.3.1 seaborn==0.13.2
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps gge-eval==1.0.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from gge import MeanPearsonCorrelation, PearsonCorrelation, SpearmanCorrelation, Wasserstein1Distance, Wasserstein2Distance

print(*(f"{name} {version(name)}" for name in ("gge-eval", "geomloss", "numpy", "scipy", "torch")))
rng = np.random.default_rng(0)
GENES = 50
profile = rng.gamma(2.0, 2.0, GENES)


def cells(n):
    """Cells of one distribution: independent genes with this mean profile and deviation 1."""
    return profile + rng.normal(size=(n, GENES))


real, seen = cells(400), {}
for n in (300, 399, 400, 401):
    fresh = cells(n)
    seen[n] = [metric.compute(real, fresh).aggregate_value for metric in (PearsonCorrelation(), SpearmanCorrelation(), MeanPearsonCorrelation())]
    print(f"  {n} fresh cells beside 400 real ones: expected pearson and spearman near 1, seen {seen[n][0]:.3f} and {seen[n][1]:.3f} "
          f"(of mean profiles {seen[n][2]:.3f})")
for n, (pearson, spearman, of_means) in seen.items():
    assert of_means > 0.99
    assert abs(pearson) < 0.05 and abs(spearman) < 0.05 if n == 400 else pearson > 0.99 and spearman > 0.99, "equal numbers are no pairs now"
real = real[:60, :3]
for shift in (0.5, 1.0, 4.0):
    moved = real + shift
    first, second, alone = (metric.compute(real, moved).aggregate_value for metric in (Wasserstein1Distance(), Wasserstein2Distance(), Wasserstein2Distance(use_geomloss=False)))
    print(f"  cells {shift} too high: expected a distance of {shift}, seen wasserstein_1 {first:.3f}, wasserstein_2 {second:.3f}, without geomloss {alone:.3f}")
    assert abs(first - shift) < 1e-3 and abs(alone - shift) < 1e-3 and abs(second - shift**2 / 2) < 0.01 * shift**2, "wasserstein_2 is a distance now"
print("behaviour as described")
PY
