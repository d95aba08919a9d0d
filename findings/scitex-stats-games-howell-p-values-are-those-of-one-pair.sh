#!/usr/bin/env bash
# scitex-stats 1.0.0 (posthoc.posthoc_games_howell), scipy 1.17.1.
# Guess: the column `pvalue` is that of the Games-Howell procedure, by the studentized range, so that of groups without a difference one
#   pair in any lies below 0.05 in one case of twenty, and it says the same as the column `significant`.
# Truth: `pvalue` (and the stars beside it) is that of Welch's t-test of the one pair, with no correction; `significant` and the interval
#   are by Bonferroni. In one row p is below 0.05 with a star, and `significant` is False.
# Matters: of six equally good models some pair differs at 5 % in more than a third of all cases, of ten in more than half. Take
#   scipy.stats.tukey_hsd(*groups, equal_var=False), or read `significant`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 matplotlib==3.11.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps scitex-stats==1.0.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from scipy.stats import studentized_range, ttest_ind, tukey_hsd
from scitex_stats.posthoc import posthoc_games_howell

print(*(f"{name} {version(name)}" for name in ("scitex-stats", "scipy")))
rng = np.random.default_rng(0)
CASES = 200


def groups(models):
    return [rng.normal(0, 1 + i % 3, 20 + 10 * i) for i in range(models)]


one = groups(6)
seen, right = posthoc_games_howell(one), tukey_hsd(*one, equal_var=False).pvalue[np.triu_indices(6, 1)]
welch = np.array([ttest_ind(one[i], one[j], equal_var=False).pvalue for i in range(6) for j in range(i + 1, 6)])
by_range = studentized_range.sf(np.sqrt(2) * seen["t_statistic"].abs(), 6, seen["df"])
assert np.allclose(by_range, right, atol=2e-3)
lowest = int(np.argmin(right))
print(f"  six groups of one mean, the pair that differs most: expected p = {right[lowest]:.3f} (scipy), seen {seen['pvalue'][lowest]:.3f}; Welch's t-test alone {welch[lowest]:.3f}")
assert np.allclose(seen["pvalue"], welch, atol=1e-4), "p-values are corrected now"
for models in (3, 6, 10):
    below = flagged = contradicting = family = 0
    for _ in range(CASES):
        table = posthoc_games_howell(groups(models))
        q = float((np.sqrt(2) * table["t_statistic"].abs()).max())
        row = table.iloc[int(table["t_statistic"].abs().argmax())]
        family += studentized_range.sf(q, models, row["df"]) < 0.05
        below += bool((table["pvalue"] < 0.05).any())
        flagged += bool(table["significant"].any())
        contradicting += bool(((table["pvalue"] < 0.05) & ~table["significant"]).any())
    print(f"  {models} equally good models: expected some p < 0.05 in 0.05 of {CASES} cases (by the studentized range {family / CASES:.2f}), seen {below / CASES:.2f}; "
          f"`significant` in {flagged / CASES:.2f}; a row with p < 0.05 that is not significant in {contradicting / CASES:.2f}")
    assert family / CASES < 0.1 and flagged / CASES < 0.1
    if models > 3:
        assert below / CASES > 0.25 and contradicting / CASES > 0.2
print("behaviour as described")
PY
