#!/usr/bin/env bash
# sdmetrics 0.32.0 (single_table.DCROverfittingProtection).
# Guess: of each synthetic row the distance to the nearest training row and that to the nearest holdout row are compared, on one
#   scale: rows that were drawn afresh are nearer to the training set in half of the cases, and score about 1.
# Truth: differences are divided by the range of the set that is looked at: by that of the training set on one side and by that of the
#   holdout set on the other. The set with the wider range looks nearer, and one row with an outlier makes a range as wide as you like.
# Matters: one wrong entry among 500 training rows turns a perfect generator's score into 0, one in the holdout set turns that of a
#   generator which copies its training rows into 1. Heavy tails do the same, a little. Scale both sets by one range beforehand, cut
#   off at its ends; and take sets of one size, since a holdout set of half the size, which gives no warning, costs a third of the score.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 pandas==2.3.3 scipy==1.17.1 scikit-learn==1.9.1 \
  plotly==7.1.0 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps sdmetrics==0.32.0 copulas==0.14.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sdmetrics.single_table import DCROverfittingProtection

print("sdmetrics", version("sdmetrics"))
COLUMNS = ["a", "b", "c"]
METADATA = {"tables": {"t": {"columns": {name: {"sdtype": "numerical"} for name in COLUMNS}}}}
rng = np.random.default_rng(0)


def rows(number):
    return pd.DataFrame(rng.normal(size=(number, 3)), columns=COLUMNS)


def with_one_outlier(table):
    table = table.copy()
    table.iloc[0] = 30.0
    return table


def one_ruler(training, synthetic, holdout):
    """The same score with one range per column, that of both sets together."""
    both = pd.concat([training, holdout]).to_numpy()
    scale = np.ptp(both, axis=0)
    near, far = (cdist(synthetic / scale, table / scale, "cityblock").min(axis=1) for table in (training, holdout))
    return min(1.0, 2 * (1 - float(np.mean(near < far))))


training, holdout, fresh, small = rows(500), rows(500), rows(500), rows(250)
copies = training + rng.normal(scale=0.05, size=training.shape)  # training rows, hardly blurred
cases = {
    "fresh rows": (training, fresh, holdout),
    "fresh rows, one outlier in the training set": (with_one_outlier(training), fresh, holdout),
    "fresh rows, one outlier in the holdout set": (training, fresh, with_one_outlier(holdout)),
    "copied rows": (training, copies, holdout),
    "copied rows, one outlier in the holdout set": (training, copies, with_one_outlier(holdout)),
    "fresh rows, half as many rows held out": (training, fresh, small),
}
seen = {}
for name, (train, synthetic, held) in cases.items():
    expected = one_ruler(train, synthetic, held)
    found = DCROverfittingProtection.compute(
        real_training_data={"t": train}, synthetic_data={"t": synthetic}, real_validation_data=held, metadata=METADATA, table_name="t"
    )
    seen[name] = expected, found
    print(f"  {name}: expected {expected:.2f} (one range for both sets), seen {found:.2f}")
assert seen["fresh rows"][0] > 0.9 and seen["copied rows"][1] < 0.2
expected, found = seen["fresh rows, one outlier in the training set"]
assert expected > 0.9 and found < 0.1, "both sets have one range now"
expected, found = seen["copied rows, one outlier in the holdout set"]
assert expected < 0.2 and found > 0.9, "both sets have one range now"
assert seen["fresh rows, half as many rows held out"][0] < 0.75
print("behaviour as described")
PY
