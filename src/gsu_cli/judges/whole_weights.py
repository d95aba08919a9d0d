"""Whether the weights of a classifier of one's own are all of it: what its constructor makes anew is another judge."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from gsu_cli.errors import CheckpointError
from gsu_cli.models.unheld import first_unheld


class Net(Protocol):
    """A module, and the logits that it gives of images."""

    module: nn.Module

    def logits(self, pixels: Tensor) -> Tensor: ...


def check_whole(net: Net, again: Net, pixels: Tensor, path: Path) -> None:
    """Compares two builds of one class at the same weights.

    Args:
        net: in eval mode, with its weights.
        again: a second build, whose weights become the same.
        pixels: of some images.
        path: of the weights.

    Raises:
        CheckpointError: naming what differs.
    """
    again.module.load_state_dict(net.module.state_dict())
    first = net.logits(pixels)
    if torch.allclose(first, again.logits(pixels), 1e-5, 1e-5) or not torch.equal(first, net.logits(pixels)):
        return  # what says something else each time is told of elsewhere
    what = first_unheld(net.module, again.module) or "something that is neither a parameter nor a buffer"
    raise CheckpointError(
        f"the weights of {type(net.module).__name__} must hold all that it computes with",
        found=f"{what}, which its constructor makes anew each time, of {path}",
        way_out="Keep it by register_buffer(name, tensor), or make it of a torch.Generator with a seed of its own, "
        "and train it again",
    )
