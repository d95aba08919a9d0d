#!/usr/bin/env bash
# torch 2.13.0, `torch.func.jvp` of a group norm whose input lies in memory by `channels_last`.
# Guess: the memory format changes speed alone; a layer with a forward derivative has it in every format.
# Truth: of a contiguous input the derivative is right; of the same numbers in channels_last it raises "view size is not
#   compatible". The reverse derivative works in both. 2.6.0, 2.8.0 and 2.11.0 raise as well; 2.14.0 has the forward derivative in both.
# Matters: convolutions leave channels_last maps to the group norms of a UNet as soon as its weights or images are in that format,
#   which is done for speed. Gauss-Newton and Hessian-vector products by forward mode then fail in the middle of a diffusion model,
#   while the same model trains. Take 2.14, or make the input of the norm contiguous.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/python" -W ignore - <<'PY'
import sys

import torch
from torch.func import jvp, vjp
from torch.nn.functional import group_norm

print("torch", torch.__version__)
g = torch.Generator().manual_seed(0)
x, v, u = (torch.randn(2, 4, 6, 6, generator=g, dtype=torch.float64) for _ in range(3))


def norm(x):
    return group_norm(x, 2)


h = 1e-6
expected = (norm(x + h * v) - norm(x - h * v)) / (2 * h)
seen = {}
for name, form in (("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)):
    laid = x.to(memory_format=form)
    assert torch.equal(laid, x)
    back = vjp(norm, laid)[1](u)[0]
    print(f"  {name}: reverse against differences {abs(float((back * v).sum() - (expected * u).sum())):.1e}")
    try:
        found = jvp(norm, (laid,), (v,))[1]
        seen[name] = f"{float((found - expected).abs().max()):.1e}"
        right = float((found - expected).abs().max()) < 1e-6
    except RuntimeError as e:
        seen[name], right = f"{type(e).__name__}: {str(e)[:31]}", None
    print(f"  {name}: forward against differences {seen[name]}")
    if right is not {"contiguous": True, "channels_last": None}[name]:
        sys.exit("behaviour has changed")
print("behaviour as described")
PY
