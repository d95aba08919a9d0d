#!/usr/bin/env bash
# torch-fidelity 0.4.0, input1_model_z_type="unit" (`--input1-model-z-type unit`).
# Guess: latents of length 1 in all directions, as for generators trained on the sphere: a normalised Gaussian.
# Truth: uniform numbers between 0 and 1 are normalised, so every coordinate is positive and all latents point
#   into one of the 2^d orthants, about 30 degrees around the diagonal: mean cosine of two latents 0.75 instead of 0.
# Matters: FID, IS, KID and PPL of a spherical generator are measured on 1 / 2^512 of its inputs, at a fraction of its variety.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps torch-fidelity==0.4.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.util
from importlib.metadata import files, version
import numpy as np

# the one file is loaded by itself: the package as a whole wants torchvision, several gigabytes
found = {f.name: f.locate() for f in files("torch-fidelity")}
spec = importlib.util.spec_from_file_location("noise", found["noise.py"])
noise = importlib.util.module_from_spec(spec)
spec.loader.exec_module(noise)
assert 'register_noise_source("unit", random_unit)' in found["registry.py"].read_text() + found["__init__.py"].read_text()

print("torch-fidelity", version("torch-fidelity"))
for d in (16, 512):
    z = noise.random_unit(np.random.RandomState(0), (2000, d)).double().numpy()
    cosine = float((z[:1000] * z[1000:]).sum(1).mean())
    gauss = np.random.RandomState(0).randn(2000, d)
    gauss /= np.linalg.norm(gauss, axis=1, keepdims=True)
    print(f"  {d} dimensions: negative coordinates expected {(gauss < 0).mean():.2f}, seen {(z < 0).mean():.2f};"
          f" mean cosine of two latents expected {float((gauss[:1000] * gauss[1000:]).sum(1).mean()):+.3f}, seen {cosine:+.3f}")
    assert np.allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5) and (z >= 0).all() and abs(cosine - 0.75) < 0.01
print("behaviour as described")
PY
