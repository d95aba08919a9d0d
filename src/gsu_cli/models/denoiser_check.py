"""Whether a denoiser's network and what it is said to predict belong together: its loss on real training images.

    gain = 1 - E |o - target|^2 / E |target|^2,

1 for a perfect word and 0 for a network that says nothing. Beside the prediction that the class names, the same output
is taken for each of the others: a scheduler with another ``prediction_type`` shows at once. One with other betas hardly
does, since its own loss looks at other noise. So at the same noised images the network is told the times at which usual
schedules have that much noise: one that was trained as it is told says most at its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsu_cli.errors import CheckpointError
from gsu_cli.models.conditions import NULL, network_inputs
from gsu_cli.models.diffusion.base import Denoiser
from gsu_cli.models.diffusion.predictions import PREDICTIONS, target
from gsu_cli.models.diffusion.schedule import retold
from gsu_cli.surgery.devices import normal

BETTER = 0.1  # gain of another prediction beyond which the named one is wrong
LOWER = 0.97  # of the loss, below which it falls at another schedule's times only where that is the right one
SURE = 4.0  # standard errors


@torch.no_grad()
def examine_denoiser(model: Any, x: Tensor, path: Path, *, generator: torch.Generator) -> dict[str, Any]:
    """Facts for the record.

    Args:
        model: with noise levels, in eval mode.
        x: training images ``(n, c, h, w)`` in [0, 1].
        path: of the weights, for messages.
        generator: of times and noise.

    Raises:
        CheckpointError: the network says nothing of its target, or fits another prediction or schedule clearly better.
    """
    t = model.times(len(x), generator)
    eps, (a, s) = normal(x.shape, generator), model.levels(t)
    noised = a * (2 * x - 1) + s * eps
    said = _said(model, noised, t)
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
    _check_times(model, noised, t, (said, target(named, 2 * x - 1, eps, a, s)), path)
    return facts


def _said(model: Any, noised: Tensor, t: Tensor) -> Tensor:
    found: Tensor = model.network(*network_inputs(model, noised, t, torch.full((len(noised),), NULL)))
    return found


def _check_times(model: Any, noised: Tensor, t: Tensor, found: tuple[Tensor, Tensor], path: Path) -> None:
    """Refuses a network that says clearly more at the times of another schedule.

    Args:
        model: which says what other schedules there are, if any.
        noised: images ``(n, c, h, w)`` at times ``t``, ``(n,)``.
        found: what the network said there, and what it should have said.
        path: of the weights, for messages.
    """
    said, wanted = found
    own, best = _each(said, wanted), ("", LOWER)
    for name, bars in model.other_schedules().items() if isinstance(model, Denoiser) else ():
        each = _each(_said(model, noised, retold(model.signal.square(), bars, t)), wanted)
        fallen, share = own - each, float(each.mean() / own.mean())
        if share < best[1] and float(fallen.mean()) > SURE * float(fallen.std()) / len(t) ** 0.5:
            best = (name, share)
    if best[0]:
        raise CheckpointError(
            "a denoiser's network must be told the noise levels that it was trained with",
            found=f"a loss on training images that falls by {1 - best[1]:.0%} at the levels of {best[0]}, with {path}",
            way_out=f"Choose {best[0]}, if it was trained with that",
        )


def _each(said: Tensor, wanted: Tensor) -> Tensor:
    """The squared error of each image, ``(n,)`` float64."""
    return (said - wanted).double().square().flatten(1).mean(1)


def gain(said: Tensor, wanted: Tensor) -> float:
    """The share of the target that the network explains."""
    return 1 - float((said - wanted).double().square().mean() / wanted.double().square().mean())
