"""-ELBO of drawings under the retrained model: what no judge is asked for, and a smear cannot please.

    E_x [ -ELBO_retrained(x) ],   x drawn by the subject

A ratio counts what judges still recognise, a Frechet distance looks through a judge's features: both are content with a
smear where glasses were. The model that was retrained without the forgotten data draws what should be there instead,
and says in nats per image how strange it finds what is there.
"""

from __future__ import annotations

import torch

from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import image_losses
from gsu_cli.metrics.base import Z95, Scene, Subject, missing, whole_number
from gsu_cli.metrics.neg_elbo import paired_change
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive

NAME = "neg_elbo_drawn"
UNIT = "nats/image"


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
        pixels = subject.pixels[: self.images]
        if len(pixels) < 2:
            return [missing(NAME, subject, "fewer than two images", unit=UNIT)]
        unlabelled = Images(pixels, torch.zeros(len(pixels), dtype=torch.int64))
        try:
            losses = image_losses(scene.retrained.model, unlabelled, seed=derive(scene.seed, "elbo", "drawn")).double()
        except NonFiniteError as e:
            return [missing(NAME, subject, str(e).rstrip("."), unit=UNIT)]
        before = scene.cache.setdefault(NAME, losses if subject.name == "original" else None)
        span = paired_change(before, losses) if before is not None and subject.name == "unlearned" else None
        mean, half = losses.mean().item(), Z95 * losses.std().item() / len(losses) ** 0.5
        low, high = span or (None, None)
        return [
            Measurement(NAME, subject.name, mean, mean - half, mean + half, len(losses), UNIT, None, None,
                        subject.sha256, change_low=low, change_high=high)
        ]  # fmt: skip
