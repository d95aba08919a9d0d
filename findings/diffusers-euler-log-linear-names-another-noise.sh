#!/usr/bin/env bash
# diffusers 0.42.1, EulerDiscreteScheduler(interpolation_type="log_linear"), torch 2.13.0.
# Guess: another spacing of the same noise levels, as its documentation says; with many steps every spacing gives the same samples.
# Truth: the noise levels are spaced evenly in their logarithm, and the timesteps that the network is told stay spaced evenly in
#   time. On the way the network hears of a noise up to 13 times as strong as the one in its input. More steps do
#   not help: the samples converge, and not to the data.
# Matters: a perfect generator is measured as one whose mean is off by more than half a standard deviation. The other spacings
#   (Karras, exponential, beta) work the timesteps out from their noise levels; use_exponential_sigmas is what was meant.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 diffusers==0.42.1 scipy==1.17.1
"$dir/venv/bin/python" -W ignore - <<'PY'
import logging

import diffusers
import numpy as np
import torch
from diffusers import EulerDiscreteScheduler

logging.disable(logging.WARNING)
print("diffusers", diffusers.__version__, "torch", torch.__version__)
MEAN, STD = 0.7, 0.5  # the data: one normal distribution, for which the best possible network is known


def level_told(scheduler, t):
    """The noise level (noise in parts of the image) that timestep t stands for in training."""
    kept = scheduler.alphas_cumprod.double().numpy()
    return float(np.exp(np.interp(float(t), np.arange(len(kept)), np.log((1 - kept) / kept) / 2)))


def noise_in(x, sigma):
    """What a perfect network says of an image x = a * clean + b * noise with b / a = sigma and a^2 + b^2 = 1."""
    a = (1 + sigma**2) ** -0.5
    b = sigma * a
    clean = MEAN + a * STD**2 / (a**2 * STD**2 + b**2) * (x - a * MEAN)
    return (x - a * clean) / b


def samples(steps, **options):
    scheduler = EulerDiscreteScheduler(**options)
    scheduler.set_timesteps(steps)
    x = torch.randn(4000, 1, 1, 1, generator=torch.Generator().manual_seed(0)).double() * float(scheduler.init_noise_sigma)
    told = [level_told(scheduler, t) for t in scheduler.timesteps]
    off = max(a / float(b) for a, b in zip(told, scheduler.sigmas[:-1]))
    for t, sigma in zip(scheduler.timesteps, told):
        x = scheduler.step(noise_in(scheduler.scale_model_input(x, t), sigma), t, x).prev_sample
    return float(x.mean()), float(x.std()), off


seen = {}
for name, options in (("linear, the default", {}), ("log_linear", {"interpolation_type": "log_linear"}),
                      ("exponential", {"use_exponential_sigmas": True}), ("Karras", {"use_karras_sigmas": True})):
    for steps in (30, 200, 1000):
        seen[name, steps] = samples(steps, **options)
        print("  {}, {} steps: expected mean 0.70 and deviation towards 0.50, seen {:.3f} and {:.3f}; the network is told of a "
              "noise up to {:.1f} times as strong as the true one".format(name, steps, *seen[name, steps]))
for (name, steps), (mean, deviation, off) in seen.items():
    if name == "log_linear":
        assert off > 5 and mean < 0.5, "the timesteps fit the noise now"
    else:
        assert off < 1.05 and abs(mean - MEAN) < 0.03 and deviation > 0.43
assert seen["log_linear", 1000][0] < seen["log_linear", 30][0], "more steps do not help"
print("behaviour as described")
PY
