#!/usr/bin/env bash
# otloss 0.1.0 (sinkhorn with its defaults; otloss, WassersteinLoss), torch 2.13.0.
# Guess: `f, g, cost = sinkhorn(a, b, C, debias=True)`, the call of its README, gives the transport cost between two clouds, and
#   `otloss(x, y)` their squared Wasserstein distance over the number of columns, with a blur annealed from coarse to fine.
# Truth: `sinkhorn` takes for the cost of a cloud to itself the cost matrix of x to y: with equal weights the three terms are one number,
#   and the cost is 0 for any clouds. `otloss` starts every blur from zero again, so the annealing changes nothing, and 100 iterations at
#   the last one do not arrive.
# Matters: clouds 1 and 10 apart cost 0 (1, 100), and a cloud and its copy 1 further, written in another order, have a loss of 0.52 (1).
#   Call sinkhorn with debias=False, otloss with max_iter=5000, or compare with scipy's linear_sum_assignment.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps otloss==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from otloss import cost_matrix, otloss, sinkhorn
from scipy.optimize import linear_sum_assignment

print(*(f"{name} {version(name)}" for name in ("otloss", "torch", "scipy")))
torch.set_num_threads(1)
torch.manual_seed(0)
N, D = 100, 2
weights = torch.full((N,), 1 / N)
for shift in (1.0, 10.0):
    x = torch.randn(N, D)
    y = x[torch.randperm(N)] + shift
    cost = cost_matrix(x, y)
    rows, columns = linear_sum_assignment(cost.numpy())
    exact = float(cost[rows, columns].mean())
    assert abs(exact / shift**2 - 1) < 1e-4  # a cloud that is moved as a whole: every column by `shift`
    by_default = float(sinkhorn(weights, weights, cost)[2])
    plain = float(sinkhorn(weights, weights, cost, max_iter=5_000, debias=False)[2])
    loss, long = float(otloss(x, y)), float(otloss(x, y, max_iter=5_000))
    print(f"  {N} points and the same {shift:g} further in each of {D} columns: expected a cost of {exact:.3f}; sinkhorn seen {by_default:.3f}, without debias "
          f"{plain:.3f}; otloss seen {loss:.3f}, with 5,000 iterations {long:.3f}")
    assert by_default == 0, "a cloud is compared with itself now"
    assert abs(long / exact - 1) < 0.01 and abs(plain / exact - 1) < 0.05
    others = [float(otloss(x, y, scaling=scaling)) for scaling in (0.25, 0.9)]
    print(f"    otloss with scaling 0.25, 0.5 and 0.9: an annealed start would tell them apart, seen {others[0]:.4f}, {loss:.4f}, {others[1]:.4f}")
    assert others[0] == others[1] == loss, "blurs hand on their potentials now"
    if shift == 1:
        assert loss < 0.75
other = torch.randn(N, D) ** 3
print(f"  two clouds of different shape: expected {float(otloss(x, other, max_iter=5_000)):.3f}, sinkhorn seen {float(sinkhorn(weights, weights, cost_matrix(x, other))[2]):.3f}")
assert float(sinkhorn(weights, weights, cost_matrix(x, other))[2]) == 0 and float(otloss(x, other, max_iter=5_000)) > 0.1
print("behaviour as described")
PY
