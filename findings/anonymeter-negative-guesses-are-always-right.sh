#!/usr/bin/env bash
# anonymeter 1.1.0 (InferenceEvaluator of a number: regression=True).
# Guess: a guess is right "if the relative difference between guess and target is smaller than a given tolerance", 5 %. What counts as
#   right does not depend on the sign: guessing -x for a secret of x is a guess of x for -x.
# Truth: the difference is divided by the guess itself, not by its size: a negative guess makes it negative, so smaller than any
#   tolerance. Every negative guess is right, whatever the secret is.
# Matters: of temperatures, balances, log densities or standardised columns an attack that knows nothing is right in half of its
#   guesses; the same table with the sign turned, or shifted, has another risk. Shift the secret to be positive before you measure.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile anonymeter==1.1.0 numpy==1.26.4 scipy==1.15.3 scikit-learn==1.7.2 \
  pandas==2.3.3 numba==0.62.1 llvmlite==0.45.1 polars==1.35.2 pyarrow==21.0.0 joblib==1.5.2
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from anonymeter.evaluators import InferenceEvaluator
from anonymeter.evaluators.inference_evaluator import evaluate_inference_guesses

print(*(f"{name} {version(name)}" for name in ("anonymeter", "pandas", "numpy")))
rng = np.random.default_rng(0)
np.random.seed(0)  # pandas draws the targets with it
ROWS, TOLERANCE = 1_000, 0.05


def table():  # what the attacker knows says nothing of the secret, a standardised number
    return pd.DataFrame({"known": rng.normal(size=ROWS), "other": rng.normal(size=ROWS), "secret": rng.normal(size=ROWS)})


def exact(guesses, secrets):
    return float(((guesses - secrets).abs() <= TOLERANCE * guesses.abs()).mean())


original, synthetic = table(), table()
seen = {}
for name, of in (("as it is", lambda x: x), ("sign turned", lambda x: -x), ("size alone", lambda x: x.abs())):
    secret, drawn = original.assign(secret=of(original.secret)), synthetic.assign(secret=of(synthetic.secret))
    found = InferenceEvaluator(secret, drawn, aux_cols=["known", "other"], secret="secret", regression=True, n_attacks=ROWS).evaluate(n_jobs=1)
    rate, risk = found.results().n_success / ROWS, found.risk()
    guesses = found._guesses_success
    right, negative = exact(guesses, secret.secret.loc[guesses.index]), float((guesses < 0).mean())
    seen[name] = rate, right, negative
    print(f"  secret {name}: guesses within 5 % expected {right:.3f}, seen {rate:.3f}; risk {risk.value:.2f}; negative guesses {negative:.3f}")
one = pd.Series([-1.0])
print(f"  guess -1 of a secret of 1,000,000: expected False, seen {evaluate_inference_guesses(one, pd.Series([1e6]), regression=True)[0]}; "
      f"guess 1: {evaluate_inference_guesses(-one, pd.Series([1e6]), regression=True)[0]}")
for name, (rate, right, negative) in seen.items():
    assert right < 0.05
    assert rate == right if name == "size alone" else rate >= negative > 0.4, "the size of the guess is used now"
print("behaviour as described")
PY
