#!/usr/bin/env bash
# kronfluence 1.0.1, strategy="kfac", on convolutions and on nn.Linear over tokens, torch 2.13.0.
# Guess: K-FAC is exact for one linear layer under the squared error: influence by "kfac" is that of the exact Hessian.
# Truth: both factors are means over images and positions, so their product is the Hessian of one position; an image has all of
#   them. A layer with T positions gets a Hessian T times too small and influence T times too large. "ekfac" measures the
#   eigenvalues on whole images again and is right.
# Matters: in a network of several layers the scores are a sum in which a 16 x 16 convolution counts 256 times as much as it
#   should beside a linear layer on one vector; a damping that is given as a number is T times as strong as the one that was
#   meant. Take "ekfac", the default, or divide the scores of each module by its positions.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 einops==0.8.2 accelerate==1.15.0 \
  opt_einsum==3.4.0 safetensors==0.8.0 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps kronfluence==1.0.1 einconv==0.1.0
"$dir/venv/bin/python" -W ignore - 2>"$dir/progress" <<'PY' || { cat "$dir/progress"; exit 1; }
import copy
from importlib.metadata import version

import torch
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task
from torch import nn
from torch.func import functional_call, grad, hessian, vmap
from torch.utils.data import TensorDataset

print("kronfluence", version("kronfluence"), "torch", torch.__version__)
N, M = 1024, 8  # training images, queries
rng = torch.Generator().manual_seed(0)


class Regression(Task):
    def compute_train_loss(self, batch, model, sample=False):
        x, y = batch
        out = model(x)
        if sample:  # a label drawn from the model itself: exp(-loss) is a normal distribution of variance 1/2
            y = out.detach() + torch.randn_like(out) * 0.5**0.5
        return (out - y).square().sum()

    def compute_measurement(self, batch, model):
        return self.compute_train_loss(batch, model)


def exact(layer, train, query):
    def loss(weight, x, y):
        return (functional_call(layer, {"weight": weight}, (x[None],))[0] - y).square().sum()

    weight, size = layer.weight.detach(), layer.weight.numel()
    a, b = (vmap(grad(loss), (None, 0, 0))(weight, *data.tensors).flatten(1) for data in (query, train))
    H = hessian(lambda w: vmap(loss, (None, 0, 0))(w, *train.tensors).mean())(weight).reshape(size, size)
    return a @ torch.linalg.solve(H, b.T)


def scores(layer, train, query, strategy, folder):
    torch.manual_seed(0)
    model = prepare_model(nn.Sequential(copy.deepcopy(layer)), Regression())
    analyzer = Analyzer("a", model, Regression(), output_dir=folder, cpu=True, disable_tqdm=True, disable_model_save=True)
    analyzer.fit_all_factors("f", train, per_device_batch_size=N, factor_args=FactorArguments(strategy=strategy))
    analyzer.compute_pairwise_scores("s", "f", query, train, per_device_query_batch_size=M, per_device_train_batch_size=N,
                                     score_args=ScoreArguments(damping_factor=1e-8))
    return analyzer.load_pairwise_scores("s")["all_modules"]


def normal(*shape):
    return torch.randn(*shape, generator=rng)


conv, linear = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.Linear(6, 3, bias=False)
worlds = {"convolution on 1 x 1": (nn.Conv2d(2, 2, 1, bias=False), (2, 1, 1), (2, 1, 1)),
          "convolution on 4 x 4": (conv, (2, 4, 4), (2, 4, 4)), "convolution on 16 x 16": (conv, (2, 16, 16), (2, 16, 16)),
          "linear layer on 1 vector": (linear, (6,), (3,)), "linear layer on 20 tokens": (linear, (20, 6), (20, 3))}
positions = {"convolution on 1 x 1": 1, "convolution on 4 x 4": 16, "convolution on 16 x 16": 256,
             "linear layer on 1 vector": 1, "linear layer on 20 tokens": 20}
for i, (name, (layer, taken, given)) in enumerate(worlds.items()):
    train, query = (TensorDataset(normal(n, *taken), normal(n, *given)) for n in (N, M))
    truth = exact(layer, train, query)
    size = {}
    for strategy in ("kfac", "ekfac"):
        found = scores(layer, train, query, strategy, f"{i}{strategy}")
        size[strategy] = float((found * truth).sum() / truth.square().sum())
        alike = float(torch.corrcoef(torch.stack([found.flatten(), truth.flatten()]))[0, 1])
        assert alike > 0.9, (name, strategy, alike)
    print(f"  {name}: expected 1, influence in parts of the exact one: kfac {size['kfac']:.1f}, ekfac {size['ekfac']:.2f}")
    assert all(0.75 < value < 1.33 for value in (size["kfac"] / positions[name], size["ekfac"])), name
print("behaviour as described")
PY
