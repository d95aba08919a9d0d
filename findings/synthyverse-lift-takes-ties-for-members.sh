#!/usr/bin/env bash
# synthyverse 0.2.7 (the membership attack DPI and lift_at_k, by which all its attacks are reported), numpy 2.4.6, numba 0.68.1.
# Guess: lift is the share of members at the top of the ranking over their share among all: "a random ranking has expected lift 1.0", and
#   so has an attack that says the same of every record. DPI counts generated rows among the 20 nearest; equal rows count on either side.
# Truth: of equal scores the last are taken, and members stand last: constant scores have the greatest lift there is. And the search for
#   neighbours keeps the first of equal distances, which are rows of the reference: where it holds 20 equal rows, no generated row counts.
# Matters: with 6,000 held-out records of six yes-or-no columns a fresh generator and one that returns the training set have the same
#   report: AUC 0.500 ("no leak") and lift 4.0 of at most 4.0 ("all at the top are members"). Read AUC, and break ties at random yourself.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 pandas==2.3.3 scipy==1.17.1 scikit-learn==1.9.1 numba==0.68.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile xgboost-cpu==3.2.0
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps synthyverse==0.2.7
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from synthyverse.evaluation import DPI
from synthyverse.evaluation.privacy import lift_at_k

print(*(f"{name} {version(name)}" for name in ("synthyverse", "numpy", "pandas", "numba")))
rng = np.random.default_rng(0)
columns = [f"answer{i}" for i in range(6)]


def records(n):
    """Records of six independent answers, yes or no."""
    return pd.DataFrame(rng.integers(0, 2, (n, 6)), columns=columns).astype(str)


for members, others in ((1000, 3000), (1000, 1000)):
    is_member = np.r_[np.zeros(others, int), np.ones(members, int)]  # in the order of the library's own evaluation
    lifts = [lift_at_k(is_member, np.full(members + others, 0.5), k) for k in (0.1, 0.05, 0.01)]
    turned = [lift_at_k(is_member[::-1], np.full(members + others, 0.5), k) for k in (0.1, 0.05, 0.01)]
    most = (members + others) / members
    print(f"  one score for all, {members} members of {members + others}: expected lift 1 (at most {most:.1f}), seen {lifts}; members first: {turned}")
    assert lifts == [most] * 3 and turned == [0.0] * 3, "ties are no longer broken by their place"

train = records(1000)
reports = {}
for name, generated in (("fresh records", records(1000)), ("the training set itself", train.copy())):
    for held_out in (1000, 6000):
        report = DPI().evaluate(train, generated, X_test=records(held_out), discrete_features=columns)
        auc, *lift = (report[f"mia.dpi.{key}"] for key in ("auc", "lift_010", "lift_005", "lift_001"))
        print(f"  generated: {name}; held out {held_out}: AUC {auc:.3f}, lift at 10, 5 and 1 % " + ", ".join(f"{x:.2f}" for x in lift))
        reports[name, held_out] = (auc, *lift)
print("  expected at 6000 a lift near 1 for fresh records and a greater AUC for the training set; seen one report for both")
assert reports["fresh records", 6000] == reports["the training set itself", 6000] == (0.5, 4.0, 4.0, 4.0), "the two are told apart now"
print("behaviour as described")
PY
