#!/usr/bin/env bash
# ema-pytorch 0.8.3, PostHocEMA (the averages of Karras et al. 2024, whose width is chosen after training), torch 2.13.0.
# Guess: update_every is for speed, as its README says; the average has the relative width sigma_rel that was asked for.
# Truth: the decay is that of one step, (1 - 1 / t)^(1 + gamma), and it is applied at every update_every-th step only. What is
#   averaged is a profile of exponent (1 + gamma) / update_every - 1 instead of gamma. Only update_every=1 gives the width asked
#   for; with 10, as in the README, the first half of a run outweighs the second; with 100, the default, two thirds of the average
#   are the weights of the first call, those before training. The synthesis assumes the right profiles and inherits it all.
# Matters: the averaged generator that is judged, and made to forget, is nearly the untrained one, or one from the middle of the
#   run, under the name of the width that was asked for. Set update_every=1.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile ema-pytorch==0.8.3 torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata
import math
import tempfile

import torch
from ema_pytorch import PostHocEMA
from ema_pytorch.post_hoc_ema import sigma_rel_to_gamma

print("ema-pytorch", importlib.metadata.version("ema-pytorch"))


def profile(model, steps):
    """Share of the first weights, mean and width of the average, in parts of the run: the weights said when they were."""
    first, mean, square = model.ema_model.weight.data[0].tolist()
    return first, mean, math.sqrt(max(square - mean**2, 0))


def train(steps, sigma_rels, synthesis=None, checkpoints="manual", **chosen):
    model = torch.nn.Linear(3, 1, bias=False).double()
    with tempfile.TemporaryDirectory() as folder:
        averages = PostHocEMA(model, sigma_rels=sigma_rels, checkpoint_every_num_steps=checkpoints, checkpoint_folder=folder,
                              checkpoint_dtype=torch.float64, **chosen)
        for step in range(steps):
            model.weight.data = torch.tensor([[step == 0, step / steps, (step / steps) ** 2]], dtype=torch.float64)
            averages.update()
        average = averages.synthesize_ema_model(sigma_rel=synthesis) if synthesis else averages.ema_models[0]
    return profile(average, steps)


def asked_for(sigma_rel):
    gamma = sigma_rel_to_gamma(sigma_rel)
    mean = (gamma + 1) / (gamma + 2)
    return 0.0, mean, math.sqrt((gamma + 1) / (gamma + 3) - mean**2)


def show(name, numbers):
    print("  {}: share of the first weights {:.3f}, mean {:.3f} and width {:.3f} of the run".format(name, *numbers))
    return numbers


print("sigma_rel 0.10, 10,001 steps")
expected = show("expected", asked_for(0.10))
each = show("update_every=1", train(10001, (0.10, 0.25), update_every=1))
tenth = show("update_every=10", train(10001, (0.10, 0.25), update_every=10))
default = show("default, 100", train(10001, (0.10, 0.25)))
print("synthesis of sigma_rel 0.15 from 0.05 and 0.28, 1,000 steps, as in the README")
wanted = show("expected", asked_for(0.15))
right = show("update_every=1", train(1000, (0.05, 0.28), synthesis=0.15, checkpoints=10, update_every=1))
readme = show("update_every=10", train(1000, (0.05, 0.28), synthesis=0.15, checkpoints=10, update_every=10))
assert abs(each[2] - expected[2]) < 0.001 and each[0] < 1e-6
assert tenth[2] > 0.25 and tenth[1] < 0.5
assert 0.6 < default[0] < 0.7, "the default no longer keeps the first weights"
assert abs(right[1] - wanted[1]) < 0.01 and readme[1] < 0.3 < wanted[1]
print("behaviour as described")
PY
