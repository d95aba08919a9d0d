#!/usr/bin/env bash
# torch 2.13.0 (2.14.1 alike), torch._int_mm on the CPU: int8 times int8 into int32, for quantised models and for exact distances
#   between byte images.
# Guess: ONEDNN_MAX_CPU_ISA, which caps the instructions that oneDNN takes so that several machines compute alike, changes speed
#   and the last bits of floats at most. A product of integers is exact or refused.
# Truth: without VNNI oneDNN adds pairs of products in 16 bits and saturates. torch knows and takes a loop of its own on a processor
#   without VNNI, but it asks the processor, not oneDNN: on one that has it, capped below, the saturating kernel is taken.
# Matters: a cap set for the sake of repeatable runs silently spoils every int8 product; the nearest training image of a sample,
#   looked for over all bytes, is found in two cases of five, or in one of thirty. Values within 7 bits are safe, and float32 is
#   exact up to 2^24.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6
cat > product.py <<'PY'
import sys

import torch

rng = torch.Generator().manual_seed(0)


def shapes(n):
    """Smooth white shapes on black, (n, 784) in 0..255."""
    coarse = torch.randn(n, 1, 7, 7, generator=rng)
    return (300 * (torch.nn.functional.interpolate(coarse, 28, mode="bicubic").flatten(1) - 0.6)).clamp(0, 255).round().long()


def searched(name, images, queries, shift=128, scale=1):
    """Share of wrong products of two sets; prints for how many queries the nearest image is found."""
    a, b = ((x // scale - shift).to(torch.int8) for x in (queries, images))
    exact = a.long() @ b.long().T
    found = torch._int_mm(a, b.T.contiguous()).long()
    squares = (b.long() ** 2).sum(1)
    same = ((squares - 2 * found).argmin(1) == (squares - 2 * exact).argmin(1)).double().mean()
    wrong = float((found != exact).double().mean())
    print(f"    {name}: {wrong:.0%} of the products wrong, the nearest image found for {same:.0%}")
    return wrong


images, queries = shapes(500), shapes(500)
eight = min(searched("white on black, 8 bits", images, queries), searched("black on white, 8 bits", 255 - images, 255 - queries))
seven = searched("white on black, 7 bits", images, queries, 64, 2)
print(int(torch.cpu._is_vnni_supported()), eight > 0.5, seven > 0, file=sys.stderr)
PY
"$dir/venv/bin/python" -c 'import torch; print("torch", torch.__version__)'
for cap in DEFAULT AVX2; do
  echo "  ONEDNN_MAX_CPU_ISA=$cap: expected 0 % wrong and 100 % found, seen"
  ONEDNN_MAX_CPU_ISA=$cap "$dir/venv/bin/python" -W ignore product.py 2>"$cap"
done
read -r vnni wrong narrow <DEFAULT
[ "$wrong $narrow" = "False False" ]
if [ "$vnni" = 1 ]; then
  [ "$(cat AVX2)" = "1 True False" ]
else
  echo "  this processor has no VNNI: torch takes its own loop, capped or not"
  [ "$(cat AVX2)" = "0 False False" ]
fi
echo "behaviour as described"
