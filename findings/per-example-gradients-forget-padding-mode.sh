#!/usr/bin/env bash
# opacus 1.6.0, backpack-for-pytorch 1.7.1 and nngeometry 0.4 on a convolution with padding_mode, torch 2.13.0.
# Guess: the gradients of single examples add up to the gradient that autograd leaves; a layer that a library cannot take is
#   refused (opacus has a validator of modules for that, and it finds nothing here).
# Truth: all three unfold the input of the layer again by themselves, with zeros around it. padding_mode "reflect", "replicate"
#   or "circular" is used forwards and forgotten backwards, without a word; so in BackPACK's diagonal and nngeometry's Fisher.
# Matters: generators for textures, panoramas and image-to-image pad by reflection or in a circle. Gradients of examples, their
#   clipping, curvature and influence of each such layer are of another network; with opacus, training itself follows them.
#   Pad by a layer of its own (nn.ReflectionPad2d, nn.CircularPad2d) and let the convolution pad nothing.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 opacus==1.6.0 einops==0.8.2 packaging==26.4
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps backpack-for-pytorch==1.7.1 unfoldNd==0.2.3 nngeometry==0.4
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad, DiagGGNExact
from nngeometry.metrics import FIM
from nngeometry.object import PMatDense
from opacus.grad_sample import GradSampleModule
from opacus.validators import ModuleValidator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

print(*(f"{name} {version(name)}," for name in ("opacus", "backpack-for-pytorch", "nngeometry")), "torch", torch.__version__)
N, SIDE, WEIGHTS = 16, 8, 4 * 3 * 3 * 3  # the weights of the convolution are the first parameters
rng = torch.Generator().manual_seed(0)
X, Y = torch.randn(N, 3, SIDE, SIDE, generator=rng), torch.randn(N, 5, generator=rng)


def network(*first):
    torch.manual_seed(1)
    return nn.Sequential(*first, nn.Tanh(), nn.Flatten(), nn.Linear(4 * SIDE**2, 5))


def conv(**padding):
    torch.manual_seed(2)
    return nn.Conv2d(3, 4, 3, **padding)


def flat(tensors, start=0):
    return torch.cat([t.flatten(start) for t in tensors], dim=-1)


def jacobians(model):  # (N, outputs, parameters), by autograd, one output at a time
    ways = list(model.parameters())
    return torch.stack([torch.stack([flat(torch.autograd.grad(out, ways, retain_graph=True)) for out in row]) for row in model(X)])


def by_opacus(model):
    assert not ModuleValidator.validate(model, strict=False), "opacus refuses the network now"
    sampled = GradSampleModule(model, loss_reduction="sum")
    (sampled(X) - Y).square().sum().backward()
    return flat([p.grad_sample for p in model.parameters()], 1)


def by_backpack(model):
    model, loss = extend(model), extend(nn.MSELoss(reduction="sum"))
    with backpack(BatchGrad(), DiagGGNExact()):
        loss(model(X), Y).backward()
    return flat([p.grad_batch for p in model.parameters()], 1), flat([p.diag_ggn_exact for p in model.parameters()])


def by_nngeometry(model):
    data = DataLoader(TensorDataset(X, Y), batch_size=N)
    return FIM(model, data, PMatDense, variant="regression", function=lambda *batch: model(batch[0])).to_torch()


def off(found, exact):  # of the convolution's weights
    found, exact = (v[..., :WEIGHTS] if v.shape[0] == N or v.dim() == 1 else v[:WEIGHTS, :WEIGHTS] for v in (found, exact))
    return float((found - exact).norm() / exact.norm())


made = {
    "zeros": lambda: network(conv(padding=1)),
    "reflect": lambda: network(conv(padding=1, padding_mode="reflect")),
    "replicate": lambda: network(conv(padding=1, padding_mode="replicate")),
    "circular": lambda: network(conv(padding=1, padding_mode="circular")),
    "circular by a layer of its own": lambda: network(nn.CircularPad2d(1), conv()),
}
seen = {}
for name, make in made.items():
    J = jacobians(make())
    gradients = torch.einsum("nk,nkp->np", 2 * (make()(X) - Y), J)
    examples, diagonal = by_backpack(make())
    seen[name] = (off(by_opacus(make()), gradients), off(examples, gradients), off(diagonal, 2 * J.square().sum((0, 1))),
                  off(by_nngeometry(make()), torch.einsum("nkp,nkq->pq", J, J) / N))
    print("  {}: expected 0, relative error of opacus' gradients {:.1g}, BackPACK's {:.1g} and its diagonal {:.1g}, "
          "nngeometry's Fisher {:.1g}".format(name, *seen[name]))
for name, errors in seen.items():
    wrong = name in ("reflect", "replicate", "circular")
    assert all(error > 0.1 if wrong else error < 1e-5 for error in errors), name
print("behaviour as described")
PY
