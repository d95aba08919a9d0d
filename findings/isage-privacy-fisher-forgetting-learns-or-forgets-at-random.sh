#!/usr/bin/env bash
# isage-privacy 0.1.0.2 (FisherForgettingUnlearner, GradientAscentUnlearner), isage-common 0.2.5.2, torch 2.13.0.
# Guess: unlearn(model, forget_data, retain_data) takes the influence of the forget data out of the model: the loss on them rises towards
#   that of a model trained without them, and verify_unlearning is near 1 for such a model ("1 = perfect unlearning").
# Truth: three kinds of models, three ways round it. Of a torch module the Fisher information is 1 and the influence is drawn from a
#   random generator: the data are not looked at. Gradient ascent on a torch module adds whatever is left in .grad, nothing after
#   zero_grad. A model with get_weights and set_weights does get gradients of the forget data, and the Fisher step goes down them, where
#   removal (arXiv:1911.03030, which it cites) goes up; verification is how far the gradient of the forget data fell.
# Matters: success=True and "samples_forgotten" for a random kick of 0.01, for an untouched model, and for one that fits the forget data
#   better the oftener it is asked to forget them; the retrained model is verified as 0, "failed". Compare with a retrained model.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 pydantic==2.14.4
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps isage-privacy==0.1.0.2 isage-common==0.2.5.2  # its isage-libs is empty by now
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import torch
from sage_libs.sage_privacy.unlearning import FisherForgettingUnlearner, GradientAscentUnlearner

print(*(f"{name} {version(name)}" for name in ("isage-privacy", "isage-common", "torch")))
rng = np.random.default_rng(0)
D = 10
truth, other = rng.normal(size=D), rng.normal(size=D)


def data(count, weights):
    x = rng.normal(size=(count, D))
    return x, x @ weights + 0.1 * rng.normal(size=count)


forget, retain = data(200, truth + other), data(800, truth)


def fit(*sets):
    return np.linalg.lstsq(*(np.concatenate(parts) for parts in zip(*sets)), rcond=None)[0]


def loss(weights, pairs):
    return float(np.mean((pairs[0] @ weights - pairs[1]) ** 2))


class Linear:
    def __init__(self, weights):
        self.weights = weights.copy()

    def get_weights(self):
        return [self.weights]

    def set_weights(self, weights):
        self.weights = weights[0]


original, retrained = fit(forget, retain), fit(retain)
unlearner, seen = FisherForgettingUnlearner(), {}
model = Linear(original)
for times in range(1, 31):
    result = unlearner.unlearn(model, forget, retain)
    assert result.success and result.samples_forgotten == 200
    seen[times] = model.weights.copy()
print("  a linear model: loss on forget and retain data, and its verification (1 is perfect)")
for name, weights in (("original", original), ("retrained without", retrained), ("unlearned once", seen[1]), ("unlearned 30 times", seen[30])):
    print(f"    {name}: {loss(weights, forget):.2f} {loss(weights, retain):.2f} {unlearner.verify_unlearning(weights, forget, original):.2f}")
assert loss(retrained, forget) > loss(original, forget) > loss(seen[1], forget) > loss(seen[30], forget), "the step leads away from the forget data now"
assert unlearner.verify_unlearning(retrained, forget, original) == 0 < unlearner.verify_unlearning(seen[30], forget, original)


def network():
    module = torch.nn.Linear(D, 1, bias=False)
    module.weight.data = torch.tensor(original[None], dtype=torch.float32)
    return module


weights = {}
for name, pairs in (("the forget data", forget), ("other data", data(200, -truth))):
    np.random.seed(0)
    module = network()
    assert FisherForgettingUnlearner().unlearn(module, pairs, retain).success
    weights[name] = module.weight.detach().numpy()[0]
    print(f"  a torch module, Fisher, asked to forget {name}: weights move by {np.linalg.norm(weights[name] - original):.3f} (expected: {np.linalg.norm(retrained - original):.3f}, to the retrained ones)")
same = np.array_equal(weights["the forget data"], weights["other data"])
print(f"  both end at the same weights: {same} (expected False)")
assert same, "the Fisher step looks at the data now"
module = network()
result = GradientAscentUnlearner().unlearn(module, forget, retain)
still = torch.equal(module.weight, network().weight)
print(f"  a torch module, gradient ascent: success {result.success}, samples forgotten {result.samples_forgotten}, weights unchanged: {still} (expected False)")
assert result.success and still, "gradient ascent computes its gradients now"
print("behaviour as described")
PY
