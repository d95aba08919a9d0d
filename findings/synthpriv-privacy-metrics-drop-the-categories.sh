#!/usr/bin/env bash
# synthpriv 0.2.1 (metrics.privacy: nndr and mia_auc), pandas 2.3.3, scikit-learn 1.9.1.
# Guess: both metrics see the whole record: their common encoding is "one-hot + scaled", so a table with other categories than the real one
#   is told apart from it, and a copy lies at distance 0.
# Truth: the columns of `get_dummies` are boolean, and only the numeric ones are kept: no category reaches a metric.
#   Besides, the membership attack tells real from synthetic rows, and asks for no member.
# Matters: rows whose every category is one that does not occur in the data have the numbers of fresh rows (AUC 0.5 for 1.0),
#   and real numbers with categories drawn anew are copies. Rows returned unchanged pass the attack, AUC 0.5. Encode categories as
#   0.0 and 1.0 first, and attack with held-out rows.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 scikit-learn==1.9.1 \
  opacus==1.6.0 sdv==1.38.5
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps synthpriv==0.2.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from synthpriv.metrics.privacy import mia_auc, nndr

print(*(f"{name} {version(name)}" for name in ("synthpriv", "pandas", "scikit-learn")))
rng = np.random.default_rng(0)
N, WORDS = 500, ("colour", "town", "job", "school")


def rows():
    table = pd.DataFrame({"age": rng.normal(45, 12, N), "height": rng.normal(170, 10, N)})
    for word in WORDS:
        table[word] = rng.choice([f"{word} {i}" for i in range(6)], N)
    return table


def in_numbers(table, other):
    """Both tables with a column of 0.0 and 1.0 for each category, every column by its own deviation."""
    both = pd.get_dummies(pd.concat([table, other]), dtype=float)
    both = ((both - both.mean()) / both.std()).to_numpy()
    return both[:N], both[N:]


def by_hand(real, synthetic):
    a, b = in_numbers(real, synthetic)
    ratio = np.mean(NearestNeighbors().fit(a).kneighbors(b, 1)[0][:, 0] / NearestNeighbors().fit(b).kneighbors(b, 2)[0][:, 1])
    x, y = np.vstack([a, b]), np.repeat([1, 0], N)
    mixed = rng.permutation(2 * N)
    told = cross_val_predict(LogisticRegression(max_iter=2_000), x[mixed], y[mixed], cv=5, method="predict_proba")[:, 1]
    return ratio, roc_auc_score(y[mixed], told)


real, fresh = rows(), rows()
strange = fresh.assign(**{word: "a word of another table" for word in WORDS})
kinds = {"fresh rows": fresh, "fresh rows with categories of another table": strange, "the real rows themselves": real.copy(),
         "the real numbers with categories drawn anew": real.assign(**{word: rng.permutation(real[word]) for word in WORDS})}
seen = {}
for name, table in kinds.items():
    (ratio, auc), first, second = by_hand(real, table), nndr(real, table), mia_auc(real, table)
    seen[name] = first.value, second.value, second.status
    print(f"  {name}: by columns of 0 and 1 a nearest-neighbour ratio of {ratio:.2f} and an AUC of {auc:.2f}; seen {first.value:.2f} ({first.status}) and {second.value:.2f} ({second.status})")
    if name.startswith("fresh rows with"):
        assert auc > 0.99
    if name.startswith("the real numbers"):
        assert ratio > 0.5
assert seen["fresh rows"] == seen["fresh rows with categories of another table"], "categories are seen now"
assert seen["the real numbers with categories drawn anew"][0] == 0
assert abs(seen["the real rows themselves"][1] - 0.5) < 0.1
print("behaviour as described")
PY
