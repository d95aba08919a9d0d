"""Weights that were saved as what they are computed from (pruned or normalised), for a class that has them whole."""

from __future__ import annotations

from collections.abc import Collection

PARTS = {
    ("{}_orig", "{}_mask"): "torch.nn.utils.prune.remove(module, '{}')",
    ("{}_orig", "{}_u"): "torch.nn.utils.remove_spectral_norm(module, '{}')",
    ("{}_g", "{}_v"): "torch.nn.utils.remove_weight_norm(module, '{}')",
    ("parametrizations.{}.original",): "torch.nn.utils.parametrize.remove_parametrizations(module, '{}')",
    ("parametrizations.{}.original0",): "torch.nn.utils.parametrize.remove_parametrizations(module, '{}')",
}
"""Names that torch gives to the parts of a tensor -> the call that makes one of them again."""


def unfolded(missing: Collection[str], extra: Collection[str]) -> str:
    """What to do where the parts of a missing tensor are there; the empty string where none are.

    >>> print(unfolded(["fc.weight", "fc.bias"], ["fc.weight_orig", "fc.weight_mask"]))
    Save it again after torch.nn.utils.prune.remove(module, 'weight') for each such module
    """
    for name in missing:
        stem, dot, own = name.rpartition(".")
        for parts, call in PARTS.items():
            if all(f"{stem}{dot}{part.format(own)}" in extra for part in parts):
                return f"Save it again after {call.format(own)} for each such module"
    return ""
