"""Which solver Fisher surgery takes for a decoder, asked before any work."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.models.decoders import decoder_prefix
from gsu_cli.models.frozen import generating
from gsu_cli.objectives.latents import latents
from gsu_cli.surgery.devices import device_of
from gsu_cli.surgery.least_squares import first_layers, last_layer
from gsu_cli.surgery.vectors import Vector

CHOSEN = "chosen"
CANDIDATES = ("kfac", "gauss_newton", "ascent")  # of "chosen", where no layer is refitted


def directions(model: Any, split: Split, solver: str, layers: int) -> tuple[str, ...]:
    """Where a solver's candidates come from: itself, or of "chosen" several."""
    if solver != CHOSEN:
        return (solver,)
    return ("least_squares",) if _refits_attribute(model, split, layers) else CANDIDATES


def chosen_solver(model: Any, split: Split, solver: str, layers: int) -> str:
    """The solver that "auto" stands for; any other stands for itself.

    Args:
        model: with a decoder.
        split: what is to be forgotten; an image of it shows the layers their shapes.
        solver: as typed.
        layers: to refit, from the latents on.
    """
    if solver != "auto":
        return solver
    if _refits_attribute(model, split, layers):
        return "least_squares"
    return "gauss_newton" if any(isinstance(m, nn.Conv2d) for m in model.decoder.modules()) else "kfac"


def _refits_attribute(model: Any, split: Split, layers: int) -> bool:
    image = split.dataset.train[torch.tensor([0])]
    return split.target_attribute is not None and _refits(model, image, layers)


def _refits(model: Any, image: Images, layers: int) -> bool:
    """Whether the layers that latents reach first can be refitted."""
    try:
        first_layers(model.decoder, *_shown(model, image), layers)
    except UsageError:
        return False
    return True


def check_finish(model: Any, split: Split) -> None:
    """Refuses a decoder whose last layer cannot be refitted.

    Raises:
        UsageError: it is no ``Linear`` or ungrouped ``Conv2d``, is used twice, or more than a sigmoid comes behind it.
    """
    refitted_last(model, split)


def refitted_last(model: Any, split: Split) -> str:
    """The name of a decoder's last layer.

    Raises:
        UsageError: as `check_finish`.
    """
    return last_layer(model.decoder, *_shown(model, split.dataset.train[torch.tensor([0])]))[0].module


def _shown(model: Any, image: Images) -> tuple[Vector, str, Tensor]:
    """A decoder's weights, what stands before their names, and latents of an image, which show layers their shapes."""
    theta = parameters(model, generating(model))
    image = image.to(device_of(model))
    z = latents(model, image.floats(), image.labels, torch.Generator().manual_seed(0))
    return theta, decoder_prefix(model), z
