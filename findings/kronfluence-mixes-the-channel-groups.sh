#!/usr/bin/env bash
# kronfluence 1.0.1, Conv2d layers with groups or padding_mode, torch 2.13.0.
# Guess: with strategy="identity" the score of a pair is the inner product of the two gradients, exactly (its README: supports
#   nn.Conv2d); kfac and ekfac approximate the Hessian alone, never the gradients.
# Truth: the input's channel groups are averaged into one before patches are taken, and patches are padded by zeros whatever the
#   padding_mode. For K-FAC's factors that is a known simplification; here the gradients of examples are made of it, too. With a
#   layer of groups each output channel is given the mean of all groups as its input, and no word is said.
# Matters: depthwise convolutions stand in many generators and encoders, and padding by reflection in many more. Under every
#   strategy the most influential images are then those of another network; the lists still look well. Gradients of nn.Linear and
#   of plain convolutions are exact.
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
from torch.func import functional_call, grad, vmap
from torch.utils.data import TensorDataset

print("kronfluence", version("kronfluence"), "torch", torch.__version__)
N, M, C = 64, 8, 16  # training images, queries, channels
rng = torch.Generator().manual_seed(0)
train, query = (TensorDataset(torch.randn(n, C, 8, 8, generator=rng), torch.randn(n, C, 8, 8, generator=rng)) for n in (N, M))


class Denoising(Task):
    def compute_train_loss(self, batch, model, sample=False):
        return (model(batch[0]) - batch[1]).square().sum()

    def compute_measurement(self, batch, model):
        return self.compute_train_loss(batch, model)


def network(**options):
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(C, C, 3, padding=1, **options), nn.SiLU(), nn.Conv2d(C, C, 3, padding=1, **options))


def inner_products(model):
    def loss(weights, x, y):
        return (functional_call(model, weights, (x[None],))[0] - y).square().sum()

    weights = {name: p.detach() for name, p in model.named_parameters()}
    a, b = (vmap(grad(loss), (None, 0, 0))(weights, *data.tensors) for data in (query, train))
    return sum(a[name].flatten(1) @ b[name].flatten(1).T for name in weights)


def scores(model, folder):
    model = prepare_model(copy.deepcopy(model), Denoising())
    analyzer = Analyzer("a", model, Denoising(), output_dir=folder, cpu=True, disable_tqdm=True, disable_model_save=True)
    analyzer.fit_all_factors("f", train, per_device_batch_size=N, factor_args=FactorArguments(strategy="identity"))
    analyzer.compute_pairwise_scores("s", "f", query, train, per_device_query_batch_size=M, per_device_train_batch_size=N,
                                     score_args=ScoreArguments())
    return analyzer.load_pairwise_scores("s")["all_modules"]


made = {"plain": {}, "groups=4": {"groups": 4}, f"groups={C}, depthwise": {"groups": C},
        "padding_mode='circular'": {"padding_mode": "circular"}, "padding_mode='reflect'": {"padding_mode": "reflect"}}
seen = {}
for i, (name, options) in enumerate(made.items()):
    model = network(**options)
    exact, found = inner_products(model), scores(model, f"{i}")
    both = torch.stack([exact.flatten(), found.flatten()])
    same = sum(len(set(a.topk(5).indices.tolist()) & set(b.topk(5).indices.tolist())) for a, b in zip(exact, found)) / (5 * M)
    seen[name] = float(torch.corrcoef(both)[0, 1]), float((found - exact).norm() / exact.norm()), same
    print("  {}: expected 1, correlation with the inner products {:.3f}; relative error {:.2g}; "
          "{:.0%} of the five highest agree".format(name, *seen[name]))
plain = seen.pop("plain")
assert plain[0] > 0.9999 and plain[1] < 1e-4 and plain[2] == 1
assert all(error > 0.1 for _, error, _ in seen.values()), "a layer's own patches are taken now"
assert seen[f"groups={C}, depthwise"][2] < 0.9
print("behaviour as described")
PY
