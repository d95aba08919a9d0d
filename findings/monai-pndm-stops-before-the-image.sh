#!/usr/bin/env bash
# monai 1.6.1 (networks.schedulers.PNDMScheduler, as it is built by default), torch 2.13.0.
# Guess: set_timesteps(n) divides the 1,000 training steps by n, and step() goes from each of these times to the next.
# Truth: the twelve Runge-Kutta stages at the start make n + 9 times, and that number is kept as the number of steps. The other steps
#   are cut to 1000 // (n + 9) instead of 1000 // n: each ends before the time at which the network is asked next. With the n of the
#   constructor, 1,000, it is 0, and nothing moves at all.
# Matters: the network is told of less noise than there is, and noise is left in the samples: of a perfect network their variance is
#   nearly twice that of the data at 50 steps, more at 250, and 1,000 steps return the noise. Say skip_prk_steps=True, or set
#   num_inference_steps back after set_timesteps.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps monai==1.6.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from monai.networks.schedulers import PNDMScheduler

print(*(f"{name} {version(name)}" for name in ("monai", "torch")))
torch.set_num_threads(1)
F64 = torch.float64
MEAN, STD = 0.3, 0.2  # of the pixels, which are drawn from a normal distribution


def exact_noise(x, kept):
    """The best guess of the noise in x = sqrt(kept) * pixel + sqrt(1 - kept) * noise, which a perfect network gives."""
    return (1 - kept).sqrt() * (x - kept.sqrt() * MEAN) / (kept * STD**2 + 1 - kept)


def sample(steps, set_back=False, **options):
    """Mean and variance of the samples over those of the data, and how far one step goes and should go."""
    torch.manual_seed(0)
    scheduler = PNDMScheduler(num_train_timesteps=1000, **options)
    scheduler.set_timesteps(steps)
    if set_back:
        scheduler.num_inference_steps = steps
    x = torch.randn(50_000, dtype=F64)
    for t in scheduler.timesteps:
        x, _ = scheduler.step(exact_noise(x, scheduler.alphas_cumprod[t].to(F64)), int(t), x)
    gap = int(scheduler.timesteps[-2] - scheduler.timesteps[-1])
    return float(x.mean() / MEAN), float(x.var() / STD**2), 1000 // scheduler.num_inference_steps, gap


seen = {}
for steps in (50, 100, 250, 1000):
    for name, options in (("by default", {}), ("with num_inference_steps set back", {"set_back": True}), ("with skip_prk_steps=True", {"skip_prk_steps": True})):
        seen[steps, name] = mean, variance, goes, gap = sample(steps, **options)
        print(f"  {steps} steps, {name}: expected mean and variance 1 of the data's, seen {mean:.3f} and {variance:.3f}; "
              f"times are {gap} apart, a step goes {goes}")
for steps in (50, 100, 250):
    mean, variance, goes, gap = seen[steps, "by default"]
    assert goes < gap and variance > 1.3, "a step reaches the next time now"
    for name in ("with num_inference_steps set back", "with skip_prk_steps=True"):
        mean, variance, goes, gap = seen[steps, name]
        assert goes == gap and abs(mean - 1) < 0.02 and abs(variance - 1) < 0.06
mean, variance, goes, gap = seen[1000, "by default"]
assert goes == 0 and mean < 0.05 and variance > 20, "a thousand steps lead to the image now"
print("behaviour as described")
PY
