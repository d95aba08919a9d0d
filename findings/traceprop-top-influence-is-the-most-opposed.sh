#!/usr/bin/env bash
# traceprop 0.7.0, AttributionEngine.attribute.
# Guess: the "most influential" training record for a prediction is the one that taught it; query the gradient of
#   training record 7 itself and record 7 comes first. most_harmful=True gives those that raised the loss.
# Truth: the scores are +g_test.g_train (large means helpful), but the ranking takes the smallest. The default list holds
#   the records that hurt the prediction most, and most_harmful=True returns the helpful ones. "dot" and "trak" alike.
# Matters: whoever unlearns the top of this list removes the data that spoke against the output.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps traceprop==0.7.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from traceprop.attribution.attribution_engine import AttributionEngine
from traceprop.attribution.gradient_store import GradientStore

rng = np.random.default_rng(0)
x, theta = rng.normal(size=(40, 6)), np.zeros(6)
y = x @ rng.normal(size=6) + 0.3 * rng.normal(size=40)
grads = (x @ theta - y)[:, None] * x  # gradient of each record's squared error
store = GradientStore(proj_dim=256)
for i, grad in enumerate(grads):
    store.log_gradient(grad, sample_index=i)
loss = lambda t: 0.5 * (x[7] @ t - y[7]) ** 2
change = np.array([loss(theta - 0.01 * g) - loss(theta) for g in grads])  # what a step on each record does to record 7

print("traceprop", version("traceprop"), "- influence on training record 7 itself")
print(f"  a real step on record 7 changes its loss by {change[7]:+.3f}")
for estimator in ("dot", "trak"):
    engine = AttributionEngine(store, estimator=estimator)
    top = engine.attribute(grads[7], top_k=1).top(1)[0]["sample_index"]
    harmful = [e["sample_index"] for e in engine.attribute(grads[7], top_k=3, most_harmful=True).top(3)]
    print(f"  {estimator}: expected first 7, seen first {top} (a step on it changes the loss by {change[top]:+.3f});"
          f" expected harmful without 7, seen {harmful}")
    assert top != 7 and 7 in harmful
dot = AttributionEngine(store).attribute(grads[7], top_k=1).top(1)[0]["sample_index"]
assert dot == int(change.argmax()), "the first of the list is not the most harmful any more"
print("behaviour as described")
PY
