#!/usr/bin/env bash
# anonymeter 1.1.0 (LinkabilityEvaluator; MixedTypeKNeighbors, which InferenceEvaluator uses too).
# Guess: of independent columns a record's two halves are never linked by chance more often than one in as many as there are synthetic
#   rows; missing values cost links, if anything: they are something less to know.
# Truth: one missing number makes the distance to every complete row NaN, and what sorting does with NaN depends on their number alone:
#   one row is the nearest of every record with a gap. Two halves with a gap each have that row, and are linked.
# Matters: a table whose gaps the generator fills in gets a linkability risk from gaps alone; where the control sample has fewer
#   gaps it is not subtracted. Fill in the original and the control tables too before you measure.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile anonymeter==1.1.0 numpy==1.26.4 scipy==1.15.3 scikit-learn==1.7.2 \
  pandas==2.3.3 numba==0.62.1 llvmlite==0.45.1 polars==1.35.2 pyarrow==21.0.0 joblib==1.5.2
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from anonymeter.evaluators import LinkabilityEvaluator
from anonymeter.neighbors.mixed_types_kneighbors import MixedTypeKNeighbors

print(*(f"{name} {version(name)}" for name in ("anonymeter", "pandas", "numpy")))
rng = np.random.default_rng(0)
np.random.seed(0)  # pandas draws the targets with it
ROWS = 1_000
COLUMNS = ["a", "b", "c", "d"]


def table(gaps):  # independent columns: the two halves of a record know nothing of each other
    values = rng.normal(size=(ROWS, 4))
    values[rng.random((ROWS, 4)) < gaps] = np.nan
    return pd.DataFrame(values, columns=COLUMNS)


synthetic = table(0.0)
for gaps, control_gaps in ((0.0, 0.0), (0.3, 0.3), (0.3, 0.1)):
    original, control = table(gaps), table(control_gaps)
    found = LinkabilityEvaluator(original, synthetic, aux_cols=(["a", "b"], ["c", "d"]), n_attacks=ROWS, control=control).evaluate(n_jobs=1)
    results, risk = found.results(), found.risk()
    both = float((original[["a", "b"]].isna().any(axis=1) & original[["c", "d"]].isna().any(axis=1)).mean())
    print(f"  gaps {gaps} of the original, {control_gaps} of the control: linked, expected about {1 / ROWS}: original {results.n_success / ROWS:.3f} "
          f"(a gap in both halves: {both:.3f}), control {results.n_control / ROWS:.3f}; risk {risk.value:.2f} ({risk.ci[0]:.2f} to {risk.ci[1]:.2f})")
    assert abs(results.n_success / ROWS - both) < 0.01, "gaps are handled now"
    assert (risk.ci[0] > 0.15) == (gaps != control_gaps)
neighbours = MixedTypeKNeighbors(n_neighbors=1, n_jobs=1).fit(synthetic[["a", "b"]])
gap = original[["a", "b"]].isna().any(axis=1)
of_whole, of_gaps = (len(np.unique(neighbours.kneighbors(original.loc[rows, ["a", "b"]]))) for rows in (~gap, gap))
print(f"  different nearest rows of {(~gap).sum()} whole records: {of_whole}; of {gap.sum()} with a gap: expected hundreds, seen {of_gaps}")
assert of_whole > 200 and of_gaps == 1, "gaps are left out of the distance now"
print("behaviour as described")
PY
