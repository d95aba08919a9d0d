#!/usr/bin/env bash
# netcal 1.4.0 (metrics.MMCE with one confidence an image, "1-D for binary classification"), numpy 2.4.6, torch 2.13.0.
# Guess: of a judge of one class, x is the probability of a yes, as ECE and the calibration methods of the package take it; MMCE is near 0
#   where those probabilities are right, and the same as of the two columns [1 - x, x].
# Truth: the predicted label is x > 0.5 and counts as right or wrong, but its confidence stays x: a sure and right "no" has confidence 0.02,
#   accuracy 1, an error of 0.98. The formula in its docstring has the highest probability. Two columns are right.
# Matters: a class of 2 % told exactly as 0.02 has an error of 0.96, nearly the worst there is, and told as 0.52 half of that: it
#   falls as the judge gets worse. Of a frequent class told as 0.98 it is 0.00, and right. Pass np.stack([1 - x, x], 1).
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 matplotlib==3.11.2 \
  tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps netcal==1.4.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from netcal.metrics import ECE, MMCE

print(*(f"{name} {version(name)}" for name in ("netcal", "numpy", "torch")))
rng = np.random.default_rng(0)
N = 2_000


def formula(confidence, right):
    """MMCE as its docstring has it: a kernel mean of (right or wrong - confidence), Laplacian, 2.5."""
    error = right - confidence
    return np.sqrt(error @ np.exp(-2.5 * np.abs(confidence[:, None] - confidence)) @ error) / len(error)


flat = rng.random(N)
cases = {
    "2 % of the images, each told 0.02": (np.full(N, 0.02), np.full(N, 0.02)),
    "2 % of the images, each told 0.52": (np.full(N, 0.02), np.full(N, 0.52)),
    "98 % of the images, each told 0.98": (np.full(N, 0.98), np.full(N, 0.98)),
    "any probability, told exactly": (flat, flat),
    "any probability, told as its cube against that of the rest": (flat, flat**3 / (flat**3 + (1 - flat) ** 3)),
}
seen = {}
for name, (true, told) in cases.items():
    is_so = (rng.random(N) < true).astype(int)
    one, two = MMCE().measure(told, is_so), MMCE().measure(np.stack([1 - told, told], 1), is_so)
    highest = np.maximum(told, 1 - told)
    wanted, of_yes = formula(highest, (told > 0.5) == is_so), formula(told, is_so)
    ece = ECE(10).measure(told, is_so)
    seen[name] = one
    print(f"  a class of {name}: expected {wanted:.3f} (of a yes {of_yes:.3f}), seen {one:.3f}; of two columns {two:.3f}, ECE of the same column {ece:.3f}")
    assert abs(two - wanted) < 1e-9
    assert abs(one - formula(told, (told > 0.5) == is_so)) < 1e-9, "a no has the confidence of a no now"
    if np.all(true == told):
        assert ece < 0.03 and two < 0.02 and of_yes < 0.02
rare, lie, frequent, exact, bent = seen.values()
assert rare > 0.95 and 0.4 < lie < 0.6 and frequent < 0.01 and exact > 0.2 and bent > 0.2
print("behaviour as described")
PY
