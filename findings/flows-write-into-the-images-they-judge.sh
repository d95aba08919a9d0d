#!/usr/bin/env bash
# normflows 1.7.3, transforms.Shift as the transform of a MultiscaleFlow, and FrEIA 0.2, HaarDownsampling backwards (and
#   HaarUpsampling), torch 2.13.0.
# Guess: a log-likelihood is a function of the images: asked twice, it says the same, and the images stay what they were.
# Truth: Shift does `z += shift` on the tensor it is given, and the Haar layer `x *= factor`: on the caller's own. Each call of
#   log_prob moves the images by another -0.5; each decoding halves the latent codes. A slice of a tensor is a view and is
#   moved too, so an epoch over slices trains on other images than the epoch before; batches of a DataLoader are copies.
# Matters: likelihoods of a held-out set fall from one evaluation to the next with no change of the model, members and
#   non-members are told apart by who was asked more often, and what is saved afterwards is not what was loaded. Pass a clone.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps normflows==1.7.3 FrEIA==0.2
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import normflows as nf
import torch
from FrEIA.framework import SequenceINN
from FrEIA.modules import HaarDownsampling
from torch.utils.data import DataLoader, TensorDataset

print(*(f"{name} {version(name)}," for name in ("normflows", "FrEIA")), "torch", torch.__version__)
SHAPE, N = (1, 8, 8), 256
original = torch.rand(N, *SHAPE, generator=torch.Generator().manual_seed(0))


def flow(transform):
    base = nf.distributions.DiagGaussian(SHAPE, trainable=False)
    return nf.MultiscaleFlow([base], [[nf.flows.AffineConstFlow(SHAPE)]], [], transform, class_cond=False)


def asked(model, images, calls=3):
    with torch.no_grad():
        return [float(model.log_prob(images, None).mean()) for _ in range(calls)]


def told(name, numbers, images, expected):
    print(f"  {name}: expected {expected:.2f} each time, seen {', '.join(f'{n:.2f}' for n in numbers)}; "
          f"the images moved by {float((images - original).mean()):.2f}")
    return numbers


shifted, model = original.clone(), flow(nf.transforms.Shift())
expected = asked(model, original.clone(), 1)[0]
whole = told("normflows, Shift", asked(model, shifted), shifted, expected)
logit = original.clone()
control = told("normflows, Logit", asked(flow(nf.transforms.Logit()), logit), logit, asked(flow(nf.transforms.Logit()), logit, 1)[0])
rows = original.clone()
slices = told("slices of 64, three epochs", [sum(asked(model, rows[i:i + 64], 1)[0] for i in range(0, N, 64)) / 4
                                             for _ in range(3)], rows, expected)
kept = original.clone()
loader = DataLoader(TensorDataset(kept), 64)
batches = told("batches of a DataLoader", [sum(asked(model, x, 1)[0] for (x,) in loader) / 4 for _ in range(3)], kept, expected)
network = SequenceINN(4, 8, 8)
network.append(HaarDownsampling)
with torch.no_grad():
    pictures = torch.randn(16, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    codes = network(pictures)[0]
    before = codes.clone()
    errors = [float((network(codes, rev=True)[0] - pictures).norm() / pictures.norm()) for _ in range(3)]
    ratio = float(codes.norm() / before.norm())
print(f"  FrEIA, decoded three times: expected error 0 each time, seen {', '.join(f'{e:.3f}' for e in errors)}; "
      f"the codes are {ratio:.3f} of what they were")
assert whole[0] == expected and whole[1] < whole[0] - 5 and whole[2] < whole[1] - 5, "the images are left alone now"
assert abs(float((shifted - original).mean()) + 1.5) < 1e-4 and abs(slices[2] - whole[2]) < 0.01
assert torch.equal(kept, original) and torch.equal(logit, original) and control[0] == control[2]
assert errors[0] < 1e-5 and abs(errors[1] - 0.5) < 1e-4 and abs(ratio - 0.125) < 1e-4, "the codes are left alone now"
print("behaviour as described")
PY
