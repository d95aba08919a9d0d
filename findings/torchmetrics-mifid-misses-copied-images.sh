#!/usr/bin/env bash
# torchmetrics 1.9.0, MemorizationInformedFrechetInceptionDistance (MiFID).
# Guess: a generator that returns 50 training images again and again is punished by the memorisation term.
# Truth: no penalty. The term averages, over the *real* images, the distance to the nearest generated one; the
#   definition (Bai et al. 2021) averages over the *generated* images the distance to the nearest training one.
#   Copies of 1 % of the training set leave 99 % of the real images far from any sample, so the term is switched off.
#   With the two sets exchanged, which leaves the Frechet distance as it is, the same copies are punished a millionfold.
# Matters: MiFID is read as a memorisation alarm; here it stays silent on exact copies.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 torchmetrics==1.9.0 numpy==2.4.6
"$dir/venv/bin/python" -W ignore - <<'PY'
import numpy as np, torch, torchmetrics
from torchmetrics.image.mifid import MemorizationInformedFrechetInceptionDistance as MiFID

g = torch.Generator().manual_seed(0)
real = torch.randn(5000, 32, generator=g, dtype=torch.float64).abs()  # features >= 0, as Inception's are
copies = real[:50].repeat(20, 1) + 1e-4 * torch.randn(1000, 32, generator=g, dtype=torch.float64)
fresh = torch.randn(1000, 32, generator=g, dtype=torch.float64).abs()


def library(a, b):
    metric = MiFID(feature=torch.nn.Identity())
    metric.update(a, real=True)
    metric.update(b, real=False)
    return float(metric.compute())


def frechet(a, b):
    s1, s2 = np.cov(a.T), np.cov(b.T)
    w, v = np.linalg.eigh(s1)
    root = (v * np.sqrt(w.clip(0))) @ v.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ s2 @ root).clip(0)).sum()
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * cross


def memorisation(generated, training, eps=0.1):
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    d = (1 - np.abs(unit(generated) @ unit(training).T)).min(axis=1).mean()
    return d if d < eps else 1.0


print("torchmetrics", torchmetrics.__version__)
for name, fake in (("copies of 50 training images", copies), ("fresh images", fresh)):
    r, f = real.numpy(), fake.numpy()
    print(f"{name}: Frechet distance {frechet(r, f):.4g}, memorisation term by the definition {memorisation(f, r):.3g},"
          f" MiFID expected {frechet(r, f) / (memorisation(f, r) + 1e-14):.4g},"
          f" seen {library(real, fake):.4g}, seen with the sets exchanged {library(fake, real):.4g}")
plain, seen, exchanged = frechet(real.numpy(), copies.numpy()), library(real, copies), library(copies, real)
assert abs(seen / plain - 1) < 1e-3, "the copies are punished now"
assert exchanged > 1e6 * seen
print("behaviour as described")
PY
