#!/usr/bin/env bash
# pymdma 0.3.0 (StatisticalSimScore), torch 2.14.1.
# Guess: the similarity of a column is 1 minus the Kolmogorov-Smirnov distance if it is continuous, 1 minus the total variation if it is
#   discrete: 1 for the same distribution, 0 for two that have nothing in common.
# Truth: the largest difference of the distribution functions is taken with its sign: values that are too small cost nothing. The total
#   variation is a mean over the categories of the real column, not half of the sum: k of them can cost 2 / k at most, and what the
#   synthetic column has beside them costs nothing.
# Matters: a column that was moved three deviations down is more similar (1.00) than fresh data (0.98), moved up it has 0.13. A column of
#   which no value is right scores 0.5 of two categories and 0.83 of six. Take scipy's ks_2samp, and count the categories yourself.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 scipy==1.17.1 \
  scikit-learn==1.9.1 pandas==3.1.1 pot==0.9.6.post1 loguru==0.7.3 pydantic==2.14.4 python-dotenv==1.2.4 matplotlib==3.11.2
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps piq==0.8.0 pymdma==0.3.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from pymdma.tabular.measures.synthesis_val.data.similarity import StatisticalSimScore
from scipy.stats import ks_2samp

print(*(f"{name} {version(name)}" for name in ("pymdma", "torch")))
rng = np.random.default_rng(0)
N = 5000


def score(real, synthetic, tag):
    kinds = {"column": {"type": {"tag": tag}}}
    return StatisticalSimScore(col_map=kinds).compute(real[:, None], synthetic[:, None]).dataset_level.value["column"]


real, seen = rng.normal(size=N), {}
for name, column in (("fresh", rng.normal(size=N)), ("moved down by 3", rng.normal(size=N) - 3), ("moved up by 3", rng.normal(size=N) + 3),
                     ("half of it moved down by 3", np.where(rng.random(N) < 0.5, -3, 0) + rng.normal(size=N)), ("halved", rng.normal(size=N) / 2)):
    wanted = 1 - ks_2samp(real, column).statistic
    seen[name] = found = score(real, column, "continuous")
    print(f"  continuous, {name}: expected {wanted:.2f}, seen {found:.4f}")
    if "down" in name:
        assert wanted < 0.65 and found > 0.99, "both signs of the difference count now"
    else:
        assert abs(found - wanted) < 0.03
assert seen["moved down by 3"] > seen["fresh"]


def shares(column, categories):
    return np.array([(column == category).mean() for category in categories])


for number in (2, 4, 6):
    real = rng.integers(number, size=N)
    for name, column in (("fresh", rng.integers(number, size=N)), ("all of one category", np.zeros(N, int)), ("of other categories only", rng.integers(number, size=N) + 100),
                         ("half of it of other categories", np.where(rng.random(N) < 0.5, 100, 0) + rng.integers(number, size=N))):
        every = np.union1d(real, column)
        wanted = 1 - np.abs(shares(real, every) - shares(column, every)).sum() / 2
        found = score(real, column, "discrete")
        print(f"  {number} categories, {name}: expected {wanted:.2f}, seen {found:.2f}")
        if name == "of other categories only":
            assert wanted == 0 and abs(found - (1 - 1 / number)) < 0.01, "values that the real column does not have count now"
        elif name == "all of one category":
            assert abs(found - (1 - 2 / number * (1 - wanted))) < 0.01
        elif name == "fresh":
            assert min(wanted, found) > 0.95
        else:
            assert abs(wanted - 0.5) < 0.03 and found > 1 - 0.6 / number
print("behaviour as described")
PY
