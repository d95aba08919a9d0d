#!/usr/bin/env bash
# statkit 1.1.0 (one_vs_rest_permutation_test, "test superiority of first classifier over the rest"), numpy 2.4.6, scikit-learn 1.9.1.
# Guess: its null hypothesis is, as its page says, that the first model is no better than the best of the rest; where that is so, p < 0.05 in at
#   most 5 of 100 cases, whatever the rest are, and more rivals can only make the test harder to pass.
# Truth: predictions are exchanged among all models, image by image. That is the null hypothesis that all of them are exchangeable, which two
#   seeds of one method and another method never are. Where nine rivals say the same, the odd prediction lands at the first model in one of
#   ten exchanges only, so exchanged scores differ far less than those of two methods of equal skill do.
# Matters: two equally good judges; beside nine copies or late checkpoints of the second the first one is "superior" at 5 % in four or three
#   of ten cases. Test the first model against each rival (paired_permutation_test, alternative="greater") and take the greatest p.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 scikit-learn==1.9.1 statkit==1.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from statkit.non_parametric import one_vs_rest_permutation_test, paired_permutation_test

print(*(f"{name} {version(name)}" for name in ("statkit", "numpy", "scikit-learn")))
IMAGES, TRIALS, RIVALS = 400, 200, 9
rng = np.random.default_rng(0)


def accuracy(truth, told):
    return float((truth == told).mean())


def judge(truth, skill, share=1.0, like=None):
    """Predictions that are right with probability skill; of another judge's, a share told anew."""
    told = np.where(rng.random(IMAGES) < skill, truth, 1 - truth)
    return told if like is None else np.where(rng.random(IMAGES) < share, told, like)


def rest_of(kind, truth):
    if kind == "independent":
        return [judge(truth, 0.8) for _ in range(RIVALS)]
    one = judge(truth, 0.8)
    return [one] if kind == "one" else [judge(truth, 0.8, 0.02 if kind == "checkpoints" else 0.0, one) for _ in range(RIVALS)]


seen = {}
for kind, name in (("one", "one rival"), ("independent", "nine rivals that have nothing in common"),
                   ("checkpoints", "nine checkpoints of one rival, 2 % of images told anew"), ("copies", "nine copies of one rival")):
    p, each = [], []
    for trial in range(TRIALS):
        truth = rng.integers(0, 2, IMAGES)
        first, rest = judge(truth, 0.8), rest_of(kind, truth)
        p.append(one_vs_rest_permutation_test(truth, first, *rest, metric=accuracy, n_iterations=200, random_state=trial))
        if kind == "copies":
            each.append(paired_permutation_test(truth, first, rest[0], accuracy, "greater", 200, trial))
    seen[kind] = np.mean(np.array(p) < 0.05)
    print(f"  all are right in 80 %, {name}: expected at most 0.05 superior at 5 %, seen {seen[kind]:.3f}")
print(f"    (the pairwise test against a copy: {np.mean(np.array(each) < 0.05):.3f})")
assert seen["one"] < 0.09 and seen["independent"] < 0.09
assert seen["copies"] > 0.3 and seen["checkpoints"] > 0.2, "copies of a rival do not help any more"

print("behaviour as described")
PY
