#!/usr/bin/env bash
# pymdma 0.3.0 (image GIQA), torch 2.14.1.
# Guess: the quality score is the mean log likelihood of generated images under a mixture of Gaussians that was fitted to real ones: of
#   two models that are judged by the same real images, the one with the likelier images has the better score.
# Truth: the likelihoods of a set are stretched to [0, 1] by the least and the greatest of that very set before the mean is taken. What is
#   left is the shape of their distribution: 0 is the worst image of this model, 1 its best, wherever they lie.
# Matters: noise of three times the deviation is better (0.73) than fresh real images (0.68), images twenty deviations away have 0.5, and
#   one broken image among 2,000 lifts the score of the other 1,999 to 0.999. No two models, runs or checkpoints can be compared by it.
#   Fit sklearn's GaussianMixture and report the mean of score_samples.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 scipy==1.17.1 \
  scikit-learn==1.9.1 pot==0.9.6.post1 loguru==0.7.3 pydantic==2.14.4 python-dotenv==1.2.4 matplotlib==3.11.2
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps piq==0.8.0 pymdma==0.3.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from pymdma.image.measures.synthesis_val import GIQA
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

print(*(f"{name} {version(name)}" for name in ("pymdma", "torch")))
rng = np.random.default_rng(0)
N, D = 2000, 16


def noise():
    return rng.normal(size=(N, D))


real, fresh = noise(), noise()
models = {"fresh real images": fresh, "the same, one of them broken": np.r_[fresh[:-1], np.full((1, D), 30.0)], "noise of 3 times the deviation": 3 * noise(),
          "moved by 5 deviations": 5 + noise(), "moved by 20 deviations": 20 + noise()}
mixture = GaussianMixture(7, random_state=0).fit(real)  # the defaults of GIQA
truth = multivariate_normal(np.zeros(D))
likely, seen = {}, {}
for name, images in models.items():
    likely[name] = mixture.score_samples(images).mean()
    seen[name] = GIQA().compute(real, images).dataset_level.value
    print(f"  {name}: mean log likelihood {likely[name]:.0f} by the mixture, {truth.logpdf(images).mean():.0f} in truth; seen {seen[name]:.3f}")
best = "fresh real images"
assert all(likely[name] < likely[best] - 4 for name in models if name != best)
assert seen["noise of 3 times the deviation"] > seen[best] + 0.02, "likelihoods are no longer stretched by their own set"
assert seen["the same, one of them broken"] > 0.99 > seen[best] + 0.2
assert seen["moved by 20 deviations"] > 0.4
print("behaviour as described")
PY
