#!/usr/bin/env bash
# ckptkit 0.3.0 (diff, format_diff and the command `ckptkit diff`), numpy 2.4.6, safetensors 0.8.0.
# Guess: two checkpoints are compared as the readme says, "see what changed during fine-tuning", "structural and value changes": of a model
#   before and after some layers were changed, those layers are changes and the others are identical.
# Truth: names, shapes and types in the headers are compared, the numbers never. The change "values_changed" has a symbol of its own in each
#   report, and nothing makes one. Every tensor counts as identical.
# Matters: an unlearned model, one with other random weights and one full of NaN are all "Identical: 6, Changes: 0" beside the original:
#   that a method changed nothing, or kept the layers it was to keep, cannot be read here. Compare the numbers of the tensors yourself.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 safetensors==0.8.0 click==8.4.2
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps ckptkit==0.3.0
cat > compare.py <<'PY'
from importlib.metadata import version

import numpy as np
from ckptkit import diff
from safetensors.numpy import load_file, save_file

print(*(f"{name} {version(name)}" for name in ("ckptkit", "safetensors", "numpy")))
rng = np.random.default_rng(0)
original = {f"layer{i}.{part}": rng.normal(size=shape).astype(np.float32) for i in range(3) for part, shape in (("weight", (8, 8)), ("bias", (8,)))}
others = {
    "the same": original,
    "unlearned": {name: value + 0.1 * name.startswith("layer2") for name, value in original.items()},
    "negated": {name: -value for name, value in original.items()},
    "other": {name: rng.normal(size=value.shape) for name, value in original.items()},
    "nan": {name: np.full_like(value, np.nan) for name, value in original.items()},
}
save_file(original, "original.safetensors")
for name, tensors in others.items():
    save_file({key: np.asarray(value, np.float32) for key, value in tensors.items()}, f"{name}.safetensors")
    back = load_file(f"{name}.safetensors")
    changed = sum(not np.array_equal(back[key], original[key]) for key in original)
    seen = diff("original.safetensors", f"{name}.safetensors")
    print(f"  {name}: expected {changed} of {len(original)} tensors changed, seen {seen.n_changes} changes and {seen.n_identical} of {seen.n_shared} identical")
    assert changed == {"the same": 0, "unlearned": 2}.get(name, 6)
    assert seen.n_changes == 0 and seen.n_identical == 6 and not seen.entries, "the numbers are compared now"
PY
"$dir/venv/bin/python" compare.py
"$dir/venv/bin/ckptkit" diff original.safetensors unlearned.safetensors | tee report
grep -q "Identical: 6" report
echo "behaviour as described"
