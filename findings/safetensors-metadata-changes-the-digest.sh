#!/usr/bin/env bash
# safetensors 0.8.0 (safetensors.numpy.save and save_file; torch's and the others' go through the same code).
# Guess: a file without timestamps, its tensors sorted by name, is the same byte by byte whenever the same thing is saved.
# Truth: the metadata are kept in a hash map whose order is another in every call. With one key of metadata or none the file
#   is the same for ever; with two there are two files, with six some hundreds. Tensors, offsets and length never change.
# Matters: a sha256 of the file names no weights: the same checkpoint saved twice is uploaded twice, caches and manifests by
#   content miss, and a run that repeats bit by bit looks as if it did not. Put one key with a JSON text inside, or digest the
#   tensors.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile safetensors==0.8.0 numpy==2.4.6
"$dir/venv/bin/python" -W ignore - <<'PY'
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save, save_file

print("safetensors", version("safetensors"))
weights = {"decoder.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "decoder.bias": np.zeros(2, np.float32)}
facts = {"format": "pt", "dataset": "mnist", "seed": "0", "epoch": "30", "loss": "95.03", "method": "retrain"}
SAVES = 300


def digests(metadata):
    return {hashlib.sha256(save(weights, metadata=metadata)).hexdigest() for _ in range(SAVES)}


seen = {}
for n in (0, 1, 2, 3, 6):
    seen[n] = len(digests(dict(list(facts.items())[:n]) or None))
    print(f"  {n} keys of metadata, saved {SAVES} times: expected 1 digest, seen {seen[n]}")
one = len(digests({"all": json.dumps(facts, sort_keys=True)}))
print(f"  the six as one JSON text: {one}")
for name in ("a", "b"):
    for _ in range(20):  # until the two differ: two orders of six keys are rarely the same
        save_file(weights, f"{name}.safetensors", metadata=facts)
        if name == "a" or Path("a.safetensors").read_bytes() != Path("b.safetensors").read_bytes():
            break
a, b = (Path(f"{name}.safetensors").read_bytes() for name in ("a", "b"))
same = all(np.array_equal(x, load(b)[key]) for key, x in load(a).items())
print(f"  save_file: two files of {len(a)} and {len(b)} bytes, tensors {'the same' if same else 'others'}, files {'equal' if a == b else 'unequal'}")
assert seen[0] == seen[1] == one == 1 and same and len(a) == len(b)
assert seen[2] == 2 and seen[3] > 2 and seen[6] > 20 and a != b, "metadata have an order now"
print("behaviour as described")
PY
