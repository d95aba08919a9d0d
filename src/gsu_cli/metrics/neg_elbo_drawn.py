"""-ELBO of drawings under the retrained model: what no judge is asked for, and a smear cannot please.

    E_x [ -ELBO_retrained(x) ],   x drawn by the subject

A ratio counts what judges still recognise, a Frechet distance looks through a judge's features: both are content with a
smear where glasses were. The model that was retrained without the forgotten data draws what should be there instead,
and says in nats per image how strange it finds what is there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import image_losses
from gsu_cli.metrics.base import NO_IMAGES, Scene, Subject, mean_of, missing, whole_number
from gsu_cli.metrics.heldout import change_from_original
from gsu_cli.models.conditions import conditions_of
from gsu_cli.models.protocols import NATS, loss_unit
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive

NAME = "neg_elbo_drawn"


class NegElboDrawn:
    """Mean negative ELBO of drawings under the retrained model, normal interval over drawings.

    The retrained model's own drawings are the mark, and neither direction is better by itself: a subject above it draws
    what that model would not, one far below it too little of what there is (easy images alone, say: ones are the
    easiest digit, so forgetting them raises the number). It finds its own drawings likelier than another model's of
    the same things, so this compares steps from one original with each other before it compares with retraining. Real
    held-out retain images have a number, too. The change from the original is image by image, at the same latents.
    Nothing is measured where no retrained model stands beside.

    Args:
        images: drawings, at most; the first ones.

    Raises:
        UsageError: ``images`` is no integer >= 2.
    """

    def __init__(self, images: int = 2000) -> None:
        if not whole_number(images, 2):
            raise UsageError("`metric.neg_elbo_drawn.images` must be an integer >= 2", found=images)
        self.images = images

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        if scene.retrained is None:
            return []
        if (unit := loss_unit(scene.retrained.model)) != NATS:
            reason = f"{type(scene.retrained.model).__name__} has no -ELBO: its loss is the {unit}"
            return [missing(NAME, subject, reason, unit=NATS)]
        pixels = subject.pixels[: self.images]
        if not len(pixels):
            return [missing(NAME, subject, NO_IMAGES, unit=NATS)]
        try:
            losses = unlabelled_losses(scene.retrained.model, pixels, seed=derive(scene.seed, "elbo", "drawn"))
        except NonFiniteError as e:
            return [missing(NAME, subject, str(e).rstrip("."), unit=NATS)]
        paired = subject.name in ("original", "unlearned")  # others draw at latents of their own
        change = change_from_original(losses, subject, scene.cache, NAME) if paired else None
        return [mean_of(NAME, subject, losses, NATS, None, change=change)]


def unlabelled_losses(model: Any, pixels: Tensor, *, seed: int) -> Tensor:
    """The -ELBO of images whose class nobody knows, ``(n,)`` float64, nats.

    Of a conditional model that is ``-log sum_c p(c) exp(ELBO(x | c))``, with ``p(c)`` the shares in its training data:
    a bound on ``-log p(x)`` as well.

    Args:
        model: the retrained one.
        pixels: uint8 ``(n, c, h, w)``.
        seed: of the noise.
    """
    if not conditions_of(model):
        return image_losses(model, Images(pixels, torch.zeros(len(pixels), dtype=torch.int64)), seed=seed).double()
    shares = model.condition_shares.double().cpu()
    met = shares.nonzero()[:, 0]
    parts = [
        image_losses(model, Images(pixels, torch.full((len(pixels),), c)), seed=seed).double() for c in met.tolist()
    ]
    return -torch.logsumexp((shares[met] / shares.sum()).log()[:, None] - torch.stack(parts), 0)
