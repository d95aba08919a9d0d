#!/usr/bin/env bash
# piq 0.8.0, piq.FID on features (its compute_metric), torch 2.14.1.
# Guess: the square root in the Frechet distance is found to working precision; a set is at distance 0 from itself.
# Truth: Newton-Schulz steps end as soon as the product of covariances is met to 1e-5 in Frobenius norm. A direction with a
#   thousandth of the largest variance weighs a millionth in it, so its root is still far too small, and 2 tr(root) is missed from
#   the distance. Where variances fall as those of deep features do, the sum of what is missed is larger than the distance.
# Matters: a model that is as good as fresh data is scored like a bad one, and ratios between models shrink towards 1; the error
#   depends on the spectrum alone, so more images do not help. Take the eigenvalues (pytorch-fid, torch-fidelity, torchmetrics).
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile piq==0.8.0 torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata

import numpy as np
import torch
from piq import FID
from scipy.linalg import eigvalsh, sqrtm

print("piq", importlib.metadata.version("piq"))
rng = torch.Generator().manual_seed(0)
N, D = 5000, 256
scale = 1 / torch.arange(1, D + 1)  # variances fall as 1 / k^2


def by_eigenvalues(x, y):
    """Frechet distance of two sets of features, float64: the root's trace from the eigenvalues of A^1/2 B A^1/2."""
    x, y = x.double().numpy(), y.double().numpy()
    a, b = np.cov(x.T), np.cov(y.T)
    half = sqrtm(a).real
    roots = np.sqrt(eigvalsh(half @ b @ half).clip(0))
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * roots.sum())


def features():
    return torch.randn(N, D, generator=rng) * scale


train = features()
sets = {"itself": train, "fresh features of the same kind": features(), "features 10 % too narrow": 0.9 * features()}
seen = {name: (float(FID().compute_metric(train, other)), by_eigenvalues(train, other)) for name, other in sets.items()}
for name, (theirs, exact) in seen.items():
    print(f"  {N} features of {D} to {name}: expected {exact:.5f}, piq {theirs:.5f}")
worse = "features 10 % too narrow"
fresh = "fresh features of the same kind"
for i, who in enumerate(("piq", "expected")):
    print(f"  {who}: too narrow is {seen[worse][i] / seen[fresh][i]:.1f} times as far as fresh")
flat = torch.randn(N, D, generator=rng), torch.randn(N, D, generator=rng)
print(f"  control, equal variances: expected {by_eigenvalues(*flat):.3f}, piq {float(FID().compute_metric(*flat)):.3f}")
assert abs(seen["itself"][1]) < 1e-6 < 0.05 < seen["itself"][0], "it is 0 now"
assert seen[fresh][0] > 10 * seen[fresh][1]
assert seen[worse][0] < 1.5 * seen[fresh][0] and seen[worse][1] > 5 * seen[fresh][1]
print("behaviour as described")
PY
