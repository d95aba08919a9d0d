#!/usr/bin/env bash
# frechet-coefficient 2.0.13 (hellinger_distance), numpy 2.4.6.
# Guess: the Hellinger distance of two normal distributions, sqrt(1 - BC) with BC = det(A)^(1/4) det(B)^(1/4) / det((A + B) / 2)^(1/2)
#   * exp(-1/8 d' ((A + B) / 2)^-1 d) for means that are d apart.
# Truth: the exponent is divided by 0.125 instead of multiplied: 64 times as large. And what is returned is 1 - BC, the square of the
#   distance, which obeys no triangle inequality.
# Matters: two sets whose means are half a deviation apart have 0.865 (0.175), and from one deviation on everything is at distance 1:
#   a ranking of generators by it is a list of ones. frechet_distance of the same package is right.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 imageio==2.38.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps frechet-coefficient==2.0.13
"$dir/venv/bin/python" -W ignore - <<'PY'
import sys
from importlib.metadata import version
from types import ModuleType

# importing the package fetches a preprocessor of its encoders; the distances are of means and covariances and need none
sys.modules["tensorflow"] = ModuleType("tensorflow")
encoders = sys.modules["frechet_coefficient.models_tensorflow"] = ModuleType("models_tensorflow")
encoders.PretrainedModelWrapper = object

import numpy as np
from frechet_coefficient import frechet_distance, hellinger_distance
from scipy.integrate import quad
from scipy.stats import norm

print("frechet-coefficient", version("frechet-coefficient"))


def by_definition(shift, scale):
    """sqrt(1 - integral of sqrt(p q)), numerically."""
    overlap, _ = quad(lambda x: np.sqrt(norm.pdf(x) * norm.pdf(x, shift, scale)), -30, 30)
    return np.sqrt(max(0, 1 - overlap))


seen = {}
for shift, scale in ((0, 1), (0, 2), (0.1, 1), (0.25, 1), (0.5, 1), (1, 1), (2, 1)):
    arguments = np.zeros(1), np.eye(1), np.array([float(shift)]), scale**2 * np.eye(1)
    seen[shift, scale] = hellinger_distance(*arguments)
    print(f"  N(0, 1) and N({shift}, {scale}): expected {by_definition(shift, scale):.3f}, seen {seen[shift, scale]:.3f}; "
          f"Frechet {frechet_distance(*arguments):.3f} (expected {shift**2 + (scale - 1) ** 2:.3f})")
for shift in (0.25, 0.5, 1):
    assert abs(seen[shift, 1] - (1 - np.exp(-8 * shift**2))) < 1e-3, "the exponent has its eighth now"
assert seen[0.5, 1] > 4 * by_definition(0.5, 1) and seen[1, 1] > 0.999 > by_definition(2, 1) + 0.3
assert abs(seen[0, 2] - by_definition(0, 2) ** 2) < 1e-3, "the root is taken now"
one = hellinger_distance(np.zeros(1), np.eye(1), np.zeros(1), 4 * np.eye(1))
two = hellinger_distance(np.zeros(1), np.eye(1), np.zeros(1), 16 * np.eye(1))
print(f"  deviations 1, 2, 4: 1 to 4 {two:.3f}, by way of 2 {2 * one:.3f} (a distance: the first is at most the second)")
assert two > 2 * one
print("behaviour as described")
PY
