#!/usr/bin/env bash
# anonymeter 1.1.0 (InferenceEvaluator): its "baseline" attack and risk_for_groups.
# Guess: the baseline "models a naive attacker who ignores the synthetic data and guess randomly": of a coin it guesses half. The risk
#   of a group is that of the whole, looked at in a group: 0 where the synthetic data know nothing.
# Truth: the baseline's random guesses keep the index of the synthetic rows and are then put in the order of the targets' index:
#   where the two do not overlap the guess is missing, and wrong. And in risk_for_groups hits among the attacked control records are
#   divided by the number of all control records of the group, attacked or not.
# Matters: 500 attacks of 10,000 rows guess one coin in forty, so the check "the main attack should outperform random guessing in order
#   for the results to be trusted" always passes; and groups have a risk of 0.4, far from 0 in its interval, of independent noise.
#   Pass as many attacks as there are rows, with one index for all tables.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile anonymeter==1.1.0 numpy==1.26.4 scipy==1.15.3 scikit-learn==1.7.2 \
  pandas==2.3.3 numba==0.62.1 llvmlite==0.45.1 polars==1.35.2 pyarrow==21.0.0 joblib==1.5.2
"$dir/venv/bin/python" -W ignore - <<'PY'
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
from anonymeter.evaluators import InferenceEvaluator

print(*(f"{name} {version(name)}" for name in ("anonymeter", "pandas", "numpy")))
rng = np.random.default_rng(0)
np.random.seed(0)  # pandas draws the targets and the guesses with it


def table(rows):  # three columns that know nothing of each other: original, synthetic and control are all alike
    return pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "coin": rng.choice(["heads", "tails"], rows)})


def told(evaluator):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = evaluator.results()
    return results, any("baseline" in str(w.message) for w in caught)


def run(rows, attacks):
    original, synthetic, control = table(rows), table(rows), table(rows)
    found = InferenceEvaluator(original, synthetic, aux_cols=["a", "b"], secret="coin", n_attacks=attacks, control=control).evaluate(n_jobs=1)
    results, warned = told(found)
    groups = {name: group.risk() for name, group in found.risk_for_groups().items()}
    print(f"  {attacks} attacks on a coin among {rows} rows: attack right {results.n_success / attacks:.3f}, on control {results.n_control / attacks:.3f}; "
          f"baseline expected 0.5, seen {results.n_baseline / attacks:.3f}; warned of an attack no better: {warned}")
    print("    risk, expected about 0: of all {:.2f};".format(results.risk().value),
          ", ".join("of {} {:.2f} ({:.2f} to {:.2f})".format(name, risk.value, *risk.ci) for name, risk in groups.items()))
    return results.n_baseline / attacks, results.risk(), groups


for rows, attacks in ((10_000, 500), (2_000, 500), (1_000, 1_000)):
    baseline, risk, groups = run(rows, attacks)
    assert risk.ci[0] < 0.02
    if attacks < rows:
        assert abs(baseline - 0.5 * attacks / rows) < 0.03, "the baseline guesses a coin now"
        assert all(group.ci[0] > 0.2 for group in groups.values()), "the attacked are counted now"
    else:  # every row is attacked, and every guess finds a target
        assert abs(baseline - 0.5) < 0.05 and all(group.ci[0] < 0.1 for group in groups.values())
print("behaviour as described")
PY
