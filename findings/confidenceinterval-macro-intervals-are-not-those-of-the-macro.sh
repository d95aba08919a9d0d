#!/usr/bin/env bash
# confidenceinterval 1.0.5 (precision_score, recall_score, f1_score with average="macro"), infer-ci 0.2.1 (the same functions), scikit-learn 1.9.1.
# Guess: "the only package with analytical computation of the CI for Macro/Micro/Binary averaging F1, Precision and Recall": an interval of
#   95 % for a mean over classes holds the true mean in 95 of 100 test sets, and of a judge that is always right it has a width of 0.
# Truth: the derivative of hits / total lacks 1 / total, and in diag(p) - p p' the product of two vectors became one row of squares: precision
#   and recall lose most of the variance that hits bring. In macro F1 a product of two brackets is written as a sum, of counts and not of shares.
# Matters: macro recall of ten classes at 0.2 is a third as wide as it should be and holds the truth in 2 of 5 sets; F1 of two classes is 2.5
#   times too wide, and that of a perfect judge goes from 0.98 to 1.02. Say method="bootstrap_percentile"; micro averages are right.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 scikit-learn==1.9.1 statsmodels==0.14.6 \
  matplotlib==3.11.2 tqdm==4.70.1 pyyaml==6.0.3
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps confidenceinterval==1.0.5 infer-ci==0.2.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import confidenceinterval
import infer_ci
import numpy as np

print(*(f"{name} {version(name)}" for name in ("confidenceinterval", "infer-ci", "scikit-learn")))
NAMES = "precision", "recall", "F1"
MEANS = (lambda p: np.mean(np.diag(p) / p.sum(0)), lambda p: np.mean(np.diag(p) / p.sum(1)), lambda p: np.mean(2 * np.diag(p) / (p.sum(0) + p.sum(1))))
SETS = 200


def width(p, n, mean):
    """The width of the interval by the delta method, its gradient taken by differences."""
    gradient = np.zeros_like(p)
    for cell in np.ndindex(p.shape):
        more, less = p.copy(), p.copy()
        more[cell] += 1e-6
        less[cell] -= 1e-6
        gradient[cell] = (mean(more) - mean(less)) / 2e-6
    return 2 * 1.96 * np.sqrt(((p * gradient**2).sum() - (p * gradient).sum() ** 2) / n)


def labels(counts):
    true, said = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), len(counts))
    return true, said


def intervals(package, true, said):
    return [f(true, said, average="macro")[1] for f in (package.precision_score, package.recall_score, package.f1_score)]


rng = np.random.default_rng(0)
for classes, right, n in ((10, 0.2, 1_000), (10, 0.5, 1_000), (2, 0.9, 500)):
    p = np.full((classes, classes), (1 - right) / (classes - 1) / classes)
    np.fill_diagonal(p, right / classes)
    found = []
    for _ in range(SETS):
        true, said = labels(rng.multinomial(n, p.ravel()).reshape(classes, classes))
        found.append(intervals(confidenceinterval, true, said))
    assert np.allclose(found[-1], intervals(infer_ci, true, said)), "infer-ci has formulas of its own now"
    found = np.array(found)
    print(f"  {classes} classes, each told rightly with {right:g}, {SETS} test sets of {n}:")
    for k, (name, mean) in enumerate(zip(NAMES, MEANS, strict=True)):
        low, high = found[:, k].T
        holds, ratio = np.mean((low <= mean(p)) & (mean(p) <= high)), np.mean(high - low) / width(p, n, mean)
        print(f"    macro {name}: expected to hold the true {mean(p):.2f} in 0.95 of them with a width of {width(p, n, mean):.3f}; seen {holds:.2f}, {np.mean(high - low):.3f}")
        if name != "F1" and right == 0.2:
            assert holds < 0.6 and ratio < 0.4, "the intervals of macro precision and recall are as wide as they should be now"
        if name == "F1" and classes == 2:
            assert holds > 0.99 and ratio > 2, "the interval of macro F1 is as wide as it should be now"
    boot = confidenceinterval.recall_score(true, said, average="macro", method="bootstrap_percentile", n_resamples=500, random_state=np.random.RandomState(0))[1]
    print(f"    its bootstrap of macro recall, the last of these sets: a width of {boot[1] - boot[0]:.3f}")
    assert abs((boot[1] - boot[0]) / width(p, n, MEANS[1]) - 1) < 0.2
true = np.repeat(np.arange(10), 100)
low, high = confidenceinterval.f1_score(true, true, average="macro")[1]
print(f"  1,000 images of ten classes, all told rightly: expected an interval of macro F1 from 1 to 1, seen {low:.3f} to {high:.3f}")
assert low < 0.985 and high > 1.015, "a perfect judge has an interval without width now"
print("behaviour as described")
PY
