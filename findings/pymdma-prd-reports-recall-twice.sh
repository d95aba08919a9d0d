#!/usr/bin/env bash
# pymdma 0.3.0 (PrecisionRecallDistribution), torch 2.13.0.
# Guess: of the two numbers that stand for the curve, max_f_beta follows recall and max_f_beta_inv follows precision, as the docstring says:
#   a model half of whose images are of classes that the data do not have scores 1 and 0.5, one that draws half of the classes 0.5 and 1.
# Truth: for max_f_beta_inv beta is inverted and, besides, precision and recall change places. The two cancel: F with 1/beta of (recall,
#   precision) is F with beta of (precision, recall). Both numbers are the one of recall, to ten digits, whatever the model.
# Matters: precision is never reported. A model that fills half of its output with what is not in the data scores 0.98 and 0.98. Its
#   num_runs runs of the clustering all have the seed 42, too: a mean of ten is one. Take precision from the two curves that are returned.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 \
  loguru==0.7.3 pydantic==2.14.4 python-dotenv==1.2.4 matplotlib==3.11.2
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps pymdma==0.3.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from pymdma.general.measures.prd import PrecisionRecallDistribution

print(*(f"{name} {version(name)}" for name in ("pymdma", "torch")))
rng = np.random.default_rng(0)
BETA, CLASSES, N = 8, 8, 4000
REAL = np.r_[np.full(4, 1 / 4), np.zeros(4)]  # the data have four of eight classes
MODELS = {"the same four classes": REAL, "two of the four classes": np.r_[np.full(2, 1 / 2), np.zeros(6)], "the four and four others": np.full(8, 1 / 8)}


def draw(shares):
    """Points of classes that lie far apart."""
    return 6 * np.eye(CLASSES)[rng.choice(CLASSES, N, p=shares)] + 0.3 * rng.normal(size=(N, CLASSES))


def f_score(weight, precision, recall):
    return ((1 + weight**2) * precision * recall / np.maximum(weight**2 * precision + recall, 1e-300)).max()


def expected(model):
    """The two numbers by the paper's formula, of the shares that the classes truly have."""
    slopes = np.tan(np.linspace(1e-6, np.pi / 2 - 1e-6, 100_001))[:, None]
    precision, recall = np.minimum(slopes * REAL, model).sum(1), np.minimum(REAL, model / slopes).sum(1)
    return f_score(BETA, precision, recall), f_score(1 / BETA, precision, recall)


data = draw(REAL)
for name, shares in MODELS.items():
    images = draw(shares)
    metric = PrecisionRecallDistribution(num_clusters=20, beta=BETA)
    result = metric.compute(data, images)
    stats, curves = result.dataset_level.stats, result.dataset_level.value
    by_recall, by_precision = expected(shares)
    from_curves = f_score(1 / BETA, np.asarray(curves["precision_values"]), np.asarray(curves["recall_values"]))
    print(f"  {name}: max_f_beta expected {by_recall:.2f}, seen {stats['max_f_beta']:.4f}; max_f_beta_inv expected {by_precision:.2f}, "
          f"seen {stats['max_f_beta_inv']:.4f}, from the returned curves {from_curves:.2f}")
    assert abs(stats["max_f_beta"] - by_recall) < 0.03
    assert abs(stats["max_f_beta"] - stats["max_f_beta_inv"]) < 1e-8, "the second number is one of precision now"
    assert abs(from_curves - by_precision) < 0.03
    if name != "the same four classes":
        assert abs(by_recall - by_precision) > 0.4
    once = PrecisionRecallDistribution(num_clusters=20, beta=BETA, num_runs=1).compute(data, images).dataset_level.value
    same = np.allclose(once["precision_values"], curves["precision_values"], atol=1e-12)
    print(f"    the curve of one run is that of ten: {same}")
    assert same, "runs have seeds of their own now"
print("behaviour as described")
PY
