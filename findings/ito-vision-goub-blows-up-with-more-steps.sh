#!/usr/bin/env bash
# ito-vision 0.1.0 (GOUB and UniDB with AncestralSampler), torch 2.13.0.
# Guess: "mathematically faithful implementations": with a perfect network more steps of the ancestral sampler come nearer to the data,
#   and the mean of x_t given x_s, over two times in a row, is that over both at once.
# Truth: the weight of x_s divides by 1 + exp(-2 b) where the bridge of arXiv:2312.10299 has 1 - exp(-2 b), b being the noise left from s
#   to the end. From s = 0 the two are equal to 1e-4, so training, DDIM and Euler-Maruyama are right. Late in the process b is small: the
#   weight from a time to itself is not 1 but tanh(b), near 0, and the ancestral step divides by it.
# Matters: the default 30 steps look well; at 300 the samples of a perfect network have a deviation of 1,000 (0.3). Clipped
#   to [-1, 1] by default, that is a black and white picture. Use EulerMaruyamaSampler with these two, or DDBM_VP.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps ito-vision==0.1.0  # it pins torch 2.8.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from ito_vision.discretizations import LinearDiscretization
from ito_vision.methods import DDBM_VP, GOUB, UniDB
from ito_vision.samplers import AncestralSampler, EulerMaruyamaSampler
from ito_vision.schedulers import LinearScheduler

print("ito-vision", version("ito-vision"), "torch", torch.__version__)
torch.set_num_threads(1)
MEAN, STD, START = 0.2, 0.3, -0.5  # the data are normal, the bridge starts at one constant image


def sample(kind, sampler, steps):
    torch.manual_seed(0)
    method = kind(LinearScheduler(), clip=None)

    def perfect(x, t, y):  # E[x_0 | x_t, y]
        weight, shift, noise = method.transition_lambda_x(t.view(1)), method.transition_lambda_y(t.view(1)), method.transition_std(t.view(1))
        return (MEAN / STD**2 + weight * (x - shift * y) / noise**2) / (1 / STD**2 + weight**2 / noise**2)

    y = torch.full((4000, 1, 1, 1), START)
    out, _, _ = method.sample(LinearDiscretization(), sampler(N=steps, quiet=True), perfect, method.base_distribution(y), y)
    return float(out.mean()), float(out.std())


seen = {}
for kind in (DDBM_VP, GOUB, UniDB):
    for sampler in (AncestralSampler, EulerMaruyamaSampler):
        for steps in (30, 100, 300):
            seen[kind, sampler, steps] = mean, std = sample(kind, sampler, steps)
            print(f"  {kind.__name__}, {sampler.__name__}, {steps} steps: expected mean {MEAN} and deviation {STD}, seen {mean:.3f} and {std:.3f}")
s, t = torch.tensor([0.6]), torch.tensor([0.9])
for kind in (DDBM_VP, GOUB, UniDB):
    weight = kind(LinearScheduler()).transition_lambda_x
    print(f"  {kind.__name__}: weight of x_0 at 0.9 {float(weight(t)):.5f}, by way of 0.6 {float(weight(s) * weight(t, s)):.5f}; of x at its own time, expected 1: "
          f"{float(weight(t, t)):.3f}")
    if kind is DDBM_VP:
        assert abs(float(weight(t, t)) - 1) < 1e-3
    else:
        assert float(weight(t, t)) < 0.9, "the weight is that of the bridge now"
for kind in (GOUB, UniDB):
    assert abs(seen[kind, AncestralSampler, 30][1] - STD) < 0.1 and abs(seen[kind, EulerMaruyamaSampler, 300][1] - STD) < 0.03
    assert seen[kind, AncestralSampler, 300][1] > 30, "more steps no longer blow up"
assert abs(seen[DDBM_VP, AncestralSampler, 300][1] - STD) < 0.05
print("behaviour as described")
PY
