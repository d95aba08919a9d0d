#!/usr/bin/env bash
# m3-score 0.1.0 (the memorisation axis, m3score.stats.memorization), torch 2.13.0.
# Guess: "near-duplicate rate" (its docstring), lower is better: near 0 for fresh images of the same distribution, near 0.1 where a tenth
#   are copies, and a number that tells the two apart.
# Truth: an image counts when it is nearer to a real one than half of the real images are to each other. Half of fresh images are, by
#   definition, whatever the encoder and the number of images. More blur than the data have moves the rate to 1, more noise to 0, with
#   no copy in either.
# Matters: a perfect generator has 0.50, the mean image 1.00, and a generator of which 200 of 2,000 images are bit-for-bit training
#   images and the rest noise 0.10: the axis that is to find copies prefers it. Read the rate beside that of as many held-out images, or
#   count what is nearer than 99 % of those are; blur is near to everything by either, so look at fidelity first.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 tqdm==4.70.1 pillow==13.0.0
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps m3-score==0.1.0  # timm would fetch its encoder, features stand in for it
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from m3score.stats import memorization

print("m3-score", version("m3-score"), "torch", torch.__version__)
torch.set_num_threads(1)
N = 2000
for dimensions in (8, 64, 384):  # 384 is the width of its own encoder
    generator = torch.Generator().manual_seed(0)

    def features(count, scale=1.0):
        return scale * torch.randn(count, dimensions, generator=generator)

    real = features(N)
    held_out = features(N)
    models = {
        "fresh images": held_out,
        "noisier ones (1.3 times the deviation)": features(N, 1.3),
        "200 training images, the rest noise": torch.cat([real[:200], features(N - 200, 3.0)]),
        "the mean image, hardly varied": features(N, 0.02),
    }
    # an honest count: nearer to a training image than 99 % of held-out ones are
    limit = torch.cdist(held_out, real).min(1).values.quantile(0.01)
    seen = {}
    for name, images in models.items():
        copies = float((torch.cdist(images, real).min(1).values < limit).float().mean())
        seen[name] = memorization(real, images)[0]
        print(f"  {dimensions} features, {name}: nearer than held-out images are {copies:.3f}; seen {seen[name]:.3f}")
    fresh, noisy, copied, mean_image = seen.values()
    assert abs(fresh - 0.5) < 0.05, "fresh images are no longer counted as near-duplicates"
    assert copied < 0.11 < fresh and noisy < fresh and mean_image > 0.99
print("behaviour as described")
PY
