#!/usr/bin/env bash
# diffusers 0.42.1, use_beta_sigmas=True (Euler, LMS, DPM-Solver, UniPC, DEIS, ...), torch 2.13.0.
# Guess: the schedule of "Beta Sampling is All You Need", to which the documentation refers: timesteps by the quantiles of a beta
#   distribution, more of them at both ends of the run.
# Truth: the quantiles are those of the noise level itself, between its least and its greatest. On the schedule of DDPM these are
#   0.01 and 157, and all but one of 20 steps are taken where the image is still drowned in noise.
# Matters: the last step jumps to the mean of what is likely: samples of a perfect network have a sixteenth of the data's variance,
#   and measures of diversity, precision and recall are of the sampler. Latent models (levels to 15) lose less. Pass
#   timesteps to set_timesteps: np.rint(999 * scipy.stats.beta.ppf(...)), as below.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 diffusers==0.42.1 scipy==1.17.1
"$dir/venv/bin/python" -W ignore - <<'PY'
import logging

import diffusers
import numpy as np
import torch
from diffusers import EulerDiscreteScheduler, LMSDiscreteScheduler
from scipy.stats import beta

logging.disable(logging.WARNING)
print("diffusers", diffusers.__version__, "torch", torch.__version__)
MEAN, STD = 0.7, 0.5  # the data: one normal distribution, for which the best possible network is known


def noise_in(x, kept, t):
    """What a perfect network says of an image at timestep t."""
    sigma = float(np.exp(np.interp(float(t), np.arange(len(kept)), np.log((1 - kept) / kept) / 2)))
    a = (1 + sigma**2) ** -0.5
    b = sigma * a
    clean = MEAN + a * STD**2 / (a**2 * STD**2 + b**2) * (x - a * MEAN)
    return (x - a * clean) / b


def samples(kind, steps, timesteps=None, **options):
    scheduler = kind(**options)
    scheduler.set_timesteps(steps) if timesteps is None else scheduler.set_timesteps(timesteps=timesteps)
    kept = scheduler.alphas_cumprod.double().numpy()
    x = torch.randn(4000, 1, 1, 1, generator=torch.Generator().manual_seed(0)).double() * float(scheduler.init_noise_sigma)
    for t in scheduler.timesteps:
        x = scheduler.step(noise_in(scheduler.scale_model_input(x, t), kept, t), t, x).prev_sample
    return float(x.std()), int((scheduler.sigmas[:-1] < 1).sum())


latent = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
seen = {}
for steps in (10, 20, 50):
    places = np.rint(999 * beta.ppf(1 - np.linspace(0, 1, steps, endpoint=False), 0.6, 0.6)).astype(int).tolist()
    rows = {"as trained": samples(EulerDiscreteScheduler, steps),
            "use_beta_sigmas": samples(EulerDiscreteScheduler, steps, use_beta_sigmas=True),
            "use_beta_sigmas, LMS": samples(LMSDiscreteScheduler, steps, use_beta_sigmas=True),
            "beta quantiles of the timesteps": samples(EulerDiscreteScheduler, steps, places),
            "latent model as trained": samples(EulerDiscreteScheduler, steps, **latent),
            "latent model, use_beta_sigmas": samples(EulerDiscreteScheduler, steps, use_beta_sigmas=True, **latent)}
    for name, (deviation, late) in rows.items():
        seen[name, steps] = deviation, late
        print(f"  {steps} steps, {name}: expected deviation towards 0.50, seen {deviation:.3f}; "
              f"{late} steps where noise is weaker than the image")
for steps in (10, 20):
    assert seen["use_beta_sigmas", steps][1] == 1 and seen["use_beta_sigmas, LMS", steps][1] == 1
    assert seen["use_beta_sigmas", steps][0] < 0.15 < 0.35 < seen["as trained", steps][0]
    assert seen["beta quantiles of the timesteps", steps][0] > seen["as trained", steps][0], "the paper's schedule is the better one"
assert seen["latent model, use_beta_sigmas", 20][0] < seen["latent model as trained", 20][0] - 0.03
print("behaviour as described")
PY
