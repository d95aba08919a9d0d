#!/usr/bin/env bash
# clean-fid 0.1.35, get_folder_features and make_custom_stats with num=N on a .zip of images.
# Guess: the first N of the sorted names, as for a folder (or N shuffled with seed 0): the same images in every run.
# Truth: the names inside an archive go through a set, and Python salts the hashes of strings in every process. Each run
#   takes another N images, and shuffle=True, seed=0 shuffles another list. A folder of the same files is stable.
# Matters: reference statistics of "the first 10,000" made twice are of different images; the FID moves by its sampling
#   error between two runs of one command, which no seed fixes short of PYTHONHASHSEED.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1 requests==2.34.2 pillow==13.0.0
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps clean-fid==0.1.35
cat > read.py <<'PY'
import sys
from cleanfid.fid import get_folder_features

brightness = lambda batch: batch.mean(dim=(1, 2, 3))[:, None]  # stands in for Inception: one number an image
options = dict(model=brightness, num=8, num_workers=0, batch_size=8, device="cpu", verbose=False)
options |= {"shuffle": True, "seed": 0} if sys.argv[2] == "shuffle" else {}
print(*sorted(round(float(v)) for v in get_folder_features(sys.argv[1], **options)[:, 0]))
PY
"$dir/venv/bin/python" -W ignore - <<'PY'
import os, subprocess, sys, zipfile
from importlib.metadata import version
import numpy as np
from PIL import Image

os.mkdir("images")
with zipfile.ZipFile("images.zip", "w") as archive:
    for i in range(100):
        Image.fromarray(np.full((16, 16, 3), i, np.uint8)).save(f"images/{i:03d}.png")  # image i has brightness i
        archive.write(f"images/{i:03d}.png", f"{i:03d}.png")
env = {k: v for k, v in os.environ.items() if k != "PYTHONHASHSEED"}


def runs(source, how):
    line = [sys.executable, "-W", "ignore", "read.py", source, how]
    return [subprocess.run(line, env=env, check=True, capture_output=True, text=True).stdout.strip() for _ in range(3)]


print("clean-fid", version("clean-fid"), "- 8 of 100 images, three runs of the same line")
for source, how in (("images", "first"), ("images.zip", "first"), ("images.zip", "shuffle")):
    seen = runs(source, how)
    print(f"  {source}, {how}: expected one set of images, seen {len(set(seen))}: {' | '.join(seen)}")
    assert len(set(seen)) == (1 if source == "images" else 3)
print("behaviour as described")
PY
