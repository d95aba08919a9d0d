#!/usr/bin/env bash
# xskillscore 0.0.29 (resample_iterations with replace=False and dim_max), xarray 2026.9.0, numpy 2.4.6.
# Guess: resample_iterations(losses, 500, "image", dim_max=200, replace=False) draws 200 of 1,000 images 500 times; its page says that
#   resample_iterations_idx "gives the same result", only faster.
# Truth: what is shuffled are the numbers 0 to dim_max - 1. Every one of the 500 subsamples is the same 200 images, the first ones, in
#   another order. The other function shuffles all of them first and then cuts. With replacement the two agree.
# Matters: the spread over subsamples, from which an interval is made, is exactly 0, and where images stand class by class the mean is that
#   of the first classes. Call resample_iterations_idx.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 xarray==2026.9.0 xskillscore==0.0.29
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import xarray as xr
import xskillscore as xs

print(*(f"{name} {version(name)}" for name in ("xskillscore", "xarray", "numpy")))
IMAGES, DRAWN, TIMES = 1000, 200, 500
label = np.repeat(np.arange(10), IMAGES // 10)
nats = xr.DataArray(80 + 5 * label + 10 * np.random.default_rng(0).normal(size=IMAGES), coords=[("image", np.arange(IMAGES))])
of_all = float(nats.mean())
# the deviation of a mean of DRAWN of IMAGES values drawn without replacement, from the textbook
by_formula = float(nats.std(ddof=1)) * np.sqrt((1 - DRAWN / IMAGES) / DRAWN)
print(f"  {IMAGES} losses of ten classes, one after the other, mean {of_all:.1f} nats; of {DRAWN} at random: expected {of_all:.1f} +- {by_formula:.2f}")

seen = {}
for draw in (xs.resample_iterations, xs.resample_iterations_idx):
    for replace in (False, True):
        np.random.seed(0)
        samples = draw(nats, TIMES, "image", dim_max=DRAWN, replace=replace)
        assert dict(samples.sizes) == {"image": DRAWN, "iteration": TIMES}
        means = samples.mean("image")
        used = len(np.unique(samples))
        seen[draw.__name__, replace] = float(means.mean()), float(means.std()), used
        print(f"  {draw.__name__}(replace={replace}): seen {float(means.mean()):.1f} +- {float(means.std()):.2f}, {used} of {IMAGES} images used")

mean, spread, used = seen["resample_iterations", False]
assert used == DRAWN and spread < 1e-9, "other images are drawn now"
assert abs(mean - float(nats[:DRAWN].mean())) < 1e-9 and of_all - mean > 15
for other in (("resample_iterations_idx", False), ("resample_iterations_idx", True), ("resample_iterations", True)):
    mean, spread, used = seen[other]
    assert used == IMAGES and abs(mean - of_all) < 0.5 and spread > 0.8 * by_formula
print("behaviour as described")
PY
