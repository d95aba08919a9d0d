#!/usr/bin/env bash
# rectified-flow-pytorch 0.14.0, RectifiedFlow with use_consistency=True, and sample(steps=...), torch 2.13.0.
# Guess: sample(use_ema=True) samples the averaged network; the consistency loss compares the network with its average; steps=1
#   is the one step that rectified flows are made for.
# Truth: the step function takes a network and calls another, self.model. The average is kept and paid for, and never asked:
#   samples and losses are the same to the last bit whatever it holds. And steps counts the ends of intervals: 16 are 15 steps,
#   1 is none, and what is returned is the noise.
# Matters: consistency training has no teacher but the network itself, and "EMA" samples are those of the last weights. A model
#   judged after reflow at one step is judged by noise. Sample by a RectifiedFlow around ema_model.ema_model, and with steps + 1.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 \
  einops==0.8.2 einx==0.4.3 torchdiffeq==0.2.5 accelerate==1.15.0 ema-pytorch==0.8.3 loguru==0.7.3 pillow==13.0.0 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps rectified-flow-pytorch==0.14.0 x-unet==0.5.0 \
  hyper-connections==0.4.11 beartype==0.23.1 rotary-embedding-torch==0.9.1 x-transformers==2.31.10 torch-einops-utils==0.2.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import sys
from importlib.metadata import version
from unittest.mock import MagicMock

import torch
from torch import nn

for name in ("torchvision", "torchvision.utils", "torchvision.models", "torchvision.transforms"):
    sys.modules[name] = MagicMock()  # several gigabytes, imported for pictures and a loss of features, not used here
from rectified_flow_pytorch import RectifiedFlow  # noqa: E402

print("rectified-flow-pytorch", version("rectified-flow-pytorch"), "torch", torch.__version__)


class Drift(nn.Module):  # a flow of constant speed: it moves every pixel of the noise by `speed`
    def __init__(self, speed):
        super().__init__()
        self.speed, self.asked = nn.Parameter(torch.tensor(float(speed))), []

    def forward(self, x, times):
        self.asked.append(round(float(times[0]), 3))
        return self.speed.expand_as(x)


def trained(last):
    """A flow whose network was at speed 1 when the average began, and is at `last` now."""
    flow = RectifiedFlow(Drift(1), data_shape=(1, 4, 4), use_consistency=True, data_normalize_fn=None, data_unnormalize_fn=None,
                         consistency_decay=0.99, ema_update_after_step=0, ema_kwargs={"update_every": 1})
    flow.post_training_step_update()
    flow.model.speed.data.fill_(last)
    for _ in range(2):
        flow.post_training_step_update()
    return flow


def moved(flow, **how):
    noise = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    return float((flow.sample(batch_size=8, noise=noise, **how) - noise).mean())


def consistency(flow):
    torch.manual_seed(0)
    with torch.no_grad():
        parts = flow(torch.zeros(64, 1, 4, 4), return_loss_breakdown=True)[1]
    return float(parts.data_match), float(parts.velocity_match)


flow = trained(5)
average = float(flow.ema_model.ema_model.speed)
with_average, without = moved(flow, use_ema=True), moved(flow, use_ema=False)
print(f"  network at speed 5, average at {average:.3f}: expected the noise moved by {average:.3f}, seen {with_average:.3f} "
      f"with use_ema=True, {without:.3f} with use_ema=False")
first = consistency(flow)
flow.ema_model.ema_model.speed.data.fill_(-1000)
second = consistency(flow)
print(f"  consistency losses (data, velocity): seen {first}; expected others with the average at -1000, seen {second}")
counted = {}
for steps in (1, 2, 4, 16):
    flow.model.asked.clear()
    counted[steps] = moved(flow, steps=steps), len(flow.model.asked) // 2  # the midpoint rule asks twice
    print(f"  steps={steps}: expected {steps} steps and the noise moved by 5, seen {counted[steps][1]} steps, moved by {counted[steps][0]:.3f}")
assert average < 4.9 and with_average == without and abs(without - 5) < 1e-3, "the average is asked now"
assert first == second, "the average teaches now"
assert counted[1] == (0.0, 0) and all(taken == steps - 1 for steps, (_, taken) in counted.items()), "steps are counted otherwise now"
print("behaviour as described")
PY
