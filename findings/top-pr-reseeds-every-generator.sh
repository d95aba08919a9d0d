#!/usr/bin/env bash
# top-pr 0.2.1 (TopP&R, support estimation for generative models), compute_top_pr.
# Guess: a metric reads two feature sets and leaves the caller's random generators alone, or at most advances them.
# Truth: with features wider than 32 it sets Python and numpy to 42 and torch to 99, globally,
#   and leaves them there. Whatever seed a run began with, all that is drawn after an evaluation is the same.
# Matters: evaluate in a training loop and each epoch repeats the same noise and the same shuffles; ten "seeds" become one.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 gudhi==3.13.0 tqdm==4.70.1 matplotlib==3.11.2
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps top-pr==0.2.1
"$dir/venv/bin/python" -W ignore - <<'PY'
import contextlib, io, random
from importlib.metadata import version
import numpy as np, torch
from top_pr import compute_top_pr


def drawn_after_evaluation(seed, width):
    random.seed(seed), np.random.seed(seed), torch.manual_seed(seed)
    features = np.random.default_rng(0).normal(size=(2, 400, width))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        compute_top_pr(real_features=features[0], fake_features=features[1])
    return round(random.random(), 6), round(float(np.random.rand()), 6), round(float(torch.randn(1)), 6)


print("top-pr", version("top-pr"))
narrow = [drawn_after_evaluation(seed, 16) for seed in (1, 2, 3)]
wide = [drawn_after_evaluation(seed, 64) for seed in (1, 2, 3)]
print("next draws (Python, numpy, torch) after an evaluation, seeds 1, 2 and 3")
print("  expected: three different triples, as with 16 features:", *narrow)
print("  seen with 64 features:", *wide)
random.seed(42)
torch.manual_seed(99)
assert len(set(narrow)) == 3 and len(set(wide)) == 1
assert wide[0][0] == round(random.random(), 6), "Python's generator is no longer set to 42"
print("behaviour as described")
PY
