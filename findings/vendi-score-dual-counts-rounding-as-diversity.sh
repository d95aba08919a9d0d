#!/usr/bin/env bash
# vendi-score 0.0.3, score_dual and score_K with an order q below 1 (the orders made for rare kinds).
# Guess: the kernel route and the dual route are the same number; directions that the data does not use count for nothing.
# Truth: both keep every eigenvalue above zero, and those of the unused directions are not zero but rounding, 1e-17 or
#   (float32) 1e-9. Raised to q = 0.1 each counts like a rare kind. A thousand samples that span ten of 256 directions
#   have an effective number of 10.0; score_dual says 13 in float64 and 36 in float32, score_K far more.
# Matters: embeddings are float32 and rarely of full rank; diversity after unlearning then measures the width of the features.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps vendi-score==0.0.3
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from vendi_score import vendi

rng = np.random.default_rng(0)
basis = np.linalg.qr(rng.normal(size=(256, 10)))[0].T
coordinates = rng.normal(size=(1000, 10))
x = coordinates @ basis  # a thousand samples in ten of 256 directions
unit = coordinates / np.linalg.norm(coordinates, axis=1, keepdims=True)
w = np.linalg.eigvalsh(unit.T @ unit / 1000)  # the ten eigenvalues that there are

print("vendi-score", version("vendi-score"))
seen = {}
for q in (0.1, 0.5, 2):
    truth = float((w**q).sum() ** (1 / (1 - q)))
    for t in (np.float64, np.float32):
        rows = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(t)
        seen[q, t] = float(vendi.score_dual(x.astype(t), q=q)), float(vendi.score_K(rows @ rows.T, q=q))
        print(f"  q = {q}, {t.__name__}: expected {truth:.2f}, score_dual {seen[q, t][0]:.2f}, score_K {seen[q, t][1]:.2f}")
    if q == 2:
        assert all(abs(v / truth - 1) < 0.01 for t in (np.float64, np.float32) for v in seen[q, t])
assert seen[0.1, np.float64][0] > 11 and seen[0.1, np.float32][0] > 25, "rounding is not counted any more"
assert seen[0.1, np.float32][1] > 50
print("behaviour as described")
PY
