#!/usr/bin/env bash
# torchgan 0.1.0, WassersteinGradientPenalty, wasserstein_gradient_penalty and the DRAGAN penalty.
# Guess: the mean over images of (|gradient at the image| - 1)^2; a critic of slope 1 everywhere has penalty 0.
# Truth: one norm is taken over all gradients of the batch, so the target of 1 is shared out: n images of slope 1 have
#   norm sqrt(n). At 64 images the ideal critic is charged 49, and the penalty is zero at a slope of 1/8 instead.
# Matters: the Lipschitz constant that a critic trains to depends on the batch size, and with it every Wasserstein
#   estimate; a discriminator kept as a judge of unlearning is eight times too flat.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps torchgan==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import sys, types
from importlib.metadata import files, version
import torch

# the losses without the package's root, which wants torchvision for its metrics
root = types.ModuleType("torchgan")
root.__path__ = [str(next(f for f in files("torchgan") if str(f) == "torchgan/__init__.py").locate().parent)]
sys.modules["torchgan"] = root
from torchgan.losses.functional import wasserstein_gradient_penalty

torch.manual_seed(0)
direction = torch.randn(3 * 8 * 8)
direction /= direction.norm()  # the critic x -> slope * <direction, x> has a gradient of norm |slope| at every image


def penalties(n, slope):
    x = torch.randn(n, 3, 8, 8, requires_grad=True)
    score = slope * (x.flatten(1) @ direction)
    seen = float(wasserstein_gradient_penalty(x, score))
    grad = torch.autograd.grad((slope * (x.flatten(1) @ direction)).sum(), x)[0]
    return float(((grad.flatten(1).norm(dim=1) - 1) ** 2).mean()), seen


print("torchgan", version("torchgan"), "- gradient penalty before its factor of 10")
for n, slope in ((1, 1.0), (16, 1.0), (64, 1.0), (64, 0.125)):
    expected, seen = penalties(n, slope)
    print(f"  {n} images, slope {slope}: expected {expected:.3f}, seen {seen:.3f}")
assert abs(penalties(64, 1.0)[1] - 49) < 1e-3 and penalties(64, 0.125)[1] < 1e-6
print("behaviour as described")
PY
