#!/usr/bin/env bash
# captum 0.9.0, TracInCPFast and TracInCPFastRandProj ("like TracInCP, but using only gradients in the last fully-connected
#   layer"), torch 2.13.0.
# Guess: the fast one is a trick: the same scores as TracInCP(layers=[that layer]), to rounding.
# Truth: the trick multiplies inputs of the layer with gradients of its outputs, which is the gradient of the weights. The bias
#   is a parameter of the layer too and is left out: each score lacks the product of the two gradients of the outputs.
# Matters: what is left out is as large as the score where features have length 1 (a linear probe on CLIP embeddings): two of the
#   five most influential images are others, and nearly half of the scores change sign. Append a constant 1 to the features,
#   with bias=False, or take TracInCP(layers=...).
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 tqdm==4.70.1 packaging==26.4 \
  matplotlib==3.11.2
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps captum==0.9.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from captum.influence import TracInCP, TracInCPFast
from torch import nn
from torch.utils.data import TensorDataset

print("captum", version("captum"), "torch", torch.__version__)
CLASSES, SIZE = 5, 32
rng = torch.Generator().manual_seed(0)
centres = torch.randn(CLASSES, SIZE, generator=rng)


def features(number, length):
    labels = torch.randint(0, CLASSES, (number,), generator=rng)
    x = centres[labels] + 1.5 * torch.randn(number, SIZE, generator=rng)
    return length * x / x.norm(dim=1, keepdim=True), labels


def scores(length, bias):
    (X, Y), (x, y) = features(400, length), features(40, length)
    torch.manual_seed(1)
    probe = nn.Sequential(nn.Identity(), nn.Linear(SIZE, CLASSES, bias=bias))
    optimizer = torch.optim.Adam(probe.parameters(), 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(probe(X), Y).backward()
        optimizer.step()
    rest = {"checkpoints": ["as it is"], "checkpoints_load_func": lambda model, name: 1.0, "batch_size": 100}
    loss = nn.CrossEntropyLoss(reduction="sum")
    fast = TracInCPFast(probe, probe[1], TensorDataset(X, Y), loss_fn=loss, **rest).influence((x, y))
    whole = TracInCP(probe, TensorDataset(X, Y), loss_fn=loss, sample_wise_grads_per_batch=True, layers=["1"], **rest).influence((x, y))
    with torch.no_grad():  # by hand: the gradient of the outputs is softmax minus label
        g, h = (probe(a).softmax(1) - nn.functional.one_hot(b, CLASSES) for a, b in ((x, y), (X, Y)))
        exact = (x @ X.T + (1 if bias else 0)) * (g @ h.T)
    return fast.detach(), whole.detach(), exact


def alike(a, b):
    top = sum(len(set(u.tolist()) & set(v.tolist())) for u, v in zip(a.topk(5).indices, b.topk(5).indices)) / (5 * len(a))
    return float((a - b).norm() / b.norm()), top, float((a * b < 0).double().mean())


seen = {}
for length, bias in ((1.0, True), (3.0, True), (10.0, True), (1.0, False)):
    fast, whole, exact = scores(length, bias)
    assert alike(whole, exact)[0] < 1e-4, "TracInCP of the layer is the closed form"
    seen[length, bias] = alike(fast, whole)
    print("  features of length {:.0f}, bias={}: expected error 0, seen {:.2f}; {:.0%} of the five highest agree; {:.0%} of the scores have "
          "the other sign".format(length, bias, *seen[length, bias]))
error, top, sign = seen[1.0, True]
assert error > 0.5 and top < 0.8 and sign > 0.1, "the bias is counted now"
assert seen[1.0, False][0] < 1e-4 and seen[10.0, True][0] < 0.1
print("behaviour as described")
PY
