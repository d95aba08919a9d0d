#!/usr/bin/env bash
# syntheval 1.7.3 (the metric "eps_risk", epsilon identifiability), through SynthEval(...).evaluate as in its readme.
# Guess: the share of real rows that have a synthetic row nearer than any real one, columns weighted by 1 / entropy: near 1 if the rows
#   are copied. "priv_loss" is that share less the share of holdout rows: 0 for rows that were drawn afresh.
# Truth: columns are scaled to [0, 1] before they are rounded to find the entropy, so it is that of "in the upper half of the range?".
#   A column with a long tail nearly always says no, and its weight is large; if its largest value is not in the real table, it
#   always says no, and its weight is 10^16. And the number of holdout rows at risk is divided by the number of real rows.
# Matters: rows of which eight of nine columns are copied, and only the income is drawn anew, are at less risk than they are; with one
#   high income held out they are at no more risk than fresh rows. Fresh rows have a privacy loss of 0.35 when a fifth as many rows are
#   held out. Rank the columns first, and take tables of one size.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 pandas==2.3.3 scipy==1.17.1 scikit-learn==1.9.1 syntheval==1.7.3
"$dir/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.stats import entropy
from syntheval import SynthEval

print("syntheval", version("syntheval"))
rng = np.random.default_rng(0)


def rows(number):
    """Eight columns of normal values, and an income with a long tail."""
    table = pd.DataFrame(rng.normal(size=(number, 8)), columns=list("abcdefgh"))
    table["income"] = np.exp(1.2 * rng.normal(size=number))
    return table


def at_risk(real, synthetic, low, high, weights):
    """The share of rows of `real` nearer to a row of `synthetic` than to another of their own."""
    a, b = ((table - low).to_numpy() / (high - low).to_numpy() for table in (real, synthetic))
    own = cdist(a, a, "cityblock", w=weights)
    np.fill_diagonal(own, np.inf)
    return float(np.mean(cdist(a, b, "cityblock", w=weights).min(axis=1) < own.min(axis=1)))


def by_hand(real, synthetic, holdout):
    """Risk and privacy loss, with the entropy of thirty ranks of each column, and as many real rows as holdout rows for the loss."""
    everything = pd.concat([real, synthetic, holdout])
    weights = [1 / entropy(np.histogram(real[name].rank(), bins=30)[0]) for name in real]
    risk, same, other = (at_risk(table, synthetic, everything.min(), everything.max(), weights) for table in (real, real[: len(holdout)], holdout))
    return risk, same - other


def by_package(real, synthetic, holdout):
    with contextlib.redirect_stdout(io.StringIO()):
        table = SynthEval(real, holdout, cat_cols=[], verbose=False).evaluate(synthetic, eps_risk={})
    found = dict(zip(table["metric"], table["val"]))
    return found["eps_identif_risk"], found["priv_loss_eps"]


real, holdout, fifth, fresh = rows(800), rows(800), rows(160), rows(800)
but_income, but_one = real.copy(), real.copy()
but_income["income"] = rows(800)["income"]
but_one["a"] = rows(800)["a"]
with_millionaire = holdout.copy()
with_millionaire.loc[0, "income"] = 1000.0
seen = {}
for name, synthetic, held in (
    ("fresh rows", fresh, holdout),
    ("fresh rows, a fifth as many held out", fresh, fifth),
    ("copied but for a normal column", but_one, holdout),
    ("copied but for the income", but_income, holdout),
    ("copied but for the income, one high income held out", but_income, with_millionaire),
):
    seen[name] = expected, found = by_hand(real, synthetic, held), by_package(real, synthetic, held)
    print("  {}: expected risk {:.2f} and loss {:.2f}, seen {:.2f} and {:.2f}".format(name, *expected, *found))
expected, found = seen["fresh rows, a fifth as many held out"]
assert abs(expected[1]) < 0.1 and found[1] > 0.25, "holdout rows are a share of the holdout rows now"
expected, found = seen["copied but for a normal column"]
assert expected[0] > 0.95 and found[0] > 0.95
expected, found = seen["copied but for the income"]
assert expected[0] > 0.95 and found[0] < 0.85, "the entropy is not that of a yes or no any more"
expected, found = seen["copied but for the income, one high income held out"]
assert expected[0] > 0.95 and found[0] < 0.6 and abs(found[1]) < 0.1, "the entropy is not that of a yes or no any more"
print("behaviour as described")
PY
