#!/usr/bin/env bash
# supreme-unlearning 0.1.5 (image unlearning benchmark), JSDiv, on which its ZRF score (1 - JSDiv) rests.
# Guess: the Jensen-Shannon divergence in nats: at most ln 2 = 0.693, independent of the number of classes.
# Truth: two slips multiply. torch's kl_div with its default reduction divides by samples *and* classes, and its
#   arguments are the wrong way round, so it sums KL(mixture || model), which has no bound. Two models that never agree
#   score ZRF 0.997 with 100 classes, and sharper disagreement gives inf, and even nan.
# Matters: ZRF near 1 is read as "behaves like a model that never saw the data"; here it counts classes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps supreme-unlearning==0.1.5
"$dir/venv/bin/python" -W ignore - "$dir" <<'PY'
import importlib.util, math
from importlib.metadata import files, version
import torch
from scipy.spatial.distance import jensenshannon

# the one file is loaded by itself: the package as a whole wants wandb and a graphics card's toolkit
path = next(f for f in files("supreme-unlearning") if f.name == "jsdiv.py").locate()
spec = importlib.util.spec_from_file_location("jsdiv", path)
jsdiv = importlib.util.module_from_spec(spec)
spec.loader.exec_module(jsdiv)

torch.manual_seed(0)
seen = {}
print("supreme-unlearning", version("supreme-unlearning"), "- mean over 500 images, two unrelated classifiers")
for classes, sharpness in ((2, 5), (10, 1), (100, 1), (10, 20)):
    p, q = ((sharpness * torch.randn(500, classes)).softmax(1) for _ in range(2))
    truth = float((jensenshannon(p.double().numpy(), q.double().numpy(), axis=1) ** 2).mean())
    agree = float((p.argmax(1) == q.argmax(1)).float().mean())
    seen[classes, sharpness] = (truth, jsdiv.JSDiv(None, p, q))
    print(f"  {classes} classes, sharpness {sharpness}, same label {agree:.0%}:"
          f" JS expected {truth:.3f}, seen {seen[classes, sharpness][1]:.4f}; ZRF {1 - seen[classes, sharpness][1]:.3f}")
assert seen[2, 5][1] > 1.5 * seen[2, 5][0] and seen[100, 1][1] < seen[100, 1][0] / 50
assert not math.isfinite(seen[10, 20][1])
print("behaviour as described")
PY
