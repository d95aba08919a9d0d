#!/usr/bin/env bash
# azula 0.11.1 (sample.REABSampler), torch 2.13.0.
# Guess: REABSampler of order n does what its docstring derives: x_s <- ... + sqrt(1 + e^{2s}) * sum of f(x_ti) * integrals, s the end
#   of the step. Of the same order its error falls as fast as that of the exponential Adams-Bashforth samplers beside it.
# Truth: the code multiplies by sqrt(alpha_s^2 + sigma_t^2), sigma of the start of the step. Whatever its order, the error falls as
#   1 / steps only, and the samples are too far from 0.
# Matters: with the variance-exploding schedule at its defaults, 20 steps of a perfect network give samples whose mean is 1.3 times
#   the data's (brightness, saturation), 64 steps 1.08 times. Euler is better. Take xEABSampler, zEABSampler or vABSampler.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 einops==0.8.2 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps azula==0.11.1
"$dir/venv/bin/python" -W ignore - <<'PY'
import inspect
from importlib.metadata import version

import azula.sample
import torch
from azula.denoise import GaussianDenoiser
from azula.linalg.covariance import DiagonalCovariance
from azula.noise import VESchedule
from azula.sample import EulerSampler, REABSampler, xEABSampler

print(*(f"{name} {version(name)}" for name in ("azula", "torch")))
torch.set_num_threads(1)
torch.manual_seed(0)
F64 = torch.float64
mean, std = torch.full((4,), 0.7, dtype=F64), torch.tensor([0.1, 0.3, 0.5, 1.0], dtype=F64)
schedule = VESchedule()
perfect = GaussianDenoiser(mean, DiagonalCovariance(std**2), schedule)  # the package's own exact denoiser of normal data
noise = torch.randn(4_000, 4, dtype=F64)


def marginal(t):  # the flow of normal data keeps the rank of a point, so this is where `noise` is at time t
    alpha, sigma = schedule(torch.tensor(t, dtype=F64))
    return alpha * mean + (alpha**2 * std**2 + sigma**2).sqrt() * noise


def errors(sampler, order):
    """Root mean squared error, and mean and deviation of the samples over those of the data, for 20, 64 and 256 steps."""
    found, exact = [], marginal(0.0)
    for steps in (20, 64, 256):
        x = sampler(perfect, steps=steps, silent=True, dtype=F64, **({"order": order} if order else {}))(marginal(1.0))
        found.append((float((x - exact).square().mean().sqrt()), float(x.mean() / exact.mean()), float((x.std(0) / exact.std(0)).mean())))
    return found


code = inspect.getsource(REABSampler)
assert code.count("alpha_s**2 + sigma_t**2") == 1 and r"\sqrt{1 + e^{2s}} \sum" in code, "code or docstring is another now"
space = dict(vars(azula.sample))
exec(code.replace("alpha_s**2 + sigma_t**2", "alpha_s**2 + sigma_s**2"), space)  # as its docstring has it
seen = {}
for name, sampler, order in (("Euler", EulerSampler, None), ("xEAB", xEABSampler, 2), ("REAB", REABSampler, 2), ("REAB", REABSampler, 3),
                             ("docstring of REAB", space["REABSampler"], 2), ("docstring of REAB", space["REABSampler"], 3)):
    seen[name, order] = errors(sampler, order)
    print(f"  {name}{f', order {order}' if order else ''}, expected mean and deviation 1 of the data's and a small error:",
          "; ".join(f"{n} steps: mean {m:.3f}, deviation {d:.3f}, error {e:.2g}" for n, (e, m, d) in zip((20, 64, 256), seen[name, order])))
for order in (2, 3):
    (coarse, off, _), _, (fine, _, _) = seen["REAB", order]
    assert off > 1.2 and 0.7 * 12.8 < coarse / fine < 1.8 * 12.8, "the end of the step is used now"
    (coarse, off, _), _, (fine, _, _) = seen["docstring of REAB", order]
    assert abs(off - 1) < 0.02 and coarse / fine > 100
assert seen["Euler", None][0][0] < seen["REAB", 2][0][0] and seen["xEAB", 2][0][0] < 0.3 * seen["REAB", 2][0][0]
print("behaviour as described")
PY
