#!/usr/bin/env bash
# monai 1.6.1 (networks.schedulers.RFlowScheduler with use_discrete_timesteps=False), torch 2.13.0.
# Guess: step(..., next_timestep) goes from the time t to the next one, and the more steps, the nearer are samples of a perfect network
#   to the data.
# Truth: the next time is cut to a whole number, the present one is not: where times are fractions each step goes too far, by up to a
#   thousandth. All steps together go to 1.09 instead of 1 if there are 300, and to 1.3 if there are 1,000: beyond the image.
# Matters: with the time transform for image sizes, samples at 1,000 steps have 0.4 times the variance of the data and a mean that is
#   an eighth too large, and 100 steps are better than 300. Step by yourself, x + v * (t - next) / 1000, or use discrete timesteps.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps monai==1.6.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from monai.networks.schedulers import RFlowScheduler

print(*(f"{name} {version(name)}" for name in ("monai", "torch")))
torch.set_num_threads(1)
F64 = torch.float64
MEAN, STD = 0.3, 0.2  # of the pixels, which are drawn from a normal distribution


def velocity(x, t):
    """The mean of pixel - noise where x = (1 - t) * pixel + t * noise, which a perfect network gives."""
    return MEAN + ((1 - t) * STD**2 - t) / ((1 - t) ** 2 * STD**2 + t**2) * (x - (1 - t) * MEAN)


def sample(steps, by_hand, **options):
    """Mean and variance of the samples over those of the data, and the way that was gone."""
    torch.manual_seed(0)
    scheduler = RFlowScheduler(num_train_timesteps=1000, **options)
    scheduler.set_timesteps(steps, input_img_size_numel=64**3)
    times = scheduler.timesteps
    x, way = torch.randn(50_000, dtype=F64), 0.0
    for t, later in zip(times, torch.cat([times[1:], torch.zeros(1, dtype=times.dtype)])):
        v = velocity(x, float(t) / 1000)
        one = torch.ones(1, dtype=F64)
        gone = float(t - later) / 1000 if by_hand else float(scheduler.step(one, t, 0 * one, later)[0])
        x = x + gone * v if by_hand else scheduler.step(v, t, x, later)[0]
        way += gone
    return float(x.mean() / MEAN), float(x.var() / STD**2), way


seen = {}
for steps in (30, 100, 300, 1000):
    for name, by_hand, discrete in (("continuous times", False, False), ("continuous times, by hand", True, False), ("discrete times", False, True)):
        seen[steps, name] = mean, variance, way = sample(steps, by_hand, use_discrete_timesteps=discrete, use_timestep_transform=True)
        print(f"  {steps} steps, {name}: expected a way of 1, nearer to mean and variance 1 with more steps, "
              f"seen a way of {way:.3f}, mean {mean:.3f} and variance {variance:.3f}")
assert seen[1000, "continuous times"][2] > 1.3 and seen[1000, "continuous times"][1] < 0.6, "a step ends at the next time now"
assert seen[100, "continuous times"][1] > seen[300, "continuous times"][1] + 0.05
for name in ("continuous times, by hand", "discrete times"):
    assert all(abs(seen[steps, name][2] - 1) < 1e-6 for steps in (30, 100, 300, 1000))
    assert abs(seen[1000, name][1] - 1) < 0.02 and seen[100, name][1] < seen[300, name][1] < seen[1000, name][1]
print("behaviour as described")
PY
