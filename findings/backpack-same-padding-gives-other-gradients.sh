#!/usr/bin/env bash
# backpack-for-pytorch 1.7.1, BatchGrad, SumGradSquared and Variance on nn.Conv2d(padding="same"), torch 2.13.0.
# Guess: padding="same" of a kernel of 3 is padding=1: the same outputs, the same gradients of examples; or it is refused, as
#   DiagGGNExact and KFAC refuse it (a TypeError).
# Truth: the gradient of the weights is a convolution of the input with the gradient of the output, and the word "same" is handed
#   on to that one: padded by half an image instead of half a kernel, it is cut at offsets far outside the kernel.
# Matters: gradients of examples are what influence, clipping and per-image forgetting are made of. Theirs are at right angles to
#   the gradient that autograd leaves in the same backward pass, of the right shape and size. Write the number: padding=1.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 einops==0.8.2 packaging==26.4
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps backpack-for-pytorch==1.7.1 unfoldNd==0.2.3
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad, SumGradSquared
from torch import nn
from torch.func import functional_call, grad, vmap

print("backpack-for-pytorch", version("backpack-for-pytorch"), "torch", torch.__version__)
rng = torch.Generator().manual_seed(0)
X, Y = torch.randn(32, 3, 8, 8, generator=rng), torch.randn(32, 5, generator=rng)


def network(padding, kernel):
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, kernel, padding=padding), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 64, 5))


def exact(model):
    def loss(weights, x, y):
        return (functional_call(model, weights, (x[None],))[0] - y).square().sum()

    weights = {name: p.detach() for name, p in model.named_parameters()}
    return vmap(grad(loss), (None, 0, 0))(weights, X, Y)["0.weight"].flatten(1)


def theirs(model):
    model, loss = extend(model), extend(nn.MSELoss(reduction="sum"))
    with backpack(BatchGrad(), SumGradSquared()):
        loss(model(X), Y).backward()
    weight = model[0].weight
    return weight.grad_batch.flatten(1), weight.sum_grad_squared.flatten(), weight.grad.flatten()


def cosine(a, b):
    return float(nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0))


assert torch.equal(network("same", 3)(X), network(1, 3)(X)), "one network, two spellings"
seen = {}
for padding, kernel in ((1, 3), ("same", 3), (2, 5), ("same", 5)):
    examples = exact(network(padding, kernel))
    batch, squares, whole = theirs(network(padding, kernel))
    seen[padding, kernel] = cosine(batch, examples), cosine(batch.sum(0), whole), float(squares.sum() / examples.square().sum())
    print("  kernel {}, padding={!r}: expected 1, cosine of the gradients of examples {:.3f}, of their sum with autograd's gradient "
          "{:.3f}; sum of squares, in parts of the exact one, {:.2f}".format(kernel, padding, *seen[padding, kernel]))
for (padding, _), (each, together, squares) in seen.items():
    if padding == "same":
        assert abs(each) < 0.2 and abs(together) < 0.2, "padding='same' is understood now"
        assert 0.2 < squares < 1.5, "of the right size"
    else:
        assert min(each, together) > 0.999 and abs(squares - 1) < 1e-3
print("behaviour as described")
PY
