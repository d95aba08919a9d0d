#!/usr/bin/env bash
# torch 2.14.1, torch.autograd.grad with a tensor in grad_outputs.
# Guess: the vector of a vector-Jacobian product is only multiplied in; it costs what the backward pass costs.
# Truth: the first such call of a process checks the vector's shape by torch.fx.experimental.symbolic_shapes, whose import
#   brings sympy and mpmath: several hundred modules. The gradient of (y * v).sum() has the same bits and imports nothing.
# Matters: curvature code makes such products everywhere; a short run pays half a second of CPU and more once in every process, so a
#   sweep pays it once a cell, and a worker that must stay small carries sympy.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 numpy==2.4.6
"$dir/venv/bin/python" -W ignore - <<'PY'
import sys
from time import process_time

import torch

x = torch.linspace(0.1, 1.0, 5, requires_grad=True)
v = torch.linspace(-1.0, 2.0, 5)
print("torch", torch.__version__)

(summed,) = torch.autograd.grad(((x.exp() * x.sin()) * v).sum(), x)
before = {name.partition(".")[0] for name in sys.modules}, len(sys.modules), process_time()
(product,) = torch.autograd.grad(x.exp() * x.sin(), x, grad_outputs=v)
after = {name.partition(".")[0] for name in sys.modules}, len(sys.modules), process_time()

print(f"  expected: the same gradient, no import; seen: same bits {torch.equal(summed, product)}, "
      f"{after[1] - before[1]} modules more, {after[2] - before[2]:.2f} s of CPU, new at the top: {sorted(after[0] - before[0])}")
start = process_time()
torch.autograd.grad(x.exp() * x.sin(), x, grad_outputs=v)
print(f"  the second call: {process_time() - start:.4f} s of CPU")
assert torch.equal(summed, product)
assert "sympy" not in before[0] and "sympy" in after[0] and after[1] - before[1] > 200
print("behaviour as described")
PY
