#!/usr/bin/env bash
# torchflows 1.2.1 (Sigmoid and DenseSigmoid transformers: the architectures *DeepSF, *DenseSF and *DeepDenseSF), torch 2.13.0.
# Guess: the transformer z = logit(w . sigmoid(a x + b)) returns with z the logarithm of dz/dx, and a flow made of it has a density whose
#   integral is 1; fitted to data it samples like them.
# Truth: dz/dx is a sum over the hidden units, over d (1 - d). The code sums logarithms, so it takes their product, and it takes d / (1 - d).
#   With zero parameters z = x, and the log determinant is -11 at 0 (0) with four units; of the dense kind it is -1,890.
# Matters: CouplingDeepSF fitted to a standard normal distribution of two columns has a density whose integral is below 1e-6, and a held-out
#   log likelihood of some -27 nats (-2.84): neither compares with another model, or tells outliers. Take a spline (RQNSF) or an affine flow.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps torchflows==1.2.1
"$dir/venv/bin/python" -W ignore - <<'PY'
import math
from importlib.metadata import version

import torch
from torchflows.bijections.finite.autoregressive.architectures import CouplingDeepSF, CouplingRQNSF
from torchflows.bijections.finite.autoregressive.transformers.combination.sigmoid import DenseSigmoid, Sigmoid
from torchflows.flows import Flow

print(*(f"{name} {version(name)}" for name in ("torchflows", "torch")))
torch.set_num_threads(1)
AT = torch.tensor([[-2.0], [0.0], [1.5]], dtype=torch.float64)

for kind in (Sigmoid, DenseSigmoid):
    transformer = kind((1,))
    zeros = torch.zeros(3, 1, transformer.parameter_shape_per_element[0], dtype=torch.float64)
    z, seen = transformer.forward(AT, zeros)
    slopes = torch.autograd.functional.jacobian(lambda x: transformer.forward(x, zeros)[0].sum(0), AT).reshape(-1)
    print(f"  {kind.__name__} with parameters 0 at {AT.flatten().tolist()}: z {[round(v, 3) for v in z.flatten().tolist()]}; expected log dz/dx "
          f"{[round(v, 3) for v in slopes.log().tolist()]}, seen {[round(v, 1) for v in seen.tolist()]}")
    assert torch.allclose(slopes.log(), torch.zeros(3, dtype=torch.float64), atol=0.01)
    assert (seen < -5).all(), "the log determinant is that of the transformer now"

wrong, logistic = Sigmoid.forward_1d, torch.nn.functional.logsigmoid


def right(self, x, h, eps=1e-6):
    """The same transformation, with the derivative of its formula."""
    a, b, w, log_w = self.extract_parameters(h)
    c = a * x[:, None] + b
    d = (w * torch.sigmoid(c)).sum(-1).clip(eps, 1 - eps)
    inner = torch.logsumexp(log_w + a.log() + logistic(c) + logistic(-c), -1)
    return torch.log(d) - torch.log1p(-d), inner - torch.log(d) - torch.log1p(-d)


line = torch.linspace(-8, 8, 161)
grid = torch.cartesian_prod(line, line)
found = {}
for name, architecture, forward in (("CouplingRQNSF", CouplingRQNSF, wrong), ("CouplingDeepSF", CouplingDeepSF, wrong), ("CouplingDeepSF by its formula", CouplingDeepSF, right)):
    Sigmoid.forward_1d = forward
    torch.manual_seed(0)
    flow = Flow(architecture((2,)))
    flow.fit(torch.randn(2_000, 2), n_epochs=40, show_progress=False)
    with torch.no_grad():
        integral = float(flow.log_prob(grid).double().exp().sum()) * float(line[1] - line[0]) ** 2
        likelihood = float(flow.log_prob(torch.randn(2_000, 2)).mean())
    found[name] = integral, likelihood
    print(f"  {name} fitted to a standard normal distribution of two columns: expected an integral of 1.00, held-out {-math.log(2 * math.pi * math.e):.2f} nats; "
          f"seen {integral:.2g}, {likelihood:.2f} nats")
for name in ("CouplingRQNSF", "CouplingDeepSF by its formula"):
    integral, likelihood = found[name]
    assert abs(integral - 1) < 0.02 and abs(likelihood + 2.84) < 0.2, name
integral, likelihood = found["CouplingDeepSF"]
assert integral < 1e-6 and likelihood < -10, "fitted flows have a density now"
print("behaviour as described")
PY
