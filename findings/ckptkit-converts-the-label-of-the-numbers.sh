#!/usr/bin/env bash
# ckptkit 0.3.0 (convert_checkpoint, FormatConverter with dtype=), numpy 2.4.6, safetensors 0.8.0.
# Guess: a checkpoint that is converted to .pt, .npz or .gguf is one that torch, numpy and a reader of GGUF open; with dtype="BF16" its
#   numbers are rounded to bfloat16.
# Truth: the files are JSON texts of the package's own with the bytes in base64, under the usual endings: only ckptkit reads them. dtype
#   is written over the old name in the header, and the bytes below stay: float16 is read as if it were bfloat16.
# Matters: both report success. Half-precision weights come back a million times too small, without an error wherever the
#   two types are of the same size; a .pt for others cannot be loaded. Convert with torch: tensor.to(dtype), torch.save, safetensors.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 safetensors==0.8.0
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps ckptkit==0.3.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import json
from importlib.metadata import version
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
from ckptkit import ConversionConfig, FormatConverter, convert_checkpoint
from safetensors.numpy import save_file

print(*(f"{name} {version(name)}" for name in ("ckptkit", "safetensors", "numpy")))
rng = np.random.default_rng(0)
weights = {"layer.weight": (0.1 * rng.normal(size=(64, 64))).astype(np.float16)}
save_file(weights, "model.safetensors")
for ending, begins in ((".pt", b"PK"), (".npz", b"PK"), (".gguf", b"GGUF")):
    said = convert_checkpoint("model.safetensors", f"model{ending}")
    text = Path(f"model{ending}").read_bytes()
    print(f"  converted to {ending} ({said.metadata['n_tensors']} tensor, {said.target_size:,} bytes): expected a file that begins with {begins}, "
          f"as torch.save, numpy and GGUF have it, seen {text[text.index(b'{'):][:50]!r}")
    assert not text.startswith(begins) and not is_zipfile(f"model{ending}"), "a real file of that kind is written now"
    assert json.loads(text[text.index(b"{"):])

FormatConverter(ConversionConfig("pytorch", "safetensors", dtype="BF16")).convert("model.pt", "brain.safetensors")
blob = Path("brain.safetensors").read_bytes()
length = int.from_bytes(blob[:8], "little")
kind, bits = json.loads(blob[8 : 8 + length])["layer.weight"]["dtype"], np.frombuffer(blob[8 + length :], np.uint16)
back, was = (bits.astype(np.uint32) << 16).view(np.float32), weights["layer.weight"].astype(np.float32)  # a bfloat16 is the upper half of a float32
print(f"  float16 to BF16: expected the same numbers to three digits, deviation {was.std():.3g}; seen {kind} of deviation {back.std():.3g}, "
      f"greatest {abs(back).max():.3g} (was {abs(was).max():.3g})")
assert kind == "BF16" and np.array_equal(bits, weights["layer.weight"].view(np.uint16).ravel()), "the numbers are converted now"
assert back.std() < 1e-3 * was.std()
print("behaviour as described")
PY
