#!/usr/bin/env bash
# torchmanager-diffusion 1.2.2 (VPSDE, SubVPSDE, SDEModule), torchmanager 1.5, torch 2.13.0.
# Guess: at the end of time an image has become the noise that sampling starts from: marginal_prob, drift and diffusion, and the
#   discrete steps of a variance-preserving SDE agree on it, for any number of steps.
# Truth: the first and the last beta of the discrete schedule (0.0001 and 0.01 a step) are taken for rates over the whole time, without
#   the factor of the number of steps. discretize multiplies the schedule out and is right; marginal_prob and the SDE itself are not.
# Matters: the noisiest image of training is 0.997 of the image and 0.07 of noise, and sampling starts from pure noise, which the network
#   never saw. Take marginal_prob from BetaSpace (sqrt_alphas_cumprod), or DDPM of the same package.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 einops==0.8.2 tqdm packaging pyyaml
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps torchmanager==1.5 torchmanager-diffusion==1.2.2
"$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.util
import sys
import types
from importlib.metadata import version
from pathlib import Path

# The package itself imports lpips, and that torchvision, on every import; its modules for SDEs need neither and are loaded as they are.
package = types.ModuleType("diffusion")
package.__path__ = [str(Path(importlib.util.find_spec("torchmanager_core").origin).parents[1] / "diffusion")]
sys.modules["diffusion"] = package

import torch
from diffusion.nn.diffusion import SDEModule
from diffusion.scheduling import BetaScheduler
from diffusion.sde import SubVPSDE, VPSDE

print(*(f"{name} {version(name)}" for name in ("torchmanager-diffusion", "torchmanager", "torch")))
torch.manual_seed(0)


def end(step, n):
    """Mean and deviation at the end of time, of images that are all 1, after n steps of x + f + G * noise."""
    x = torch.ones(20_000, 1, 1, 1)
    for i in range(n):
        f, G = step(x, torch.full((len(x),), i / (n - 1)))
        x = x + f + G[:, None, None, None] * torch.randn_like(x)
    return float(x.mean()), float(x.std())


for n in (200, 1000):
    sde = VPSDE(n)
    mean, std = sde.marginal_prob(torch.ones(1, 1, 1, 1), torch.ones(1))
    told, prior = (float(mean), float(std)), float(sde.prior_sampling((20_000,)).std())
    space = BetaScheduler.LINEAR.calculate_space(n)
    steps, equation = end(sde.discretize, n), end(super(VPSDE, sde).discretize, n)
    print(f"  VPSDE({n}), images of 1 at t = 1: expected one pair of mean and deviation, seen {told[0]:.3f} and {told[1]:.3f} by marginal_prob, "
          f"{equation[0]:.3f} and {equation[1]:.3f} by drift and diffusion,\n    {steps[0]:.3f} and {steps[1]:.3f} by discretize (the schedule says "
          f"{float(space.sqrt_alphas_cumprod[-1]):.3f} and {float(space.sqrt_one_minus_alphas_cumprod[-1]):.3f}), deviation of prior_sampling {prior:.3f}")
    assert abs(told[0] - 0.9975) < 1e-3 and abs(told[1] - 0.0710) < 1e-3, "the end of time is noise now"
    assert abs(equation[0] - told[0]) < 0.01 and abs(equation[1] - told[1]) < 0.01 and abs(prior - 1) < 0.02
    assert abs(steps[0] - float(space.sqrt_alphas_cumprod[-1])) < 0.04 and steps[1] > 5 * told[1]
sub = SubVPSDE(1000).marginal_prob(torch.ones(1, 1, 1, 1), torch.ones(1))
print(f"  SubVPSDE(1000) at t = 1: expected a deviation near 1, seen {float(sub[1]):.4f}")
assert float(sub[1]) < 0.01

module = SDEModule(torch.nn.Identity(), VPSDE(1000), 1000, beta_space=BetaScheduler.LINEAR.calculate_space(1000))
images = torch.rand(20_000, 1, 1, 1)
noised, _ = module.forward_diffusion(images)
left = float((noised.x - images).std())
near = float(torch.corrcoef(torch.stack([noised.x.flatten(), images.flatten()]))[0, 1])
print(f"  noised images of a training step, all times: expected from nearly none to all noise; seen a change of {left:.3f} and a correlation of {near:.3f} with the images")
assert near > 0.97 and left < 0.07
print("behaviour as described")
PY
