#!/usr/bin/env bash
# sewar 0.4.10 (full_ref.msssim), numpy 2.4.6, scipy 1.17.1.
# Guess: the multi-scale similarity of colour images halves their height and width from scale to scale, channel by channel; the order of
#   the channels, the same in both images, does not matter.
# Truth: the filter before the halving is two wide along all three axes: from the second scale on each channel is the mean of itself and
#   its neighbour, again at each scale.
# Matters: a picture that lost its colours has 0.69 (true 0.53), and one pair of images scores 0.34 or 0.48 by which channel comes first
#   (true 0.38): RGB and BGR readers rank models differently. Grey images are right: pass the channels one by one and take the mean.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 Pillow==12.2.0 sewar==0.4.10
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter
from sewar.full_ref import msssim

print(*(f"{name} {version(name)}" for name in ("sewar", "numpy", "scipy")))
rng = np.random.default_rng(0)
SIZE, WEIGHTS = 256, (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
KERNEL = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
KERNEL = np.outer(KERNEL, KERNEL) / KERNEL.sum() ** 2


def smooth(image):
    windows = np.lib.stride_tricks.sliding_window_view(image, (11, 11), axis=(0, 1))
    return np.einsum("...ij,ij->...", windows, KERNEL)


def by_hand(x, y, halving):
    """Wang's multi-scale similarity; `halving` is how wide the filter before it is along height, width and channels."""
    x, y, score = x.astype(float), y.astype(float), 1.0
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    for scale, weight in enumerate(WEIGHTS):
        mx, my = smooth(x), smooth(y)
        vx, vy, cov = smooth(x * x) - mx * mx, smooth(y * y) - my * my, smooth(x * y) - mx * my
        value = (2 * cov + c2) / (vx + vy + c2)
        if scale == len(WEIGHTS) - 1:
            value = value * (2 * mx * my + c1) / (mx * mx + my * my + c1)
        score *= value.mean() ** weight
        x, y = (uniform_filter(image, halving)[::2, ::2] for image in (x, y))
    return score


def bytes_of(values):
    return np.clip(values, 0, 255).astype(np.uint8)


down, across = np.mgrid[:SIZE, :SIZE]
waves = [128 + 60 * np.sin(across / a) * np.cos(down / b) for a, b in ((3, 4), (5, 2), (7, 9))]
picture = bytes_of(np.stack(waves, 2))
blotches = gaussian_filter(rng.normal(size=(SIZE, SIZE)), 3)
blotches *= 40 / blotches.std()
others = {"the same": picture, "without its colours": bytes_of(np.repeat(picture.mean(2, keepdims=True), 3, 2)),
          "blotches, opposite in two channels": bytes_of(picture + blotches[..., None] * [1, -1, 0]), "its channels in another order": picture[..., ::-1]}
seen, wanted = {}, {}
for name, other in others.items():
    seen[name], wanted[name] = msssim(picture, other), by_hand(picture, other, (2, 2, 1))
    turned = msssim(picture[..., [0, 2, 1]], other[..., [0, 2, 1]])
    print(f"  {name}: expected {wanted[name]:.3f}, seen {seen[name]:.3f}, both with two channels exchanged {turned:.3f}")
    assert abs(seen[name] - by_hand(picture, other, (2, 2, 2))) < 1e-6, "channels are halved apart now"
    if name != "the same":
        assert abs(turned - seen[name]) > 1e-3
        assert abs(by_hand(picture[..., [0, 2, 1]], other[..., [0, 2, 1]], (2, 2, 1)) - wanted[name]) < 1e-9
grey, noisy = picture[..., 0], bytes_of(picture[..., 0] + rng.normal(0, 20, (SIZE, SIZE)))
assert abs(msssim(grey, noisy) - by_hand(grey[..., None], noisy[..., None], (2, 2, 1))) < 1e-6
print(f"  one channel, with noise: expected and seen {msssim(grey, noisy):.3f}")
assert seen["without its colours"] > wanted["without its colours"] + 0.1
print("behaviour as described")
PY
