#!/usr/bin/env bash
# torchebm 0.8.9, FlowSampler(mode="sde") with its defaults (diffusion_form="SBDM", last_step="Mean", last_step_size=0.04, as in
#   SiT), torch 2.13.0.
# Guess: the last step is a detail; with a perfect network and more steps the samples come as near to the data as one likes.
# Truth: whatever n_steps, the last 0.04 of the time is one single Euler step of the drift without noise. For the diffusion SBDM
#   that drift pulls on a scale shorter than 0.04 there: it jumps to the mean of what is likely, or past it. n_steps makes the
#   other steps finer and this one not. (At 50 steps the other ones are too coarse for it as well, and the linear path blows up.)
# Matters: samples of a perfect network have half of the data's deviation on the VP path, three quarters on the cosine one. The
#   diversity that is measured is the sampler's. Say last_step="Tweedie" or last_step_size=1 / n_steps.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps torchebm==0.8.9
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from torch import nn
from torchebm.interpolants import CosineInterpolant, LinearInterpolant, VariancePreservingInterpolant
from torchebm.samplers import FlowSampler

print("torchebm", version("torchebm"), "torch", torch.__version__)
MEAN, STD = 0.7, 0.5  # the data: one normal distribution, for which the best possible network is known
paths = {"linear": LinearInterpolant(), "cosine": CosineInterpolant(), "VP": VariancePreservingInterpolant()}


class Score(nn.Module):
    """What a perfect network says: the gradient of log p at time t (noise at 0, data at 1)."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def forward(self, x, t):
        t = t[:, None]
        alpha, sigma = self.path.compute_alpha_t(t)[0], self.path.compute_sigma_t(t)[0]
        return (alpha * MEAN - x) / ((alpha * STD) ** 2 + sigma**2)


def deviation(path, steps, **last):
    torch.manual_seed(0)
    sampler = FlowSampler(Score(paths[path]), mode="sde", interpolant=paths[path], prediction="score", **last)
    return float(sampler.sample(n_samples=4000, dim=1, n_steps=steps).std())


seen = {}
for path in paths:
    for name, steps, last in (("defaults, 50 steps", 50, {}), ("defaults, 250 steps", 250, {}), ("defaults, 1000 steps", 1000, {}),
                              ("last_step='Tweedie', 250 steps", 250, {"last_step": "Tweedie"}),
                              ("last_step_size=1/250, 250 steps", 250, {"last_step_size": 1 / 250})):
        seen[path, name] = deviation(path, steps, **last)
        print(f"  {path}, {name}: expected deviation towards {STD:.2f}, seen {seen[path, name]:.3f}")
for path, bound in (("VP", 0.3), ("cosine", 0.4)):
    assert all(seen[path, f"defaults, {steps} steps"] < bound for steps in (250, 1000)), "the last step is finer now"
    assert seen[path, "last_step='Tweedie', 250 steps"] > 0.45
print("behaviour as described")
PY
