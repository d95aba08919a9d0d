#!/usr/bin/env bash
# dattri 0.3.0, IFAttributorExplicit and IFAttributorCG, torch 2.14.1.
# Guess: the Hessian is that of the training loss; the loader given to cache() only says in what portions it is summed.
# Truth: the Hessian of each batch is inverted by itself and the inverses are added. With one batch of all data the scores are the
#   influence; with B batches they are about B times as large, as long as a batch has many more images than there are parameters;
#   with fewer, each Hessian is singular and the scores are those of the small eigenvalues that rounding or damping left.
# Matters: scores of two runs with other batch sizes cannot be compared, and no network has fewer parameters than a batch has
#   images: there, damping alone decides the order. Cache one batch that holds all training data, or say damping and batch size.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile dattri==0.3.0 torch==2.14.1 numpy==2.4.6
"$dir/venv/bin/python" -W ignore - 2>"$dir/progress" <<'PY' || { cat "$dir/progress"; exit 1; }
import importlib.metadata

import torch
from dattri.algorithm.influence_function import IFAttributorExplicit
from dattri.task import AttributionTask
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

print("dattri", importlib.metadata.version("dattri"))
rng = torch.Generator().manual_seed(0)
N, D, M = 240, 12, 40  # least squares: leaving one row out has a closed form, and the Hessian is exact
spread = torch.linspace(0.3, 3, D)
truth = torch.randn(D, 1, generator=rng)


def rows(n):
    x = torch.randn(n, D, generator=rng) * spread
    return x, x @ truth + torch.randn(n, 1, generator=rng)


(X, Y), (T, U) = rows(N), rows(M)


def fitted(keep):
    return torch.linalg.lstsq(X[keep].double(), Y[keep].double()).solution


def losses(w):
    return (T.double() @ w - U).square()[:, 0]


everything = torch.ones(N, dtype=torch.bool)
left_out = torch.stack([losses(fitted(everything & (torch.arange(N) != i))) - losses(fitted(everything)) for i in range(N)])
model = nn.Linear(D, 1, bias=False)
model.weight.data = fitted(everything).T.float()


def loss(params, data):
    x, y = (v if v.dim() > 1 else v[None] for v in data)
    return nn.functional.mse_loss(torch.func.functional_call(model, params, x), y)


task = AttributionTask(loss_func=loss, model=model, checkpoints=model.state_dict())
seen = {}
for batch in (240, 60, 24, 12, 8):
    for damping in (0.0, 0.01):
        attributor = IFAttributorExplicit(task=task, regularization=damping)
        attributor.cache(DataLoader(TensorDataset(X, Y), batch_size=batch))
        every = DataLoader(TensorDataset(X, Y), batch_size=N)
        scores = attributor.attribute(every, DataLoader(TensorDataset(T, U), batch_size=M)).double()
        size = float((scores * left_out).sum() / left_out.square().sum()) / N
        alike = float(torch.corrcoef(torch.stack([scores.flatten(), left_out.flatten()]))[0, 1])
        seen[batch, damping] = size, alike
        print(f"  damping {damping}, batches of {batch:3d} in cache(): size {size:.4g} of leaving one out "
              f"(expected 0.94), correlation {alike:.2f}")
assert 0.9 < seen[240, 0.0][0] < 1 and seen[240, 0.0][1] > 0.99, "one batch of all data is the influence"
assert 4 < seen[60, 0.0][0] / seen[240, 0.0][0] < 6, "4 batches: 4 times and somewhat more"
assert seen[12, 0.0][1] < 0.6 and abs(seen[8, 0.0][0]) > 1e6
assert seen[8, 0.01][0] > 1000
print("behaviour as described")
PY
