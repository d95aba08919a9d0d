#!/usr/bin/env bash
# domias 0.0.5 (membership inference against generative models), metrics.wd.compute_wd, its measure of quality, torch 2.13.0.
# Guess: the Wasserstein distance between two sets of rows; 0 only if they are alike; fewer synthetic rows make it noisier.
# Truth: all values of all columns are poured into one column before anything is compared, so which value belongs to which row
#   or column is forgotten. And where the synthetic set is smaller, it is filled up with rows of zeros, which are compared too.
# Matters: a generator that lost every dependence between columns, or mixed two columns up, is as good as fresh data; a perfect
#   one of which half as many rows were drawn is by far the worst. Compare the rows (ot.emd2, or an assignment), equal numbers.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps domias==0.0.5 geomloss==0.3.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from domias.metrics.wd import compute_wd
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.preprocessing import MinMaxScaler

print("domias", version("domias"), "geomloss", version("geomloss"))
rng = np.random.default_rng(0)


def rows(number):
    """Four columns on one scale after theirs, each the last one and a little noise."""
    first = rng.uniform(size=(number, 1))
    return np.clip(np.hstack([first, 1 - first, first, 1 - first]) + rng.normal(scale=0.03, size=(number, 4)), 0, 1)


def of_rows(synthetic, real):
    """Half the squared Wasserstein distance of rows, which is what geomloss gives without blur; equal numbers are drawn."""
    scale = MinMaxScaler().fit(real)
    a, b = scale.transform(synthetic), scale.transform(real[: len(synthetic)])
    cost = cdist(a, b, "sqeuclidean") / 2
    return float(cost[linear_sum_assignment(cost)].mean())


real = rows(600)
fresh, half = rows(600), rows(300)
sets = {
    "fresh rows": fresh,
    "each column shuffled by itself": np.column_stack([rng.permutation(column) for column in fresh.T]),
    "the first two columns exchanged": fresh[:, [1, 0, 2, 3]],
    "half as many fresh rows": half,
}
seen = {}
for name, synthetic in sets.items():
    seen[name] = of_rows(synthetic, real), compute_wd(synthetic, real)
    print("  {}: expected {:.4f} (rows, exact), seen {:.4f}".format(name, *seen[name]))
best = seen["fresh rows"]
for name in ("each column shuffled by itself", "the first two columns exchanged"):
    assert seen[name][0] > 10 * best[0] and seen[name][1] < 2 * best[1] + 1e-3, "rows are compared now"
assert seen["half as many fresh rows"][1] > 20 * max(best[1], 1e-4), "nothing is filled up with zeros now"
print("behaviour as described")
PY
