#!/usr/bin/env bash
# traceprop 0.7.0 (gradient attribution and "provenance-guided unlearning"), gradient_correction_unlearn.
# Guess: "applies gradient ascent on the model parameters", then verifies that the influence has dropped.
# Truth: the model that is passed in is never read. The steps change a temporary copy of the logged gradients; on that
#   copy the influence falls, `verified` becomes True and a compliance report is written. Model and store are
#   bit for bit what they were; a bare object() in the model's place gives the same certificate.
# Matters: a certificate of unlearning for a model that still holds everything.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps traceprop==0.7.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np, torch
from traceprop.attribution.gradient_store import GradientStore
from traceprop.unlearning.gradient_correction import gradient_correction_unlearn

torch.manual_seed(0)
x, w = torch.randn(60, 8), torch.randn(8, 1)
x[:10] = x[0] + 0.01 * torch.randn(10, 8)  # ten near copies of one record: the data to forget
y = x @ w + torch.cat([torch.full((10, 1), 3.0), 0.1 * torch.randn(50, 1)])
model = torch.nn.Linear(8, 1, bias=False)
sgd = torch.optim.SGD(model.parameters(), 0.05)
for _ in range(200):
    sgd.zero_grad()
    ((model(x) - y) ** 2).mean().backward()
    sgd.step()
store = GradientStore(proj_dim=64)
for i in range(60):
    grad = torch.autograd.grad(((model(x[i]) - y[i]) ** 2).sum(), list(model.parameters()))[0]
    store.log_gradient(grad.numpy(), sample_index=i, source_id="forget" if i < 10 else "retain")

weights, logged = model.weight.detach().clone(), store.get_projected_matrix().copy()
loss_before = float(((model(x[:10]) - y[:10]) ** 2).mean())
result = gradient_correction_unlearn(model, store, "forget", n_steps=100, lr=0.05)
loss_after = float(((model(x[:10]) - y[:10]) ** 2).mean())
print("traceprop", version("traceprop"))
print(f"report: influence {result.influence_before:.3f} -> {result.influence_after:.3f}, verified {result.verified}")
print(f"expected: changed weights and a higher loss on the forgotten records (before: {loss_before:.6f})")
print(f"seen: largest change of a weight {float((model.weight - weights).abs().max())}, loss after {loss_after:.6f}")
assert result.verified and result.influence_before > 0.1
assert torch.equal(model.weight, weights) and np.array_equal(store.get_projected_matrix(), logged)
assert gradient_correction_unlearn(object(), store, "forget", n_steps=100, lr=0.05).verified
print("behaviour as described")
PY
