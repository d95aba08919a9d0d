#!/usr/bin/env bash
# diffusers-dmse 0.1.0 (DMSEScheduler), diffusers 0.42.1, torch 2.13.0.
# Guess: "Unconditional generation ... Equivalent to DDIM with eta=0 using the DDPM posterior mean formula" (its docstring): samples of a
#   perfect network have the deviation of the data, as those of DDIMScheduler have.
# Truth: the mean of a DDPM step expects the noise that is added after it. Without that noise every step contracts; DDIM keeps the
#   predicted noise at the level of the next time instead, and the two agree in nothing but the mean. What the chain finds is the
#   conditional mean, as the paper says of denoising (arXiv:2403.02957): begun at pure noise, that is the mean of all data.
# Matters: a generator sampled so gives one grey average image for every seed, at any number of steps, and is taken for collapsed.
#   Sample with DDIMScheduler; keep this one for denoising from init_step.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 diffusers==0.42.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps diffusers-dmse==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from diffusers import DDIMScheduler
from diffusers_dmse import DMSEScheduler

print(*(f"{name} {version(name)}" for name in ("diffusers-dmse", "diffusers", "torch")))
torch.set_num_threads(1)
MEAN, STD = 0.3, 0.5  # of the pixels, which are independent and normal: the best possible network is known


def perfect_noise(x, kept):
    """E[noise | x] for x = sqrt(kept) * pixel + sqrt(1 - kept) * noise."""
    return (1 - kept).sqrt() * (x - kept.sqrt() * MEAN) / (kept * STD**2 + 1 - kept)


def sample(kind, steps, schedule):
    torch.manual_seed(0)
    scheduler = kind(num_train_timesteps=1000, beta_schedule=schedule, clip_sample=False)
    scheduler.set_timesteps(steps)
    x = torch.randn(1, 1, 100, 200, dtype=torch.float64)
    for t in scheduler.timesteps:
        x = scheduler.step(perfect_noise(x, scheduler.alphas_cumprod[t].double()), t, x).prev_sample
    return float(x.mean()), float(x.std())


for schedule in ("linear", "squaredcos_cap_v2"):
    for steps in (50, 250, 1000):
        (mean, std), (ddim_mean, ddim_std) = sample(DMSEScheduler, steps, schedule), sample(DDIMScheduler, steps, schedule)
        print(f"  {schedule}, {steps} steps: expected mean {MEAN} and deviation {STD}; DDIM {ddim_mean:.3f} and {ddim_std:.3f}, seen {mean:.3f} and {std:.4f}")
        assert abs(ddim_mean - MEAN) < 0.02 and abs(ddim_std - STD) < 0.03
        assert abs(mean - MEAN) < 0.01 and std < 0.02, "unconditional samples have a deviation now"
print("behaviour as described")
PY
