"""Whether a denoiser's network and what it is said to predict belong together: its loss on real training images.

    gain = 1 - E |o - target|^2 / E |target|^2,

1 for a perfect word and 0 for a network that says nothing. Beside the prediction that the class names, the same output
is taken for each of the others: a scheduler with another ``prediction_type`` shows at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsu_cli.errors import CheckpointError
from gsu_cli.models.conditions import NULL, network_inputs
from gsu_cli.models.diffusion.predictions import PREDICTIONS, target
from gsu_cli.surgery.devices import normal

BETTER = 0.1  # gain of another prediction beyond which the named one is wrong


@torch.no_grad()
def examine_denoiser(model: Any, x: Tensor, path: Path, *, generator: torch.Generator) -> dict[str, Any]:
    """Facts for the record.

    Args:
        model: with noise levels, in eval mode.
        x: training images ``(n, c, h, w)`` in [0, 1].
        path: of the weights, for messages.
        generator: of times and noise.

    Raises:
        CheckpointError: the network says nothing of its target, or fits another prediction clearly better.
    """
    t = model.times(len(x), generator)
    eps, (a, s) = normal(x.shape, generator), model.levels(t)
    said = model.network(*network_inputs(model, a * (2 * x - 1) + s * eps, t, torch.full((len(x),), NULL)))
    gains = {kind: gain(said, target(kind, 2 * x - 1, eps, a, s)) for kind in PREDICTIONS}
    named, best = model.prediction, max(gains, key=lambda kind: gains[kind])
    facts = {"images": len(x), "gain": gains[named]}
    if not gains[named] > 0 or gains[best] > gains[named] + BETTER:
        fits = f"; as {best} it would explain {gains[best]:.0%}" if gains[best] > max(gains[named], 0) else ""
        raise CheckpointError(
            "a denoiser's network must say what its scheduler takes it to say",
            found=f"{gains[named]:.0%} of {named} explained on training images{fits}, with {path}",
            way_out="Write the prediction_type that it was trained with, or choose the images that it was trained on",
        )
    return facts


def gain(said: Tensor, wanted: Tensor) -> float:
    """The share of the target that the network explains."""
    return 1 - float((said - wanted).double().square().mean() / wanted.double().square().mean())
