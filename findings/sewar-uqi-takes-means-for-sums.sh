#!/usr/bin/env bash
# sewar 0.4.10 (full_ref.uqi), numpy 2.4.6, scipy 1.17.1.
# Guess: the universal quality index of Wang and Bovik is 1 for the same image, near 0 for two that have nothing in common and -1 for
#   an image and its negative: the mean over windows of correlation, luminance and contrast.
# Truth: its formula in sums over a window of 64 pixels is filled with means of the window. 64 E[xy] - E[x] E[y] stands where the covariance
#   should, and nearly nothing is left but the brightness.
# Matters: unrelated noise has 0.98 (true 0.00), a grey square instead of the picture 0.96, the negative of the picture 0.86 (true -0.96),
#   and noise that costs a third of the quality costs a hundredth. Any generator of about the right brightness is nearly perfect by it.
#   Compute it from covariances, or take the library's ssim.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 Pillow==12.2.0 sewar==0.4.10
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from sewar.full_ref import ssim, uqi

print(*(f"{name} {version(name)}" for name in ("sewar", "numpy", "scipy")))
rng = np.random.default_rng(0)
SIZE, WINDOW = 48, 8


def bytes_of(values):
    return np.clip(values, 0, 255).astype(np.uint8)


def by_the_paper(x, y):
    """4 cov(x, y) mean(x) mean(y) / ((var x + var y) (mean(x)^2 + mean(y)^2)), window by window."""
    windows = np.lib.stride_tricks.sliding_window_view
    x, y = (windows(image.astype(float), (WINDOW, WINDOW)).reshape(-1, WINDOW**2) for image in (x, y))
    cov = [np.cov(a, b) for a, b in zip(x, y)]
    return np.mean([4 * c[0, 1] * a.mean() * b.mean() / ((c[0, 0] + c[1, 1]) * (a.mean() ** 2 + b.mean() ** 2)) for c, a, b in zip(cov, x, y)])


down, across = np.mgrid[:SIZE, :SIZE]
picture = bytes_of(128 + 60 * np.sin(across / 3) * np.cos(down / 4))
noise, other = (rng.integers(100, 156, (SIZE, SIZE)).astype(np.uint8) for _ in range(2))
pairs = {"the same picture": (picture, picture), "the picture and noise of deviation 20 on it": (picture, bytes_of(picture + rng.normal(0, 20, picture.shape))),
         "the picture and a grey square": (picture, bytes_of(128 + rng.normal(0, 1, picture.shape))), "two unrelated noises": (noise, other),
         "the picture and its negative": (picture, 255 - picture)}
seen, wanted = {}, {}
for name, (x, y) in pairs.items():
    seen[name], wanted[name] = uqi(x, y, ws=WINDOW), by_the_paper(x, y)
    print(f"  {name}: expected {wanted[name]:.2f}, seen {seen[name]:.3f}; ssim {ssim(x, y)[0]:.2f}")
assert seen["the same picture"] == 1 and abs(wanted["the same picture"] - 1) < 1e-12
assert 0.6 < wanted["the picture and noise of deviation 20 on it"] < 0.8 and seen["the picture and noise of deviation 20 on it"] > 0.98
for name in ("the picture and a grey square", "two unrelated noises"):
    assert abs(wanted[name]) < 0.05 and seen[name] > 0.95, "windows are summed now"
assert wanted["the picture and its negative"] < -0.9 and seen["the picture and its negative"] > 0.8
print("behaviour as described")
PY
