#!/usr/bin/env bash
# clip-mmd 0.0.2 (CMMD, "a better FID"): Gaussian kernel of width 10 on CLIP embeddings scaled to length 1.
# Guess: a characteristic kernel sees any difference of two distributions, a collapse above all.
# Truth: points of length 1 are at most 2 apart, where a kernel of width 10 is a straight line to 1 part in 100. What
#   remains is 10 |difference of the mean embeddings|^2, at a scale of 1000, to a few per cent. Spread is invisible:
#   a generator that draws twenty images for ever, around the right mean, scores *better* than two thousand fresh ones.
# Matters: unlearning that collapses a generator passes; report a distance that sees the covariance beside it.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps clip-mmd==0.0.2
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np, torch
from clip_mmd.calculation import mmd

g = torch.Generator().manual_seed(0)
randn = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
unit = lambda x: x / x.norm(dim=1, keepdim=True)
n, d = 2000, 768  # CLIP's ViT-L has 768 outputs, and any two images a cosine of about 0.5
centre = unit(randn(1, d))
images = lambda: unit(centre + randn(n, d) / d**0.5)
twenty = randn(20, d)
twenty = unit(twenty - twenty.mean(0))
real, fresh, collapsed = images(), images(), unit(centre + twenty[torch.arange(n) % 20])
shifted = unit(centre + 0.1 * unit(randn(1, d)) + randn(n, d) / d**0.5)


def frechet(a, b):
    a, b = a.numpy(), b.numpy()
    s1, s2 = np.cov(a.T), np.cov(b.T)
    w, v = np.linalg.eigh(s1)
    root = (v * np.sqrt(w.clip(0))) @ v.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ s2 @ root).clip(0)).sum()
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * cross


print("clip-mmd", version("clip-mmd"))
score = {}
for name, fake in (("2000 fresh images", fresh), ("20 images, each 100 times", collapsed), ("a small shift", shifted)):
    score[name] = float(mmd(real, fake)), float(10 * ((real.mean(0) - fake.mean(0)) ** 2).sum()), frechet(real, fake)
    print(f"  {name}: CMMD {score[name][0]:.5f}, 10 |difference of means|^2 {score[name][1]:.5f},"
          f" Frechet distance {score[name][2]:.3f}")
(f, f_lin, f_fd), (c, c_lin, c_fd), (s, s_lin, _) = score.values()
print("expected: the twenty images score worse than the fresh ones, as the Frechet distance says")
assert c < f and c_fd > 5 * f_fd, "CMMD sees the collapse now"
assert abs(f / f_lin - 1) < 0.02 and abs(s / s_lin - 1) < 0.02
print("behaviour as described")
PY
