"""Sites of images to forget whose target is another image: what a wrong label is to a model that knows no labels.

A decoder is given the latent of the image, and another image to generate there. A denoiser is given the noised image,
and what would be right to say if another image lay under the same noise at the same level. One that is told labels is
given the image and its label, and what the original says there when it is told a wrong one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.models.conditions import network_inputs
from gsu_cli.models.protocols import HasDecoder
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.latents import decoded, latents


@torch.no_grad()
def image_targets(original: Any, x: Tensor, y: Tensor, other: Tensor, generator: torch.Generator) -> Sites:
    """Sites of images ``x`` with labels ``y`` under ``original``, with ``other`` images ``(n, c, h, w)`` as targets.

    Raises:
        UsageError: the model predicts the noise alone, which is the same whatever image lies under it.
    """
    if isinstance(original, HasDecoder):
        return Sites((latents(original, x, y, generator),), other)
    again = torch.Generator()
    again.set_state(generator.get_state())  # the same level and noise for both
    made, redirected = original.sites(x, y, generator), original.sites(other, y, again)
    if torch.equal(made.targets, redirected.targets) and not torch.equal(x, other):
        raise UsageError(
            "this method needs a denoiser whose target tells images apart",
            found="one that predicts the noise alone",
            way_out="Train one with model.prediction=v",
        )
    return Sites(made.inputs, redirected.targets)


@torch.no_grad()
def random_image_targets(
    original: Any, x: Tensor, y: Tensor, other: tuple[Tensor, Tensor], generator: torch.Generator
) -> Sites:
    """The same with random other images and their labels; a decoder's targets are what the original generates of them.

    Args:
        original: in eval mode.
        x, y: images to forget, and labels.
        other: images and labels, at least as many.
        generator: of the noise.

    Raises:
        UsageError: as `image_targets`.
    """
    x_p, y_p = (t[: len(x)] for t in other)
    if not isinstance(original, HasDecoder):
        return image_targets(original, x, y, x_p, generator)
    z = latents(original, x, y, generator)
    return Sites((z,), decoded(original, latents(original, x_p, y_p, generator))[: len(z)])


@torch.no_grad()
def wrong_label_targets(original: Any, x: Tensor, y: Tensor, kept: Tensor, generator: torch.Generator) -> Sites:
    """Sites of images at their labels, whose targets are what the original says at the label of something kept.

    Args:
        original: a conditional denoiser in eval mode.
        x, y: images ``(n, c, h, w)`` to forget, and labels.
        kept: labels ``(k,)``, each as likely.
        generator: of times and noise, and then of the wrong labels.
    """
    made = original.sites(x, y, generator)
    wrong = kept[torch.randint(len(kept), (len(x),), generator=generator)].to(y.device)
    x_t, t = made.inputs[:2]
    return Sites(made.inputs, original.network(*network_inputs(original, x_t, t, wrong)))
