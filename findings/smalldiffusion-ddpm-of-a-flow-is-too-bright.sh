#!/usr/bin/env bash
# smalldiffusion 0.5.0 (samples with gam=1, mu=0.5, "for DDPM", and a flow: PredFlow, ScheduleFlow), torch 2.14.1, torchvision 0.29.1.
# Guess: one sampler serves all parameterisations, "score-, flow- or data-prediction"; DDPM with more steps comes as near to the data as one likes.
# Truth: a step goes to less noise than it is to end at and adds noise up to it, which is right where images are data plus noise. On a flow an
#   image is (1 - sigma) of the data plus sigma of noise: the step ends with the share of the data that belongs to the lesser noise, so the
#   data are too strong, and each of the next steps adds to it. Steps without noise (mu=0, gam=1 or 2) are right.
# Matters: samples of a perfect network have 1.7 times the mean and 1.4 times the deviation of the data, and the more steps the worse. No
#   error: PredFlow is sampled by what is said for all models. Sample flows with mu=0.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 smalldiffusion==0.5.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from smalldiffusion import ModelMixin, PredFlow, ScheduleDDPM, ScheduleFlow, samples

print("smalldiffusion", version("smalldiffusion"), "torch", torch.__version__)
MEAN, STD, COUNT = 0.7, 0.5, 20000  # the data: one normal distribution, for which the best possible network is known


class Perfect(torch.nn.Module, ModelMixin):
    """What a perfect network says: the noise to be expected in x, or, on a flow, that less the data to be expected."""

    input_dims = (1,)

    def __init__(self, flow):
        super().__init__()
        self.flow, self.unused = flow, torch.nn.Parameter(torch.zeros(()))

    def forward(self, x, sigma, cond=None):
        share = 1 - sigma if self.flow else 1.0
        pull = (x - share * MEAN) / ((share * STD) ** 2 + sigma**2)
        noise, data = sigma * pull, MEAN + share * STD**2 * pull
        return noise - data if self.flow else noise


PerfectFlow = PredFlow(Perfect)
kinds = {"noise": (Perfect(False), ScheduleDDPM()), "flow": (PerfectFlow(True), ScheduleFlow())}
seen = {}
for kind, (model, schedule) in kinds.items():
    for steps in (20, 100, 500):
        for name, gam, mu in (("DDIM", 1, 0), ("accelerated", 2, 0), ("DDPM", 1, 0.5)):
            torch.manual_seed(0)
            *_, last = samples(model, schedule.sample_sigmas(steps), gam=gam, mu=mu, batchsize=COUNT)
            seen[kind, steps, name] = float(last.mean()), float(last.std())
    for name in ("DDIM", "accelerated", "DDPM"):
        print(f"  predicts the {kind}, {name}: expected towards {MEAN:.2f} +- {STD:.2f}, seen "
              + ", ".join("{:.2f} +- {:.2f} ({} steps)".format(*seen[kind, steps, name], steps) for steps in (20, 100, 500)))
for kind, name in (("noise", "DDIM"), ("noise", "DDPM"), ("flow", "DDIM"), ("flow", "accelerated")):
    mean, deviation = seen[kind, 500, name]
    assert abs(mean - MEAN) < 0.02 and abs(deviation - STD) < 0.02
means = [seen["flow", steps, "DDPM"][0] for steps in (20, 100, 500)]
assert MEAN + 0.2 < means[0] < means[1] < means[2] and seen["flow", 500, "DDPM"][1] > STD + 0.1, "the share of the data is kept now"
print("behaviour as described")
PY
