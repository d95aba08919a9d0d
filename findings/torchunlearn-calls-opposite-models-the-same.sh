#!/usr/bin/env bash
# torchunlearn 0.1.0, utils.logit_compare (how near an unlearned model is to a retrained one), torch 2.13.0.
# Guess: the Wasserstein distance is one between the two predictions of an image; with several sets of images, as the library
#   records them ("(R)" retained, "(F)" forgotten, "(Te)" test), each set has its numbers.
# Truth: the probabilities are sorted and handed to scipy as values of a sample, without their classes. Whoever is as sure of
#   another class is at distance 0. Of several sets the numbers of the last one are returned, under no name: those of the
#   forgotten images are overwritten. And the KL divergence "between p and q" is the one from q to p.
# Matters: an unlearned model that calls every forgotten image something else than the retrained one does is at distance 0 from
#   it by every number returned. Ask for one set at a time, and read KL or L2, never WD.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps torchunlearn==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.util
from importlib.metadata import files, version

import torch

print("torchunlearn", version("torchunlearn"), "torch", torch.__version__)
path = next(f.locate() for f in files("torchunlearn") if f.name == "logit_compare.py")  # alone: the package loads torchvision
spec = importlib.util.spec_from_file_location("logit_compare", path)
compare = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compare)
rng = torch.Generator().manual_seed(0)
labels = torch.randint(0, 10, (500,), generator=rng)
retrained = 6 * torch.nn.functional.one_hot(labels, 10) + torch.randn(500, 10, generator=rng)
other = retrained.roll(1, dims=1)  # as sure, of the next class
unsure = retrained / 3  # the same class, less sure


def kl(p, q):
    p, q = p.log_softmax(1), q.log_softmax(1)
    return float((p.exp() * (p - q)).sum(1).mean())


def likeness(model, sets=("(F)",)):
    """Numbers of the library for a model that differs from the retrained one on the forgotten images only."""
    base = {name: (retrained, labels) for name in sets}
    mine = {name: (model if name == "(F)" else retrained, labels) for name in sets}
    return compare.get_logit_similarity(base, mine)


seen = {}
for name, model in (("another class", other), ("less sure", unsure)):
    agree = float((model.argmax(1) == retrained.argmax(1)).double().mean())
    gap = float((model.softmax(1) - retrained.softmax(1)).abs().sum(1).mean() / 2)
    seen[name] = one = likeness(model)
    print(f"  {name}: {agree:.0%} of classes agree, probabilities differ by {gap:.2f}; expected WD > 0 and KL {kl(retrained, model):.3f}, "
          f"seen WD {one['WD']:.3g} and KL {one['KL']:.3f} (the other way round it is {kl(model, retrained):.3f})")
several = likeness(other, ("(R)", "(F)", "(Te)"))
print(f"  another class, sets (R), (F), (Te): expected the numbers of each, seen {several}")
assert seen["another class"]["WD"] < 1e-6 < 0.05 < seen["less sure"]["WD"], "WD knows the classes now"
assert abs(seen["less sure"]["KL"] - kl(unsure, retrained)) < 1e-3 and abs(seen["less sure"]["KL"] - kl(retrained, unsure)) > 0.05
assert set(several) == {"KL", "WD", "L1", "L2"} and all(abs(v) < 1e-6 for v in several.values()), "sets are kept apart now"
assert seen["another class"]["L2"] > 1
print("behaviour as described")
PY
