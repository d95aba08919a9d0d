#!/usr/bin/env bash
# modelgeometry 0.1.1 (kfac_factors, diagonal_fisher, curvature_prediction_check), torch 2.13.0.
# Guess: the factors are means over samples, E[a a'] and E[g g'] (its docstring, Martens and Grosse 2015): of the same n_samples they
#   are the same whatever the batch size of the loader, as diagonal_fisher is, which warns of this very trap.
# Truth: g is the gradient of the loss of the batch, a mean: each row is 1 / B of a sample's own gradient, and G is divided by B^2. "No
#   per-sample looping is needed" holds once the rows are multiplied by B, which nothing does.
# Matters: with batches of 64 the block prediction of a change of the loss is 4,096 times smaller than with batches of one, while the
#   diagonal one stays; importance, pruning or influence by K-FAC weigh nothing beside any other term. Use a loader of batch size 1, or
#   multiply G by B^2.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps modelgeometry==0.1.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from modelgeometry import diagonal_fisher, kfac_factors
from modelgeometry.curvature import curvature_prediction_check
from torch import nn
from torch.nn.functional import cross_entropy, softmax
from torch.utils.data import DataLoader, TensorDataset

print("modelgeometry", version("modelgeometry"), "torch", torch.__version__)
torch.set_num_threads(1)
torch.manual_seed(0)
N, TOKENS, WIDTH, CLASSES = 512, 4, 8, 5


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return softmax(q @ k.transpose(-1, -2) / WIDTH**0.5, dim=-1) @ v


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = Attention()

    def forward(self, x):
        return x + self.attn(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks, self.head = nn.ModuleList([Block()]), nn.Linear(WIDTH, CLASSES)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


model = Model().eval()
images, labels = torch.randn(N, TOKENS, WIDTH), torch.randint(CLASSES, (N,))
NAME = "blocks.0.attn.qkv.weight"
push = {NAME: 0.01 * torch.randn(3 * WIDTH, WIDTH)}
seen = {}
for batch in (1, 8, 64):
    loader = DataLoader(TensorDataset(images, labels), batch)
    fisher = diagonal_fisher(model, loader, N, cross_entropy)
    factors = kfac_factors(model, loader, N, cross_entropy)
    check = curvature_prediction_check(model, cross_entropy, (images, labels), push, fisher, factors)
    seen[batch] = check["predicted_change_diagonal"], check["predicted_change_block"], float(factors[NAME]["G"].trace())
    print(f"  batches of {batch} of the same {N} images: change predicted by the diagonal {seen[batch][0]:.3g}, by K-FAC {seen[batch][1]:.3g} "
          f"(expected {seen[1][1]:.3g}); trace of G {seen[batch][2]:.3g} (expected {seen[1][2]:.3g})")
for batch in (8, 64):
    assert abs(seen[batch][0] / seen[1][0] - 1) < 1e-3
    assert abs(seen[batch][1] * batch**2 / seen[1][1] - 1) < 0.01, "the gradients are those of single images now"
print("behaviour as described")
PY
