#!/usr/bin/env bash
# vendi-score 0.0.3, score_X(X, q=...), the entry point for features.
# Guess: q chooses the order of the diversity, as in score_K and score_dual: small q counts rare kinds, q = inf the
#   commonest alone.
# Truth: score_X passes q=1 on, whatever it was given. All orders return the same number, without a word.
# Matters: a rare kind that is about to vanish moves q = 0.1 by a tenth and q = 1 hardly at all; a table of orders
#   made with score_X is one column, printed many times.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps vendi-score==0.0.3
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from vendi_score import vendi

shares = np.array([0.96, 0.01, 0.01, 0.01, 0.01])  # one common kind, four rare ones
x = np.eye(5)[np.repeat(np.arange(5), (shares * 1000).round().astype(int))]
print("vendi-score", version("vendi-score"), "- kinds in shares", shares.tolist())
seen = []
for q in (0.1, 0.5, 1, 2, "inf"):
    if q == "inf":
        truth = 1 / shares.max()
    else:
        truth = np.exp(-(shares * np.log(shares)).sum()) if q == 1 else (shares**q).sum() ** (1 / (1 - q))
    seen.append(float(vendi.score_X(x, q=q)))
    dual = float(vendi.score_dual(x, q=q))
    print(f"  q = {q}: expected {truth:.3f}, score_dual {dual:.3f}, score_X {seen[-1]:.3f}")
    assert abs(dual / truth - 1) < 1e-3
assert max(seen) - min(seen) < 1e-6, "score_X listens to q now"
print("behaviour as described")
PY
