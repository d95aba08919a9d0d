#!/usr/bin/env bash
# opake-auditing 0.16.1 (privacy audit by canaries in one training run), one_run(...).eps_delta() as in its quick start, torch 2.13.0.
# Guess: epsilon_at(significance=0.05) is a lower bound that is too high in at most 5 % of audits, as the formula says.
# Truth: by default the threshold that guesses best is looked for among all scores, on the same canaries whose guesses are then
#   counted, and the test is that of guesses fixed beforehand. Where scores are pure noise, two audits in five certify a leak.
#   With threshold=... given beforehand it is one in twenty or fewer. gdp() counts the same guesses, by a bound loose enough.
# Matters: a model that has forgotten, or never saw the canaries, is certified to leak; and of several models the worst is the
#   luckiest. Fix the threshold before looking, or choose it on one half of the canaries and count on the other.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 opake-auditing==0.16.1 \
  opake-engine==0.16.1 opake-accounting==0.16.1 opake-base==0.16.1
"$dir/venv/bin/python" -W ignore - <<'PY'
import math
from importlib.metadata import version

import numpy as np
from opake import auditing
from opake.random import key

print("opake-auditing", version("opake-auditing"))
AUDITS = 400
rng = np.random.default_rng(0)


def audit(canaries, epsilon, seed):
    """One audit of randomised response: its loss is exactly epsilon, and whoever guesses by the sign guesses best."""
    coins = auditing.coin_flip(range(2 * canaries), num_canaries=canaries, key=key(seed))
    inside = np.isin(coins.canary_indices, coins.in_indices)
    honest = rng.random(canaries) < 1 / (1 + math.exp(-epsilon))
    scores = np.where(inside == honest, 1.0, -1.0) + rng.uniform(-0.5, 0.5, canaries)
    if epsilon == 0:
        scores = rng.normal(size=canaries)  # nothing but noise
    return auditing.one_run(auditing.canary_scores(scores, canary_indices=coins.canary_indices), coin_flip=coins)


seen = {}
for canaries in (100, 1000):
    for epsilon in (0.0, 1.0):
        audits = [audit(canaries, epsilon, seed) for seed in range(AUDITS)]
        for name, options in (("threshold chosen", {}), ("threshold=0.0", {"threshold": 0.0})):
            bounds = np.array([one.eps_delta().epsilon_at(significance=0.05, **options) for one in audits])
            seen[name, canaries, epsilon] = rate = float((bounds > epsilon + 1e-3).mean())
            print(f"  {canaries} canaries, true epsilon {epsilon:.0f}, {name}: expected at most 5 % of lower bounds above it, "
                  f"seen {rate:.1%}; the highest {bounds.max():.2f}")
for (name, canaries, epsilon), rate in seen.items():
    if name == "threshold=0.0":
        assert rate < 0.1, "a threshold fixed beforehand keeps the level"
    elif epsilon == 0:
        assert rate > 0.3, "the choice of the threshold is paid for now"
print("behaviour as described")
PY
