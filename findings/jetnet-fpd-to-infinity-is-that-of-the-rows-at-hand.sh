#!/usr/bin/env bash
# jetnet 0.2.5 (evaluation.fpd and kpd, on features of one's own), numpy 2.4.6, scipy 1.17.1.
# Guess: FPD is extrapolated from batches of growing size to infinitely many rows, and KPD is the unbiased estimate of a squared MMD: of two
#   samples of one distribution both are 0 within the error that is returned beside them, whatever the number of rows.
# Truth: batches are drawn with replacement, so what grows without end is a sample of the rows at hand, not of the distribution: the FPD "at
#   infinity" is the plain Frechet distance of all rows, bias and all. In KPD a row meets its own copies, and k(x, x) comes back in.
# Matters: a perfect generator is 3 errors and more away from 0, at 5,000 rows six times as far as at the recommended 50,000, and more data
#   look like a better model. Give the distance of as many fresh real rows beside it, or average disjoint parts and extrapolate by hand.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 numpy==2.4.6 scipy==1.17.1 numba==0.68.1 h5py==3.16.0 awkward==2.14.0 \
  coffea==2026.9.0 requests==2.34.2 tqdm==4.70.1 wurlitzer==3.1.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps jetnet==0.2.5 EnergyFlow==1.4.0 wasserstein==1.1.0
OMP_NUM_THREADS=1 "$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from jetnet.evaluation import fpd, kpd
from scipy.linalg import eigvalsh

print(*(f"{name} {version(name)}" for name in ("jetnet", "numpy", "scipy")))
COLUMNS, PAIRS, BATCH = 10, 5, 1_000


def frechet(x, y):
    """The squared Frechet distance of the normal distributions fitted to x and to y."""
    a, b = np.cov(x.T), np.cov(y.T)
    lower = np.linalg.cholesky(a)
    cross = np.sqrt(eigvalsh(lower.T @ b @ lower).clip(0)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * cross)


def to_infinity(x, y, rng):
    """The Frechet distance where 1 / rows is 0, of batches without replacement."""
    sizes = np.array([len(x) // parts for parts in (20, 15, 10, 7, 5, 3)])
    means = []
    for size in sizes:
        at_x, at_y = rng.permutation(len(x)), rng.permutation(len(y))
        means.append(np.mean([frechet(x[at_x[i: i + size]], y[at_y[i: i + size]]) for i in range(0, len(x) - size + 1, size)]))
    return float(np.polyfit(1 / sizes, means, 1, w=np.sqrt(sizes))[1])


def unbiased(x, y):
    """The squared MMD of the polynomial kernel, without the pairs of a row and itself."""
    k = [(a @ b.T / COLUMNS + 1) ** 4 for a, b in ((x, x), (y, y), (x, y))]
    n = len(x)
    return float(sum(m.sum() - np.trace(m) for m in k[:2]) / n / (n - 1) - 2 * k[2].mean())


bias = {}
for n in (5_000, 50_000):
    rng = np.random.default_rng(n)
    table = []
    for _ in range(PAIRS):
        x, y = rng.standard_normal((2, n, COLUMNS))
        value, error = fpd(x, y, min_samples=n * 2 // 5, max_samples=n, num_batches=10, num_points=6, normalise=False)
        kernel, spread = kpd(x, y, num_batches=20, batch_size=BATCH, normalise=False)
        apart = np.median([unbiased(x[i: i + BATCH], y[i: i + BATCH]) for i in range(0, 5_000, BATCH)])
        own = ((x**2).sum(1) / COLUMNS + 1) ** 4
        table.append((value, error, frechet(x, y), to_infinity(x, y, rng), kernel, spread, apart, 2 * (own.mean() - ((x[0::2] * x[1::2]).sum(1) / COLUMNS + 1).__pow__(4).mean()) / n))
    value, error, plain, right, kernel, spread, apart, copies = np.array(table).T
    print(f"  {PAIRS} pairs of {n} rows of one normal distribution, means: FPD at infinity expected 0 (batches without replacement {right.mean():+.5f}), seen {value.mean():.5f} "
          f"with an error of {error.mean():.5f}; plain Frechet distance of all rows {plain.mean():.5f}")
    print(f"    KPD expected 0 (batches without replacement {apart.mean():+.5f}), seen {kernel.mean():.5f} with an error of {spread.mean():.5f}; copies of a row alone make {copies.mean():.5f}")
    assert abs(right.mean()) < plain.mean() / 4
    assert abs(value.mean() / plain.mean() - 1) < 0.2 and (value > 2 * error).all(), "FPD is extrapolated beyond the rows at hand now"
    if n == 5_000:
        assert (kernel > 0).all() and 0.5 < kernel.mean() / copies.mean() < 1.6, "rows no longer meet their copies in KPD"
    bias[n] = value.mean()
print(f"  FPD of a perfect generator at 5,000 rows over that at 50,000: expected no more than noise, seen {bias[5_000] / bias[50_000]:.1f}")
assert bias[5_000] > 4 * bias[50_000]
print("behaviour as described")
PY
