#!/usr/bin/env bash
# diffusers 0.42.1, UniPCMultistepScheduler with solver_type="bh1", torch 2.13.0.
# Guess: its own advice holds: "bh1 for unconditional sampling when steps < 10". A combination that cannot work is refused, as
#   DPMSolverMultistepScheduler refuses algorithm_type="dpmsolver" with a last noise level of 0.
# Truth: final_sigmas_type is "zero" by default. The last step is then infinitely long in log-SNR; "bh1" multiplies by that length
#   (infinity times 0), "bh2" by a bounded function of it. Every sample ends as NaN, for any model, order and number of steps;
#   so does every one with predict_x0=False.
# Matters: all images of a run are NaN, after all its network evaluations and without an error; clamped and cast to bytes they are
#   black images, on which a metric gives a number. Say final_sigmas_type="sigma_min" with bh1.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 diffusers==0.42.1 scipy==1.17.1
"$dir/venv/bin/python" -W ignore - <<'PY'
import logging

import diffusers
import torch
from diffusers import DPMSolverMultistepScheduler, UniPCMultistepScheduler

logging.disable(logging.WARNING)
print("diffusers", diffusers.__version__, "torch", torch.__version__)
MEAN, STD = 0.7, 0.5  # the data: one normal distribution, for which the best possible network is known


def noise_in(x, level):
    """What a perfect network says of an image x = a * clean + b * noise, where a^2 + b^2 = 1."""
    a, b = level.sqrt(), (1 - level).sqrt()
    clean = MEAN + a * STD**2 / (a**2 * STD**2 + b**2) * (x - a * MEAN)
    return (x - a * clean) / b


def samples(steps, **options):
    scheduler = UniPCMultistepScheduler(**options)
    scheduler.set_timesteps(steps)
    x = torch.randn(4000, 1, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    finite = []
    for t in scheduler.timesteps:
        x = scheduler.step(noise_in(x, scheduler.alphas_cumprod[t].double()), t, x).prev_sample
        finite.append(bool(x.isfinite().all()))
    return x, finite.count(True)


def text(**options):
    return ", ".join(f"{name}={value!r}" for name, value in options.items()) or "defaults"


default = (dict(), dict(solver_order=3))
broken = (dict(solver_type="bh1"), dict(solver_type="bh1", solver_order=3), dict(predict_x0=False))
mended = (dict(solver_type="bh1", final_sigmas_type="sigma_min"), dict(predict_x0=False, final_sigmas_type="sigma_min"))
for options in default + broken + mended:
    for steps in (8, 50):
        x, finite = samples(steps, **options)
        print(f"  {text(**options)}, {steps} steps: expected mean 0.70 and deviation 0.5 or somewhat less, "
              f"seen {x.mean():.2f} and {x.std():.2f}; {finite} of {steps} steps finite")
        if options in broken:
            assert bool(x.isnan().all()) and finite == steps - 1, "only the last step spoils all"
        else:
            assert abs(x.mean() - MEAN) < 0.05 and 0.35 < x.std() < 0.55
black = (samples(8, solver_type="bh1")[0] / 2 + 0.5).clamp(0, 1).nan_to_num().mul(255).byte()
print(f"  as bytes: {black.unique().tolist()}")
try:
    DPMSolverMultistepScheduler(algorithm_type="dpmsolver")
except ValueError as refusal:
    print(f"  DPMSolverMultistepScheduler: {refusal}")
else:
    raise AssertionError("no refusal of DPM-Solver any more")
print("behaviour as described")
PY
