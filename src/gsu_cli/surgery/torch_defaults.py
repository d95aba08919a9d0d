"""What torch keeps for the whole process: code of one's own that sets it changes all that is computed afterwards."""

from __future__ import annotations

import torch

from gsu_cli.errors import UsageError


def check_defaults(who: str) -> None:
    """Checks that torch still makes float32 and keeps track of gradients; sets it back where it does not.

    Args:
        who: ran before, for the sentence.

    Raises:
        UsageError: it set something else for the whole process.
    """
    kind, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    if kind == torch.float32 and gradients:
        return
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    found = "torch.set_grad_enabled(False)" if kind == torch.float32 else f"torch.set_default_dtype({kind})"
    inside = "with torch.no_grad()" if kind == torch.float32 else "dtype= where a tensor is made"
    raise UsageError(f"{who} must leave torch's own settings as they are", found=found, way_out=f"Use {inside} instead")
