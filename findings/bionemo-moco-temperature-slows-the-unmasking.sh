#!/usr/bin/env bash
# bionemo-moco 0.0.2.2 (interpolants.MDLM.step), torch 2.13.0.
# Guess: `temperature` is a "softmax temperature" (docstring): it sharpens what is drawn where a mask is lifted. How many are lifted
#   is the schedule's. A network that is undecided or certain, never between, draws the same at any temperature.
# Truth: the logarithms of the probabilities are divided by the temperature and used without being normalised again. At 0.5 over
#   256 equal values they add up to 1/256, so 256 times fewer masks are lifted in a step, and nearly all in the last one at once.
# Matters: pixels that belong together are drawn apart, each by itself: the usual "0.5 for quality" undoes the dependence that the
#   network learned. Divide the logits by the temperature yourself and leave `temperature` at 1.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==1.26.4 scipy==1.17.1 jaxtyping==0.3.11 wadler-lindig==0.1.8 pot==0.9.7.post1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps bionemo-moco==0.0.2.2
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from bionemo.moco.distributions.prior import DiscreteMaskedPrior
from bionemo.moco.distributions.time import UniformTimeDistribution
from bionemo.moco.interpolants import MDLM
from bionemo.moco.schedules.noise.continuous_noise_transforms import LogLinearExpNoiseTransform

print(*(f"{name} {version(name)}" for name in ("bionemo-moco", "torch")))
torch.set_num_threads(1)
torch.manual_seed(0)
N, STEPS = 1_000, 100


def perfect(x, values, mask):
    """Logits for images of two equal pixels of any value: certain of a pixel when one is seen, undecided when none is."""
    said = torch.where(x != mask, x, x.flip(1))
    certain = 50 * torch.nn.functional.one_hot(said, values + 1).float()
    return torch.where((said != mask)[..., None], certain, torch.zeros(values + 1))


def run(values, temperature, by_hand):
    prior = DiscreteMaskedPrior(num_classes=values, inclusive=False)
    model = MDLM(UniformTimeDistribution(), prior, LogLinearExpNoiseTransform())
    x = model.sample_prior((N, 2)).long()
    for step in range(STEPS):
        if step == STEPS // 2:
            masked = float((x == prior.mask_dim).double().mean())
        logits = perfect(x, values, prior.mask_dim) / (temperature if by_hand else 1)
        t = torch.full((N,), 1 - step / STEPS)
        x = model.step(logits, t, x, torch.full((N,), 1 / STEPS).minimum(t), temperature=1.0 if by_hand else temperature)
    assert not (x == prior.mask_dim).any()
    return masked, float((x[:, 0] != x[:, 1]).double().mean())


for values, temperature, by_hand in ((16, 1.0, False), (16, 0.5, False), (16, 0.5, True), (256, 1.0, False), (256, 0.5, False), (256, 0.5, True)):
    masked, apart = run(values, temperature, by_hand)
    print(f"  {values} values, temperature {temperature}{' of the logits' if by_hand else ''}: masked at time 0.5 expected about 0.5, seen {masked:.3f}; "
          f"images whose pixels differ expected about 0, seen {apart:.3f}")
    if by_hand or temperature == 1:
        assert abs(masked - 0.5) < 0.05 and apart < 0.02
    else:
        assert masked > 0.9 and apart > 0.4, "the probabilities are normalised now"
print("behaviour as described")
PY
