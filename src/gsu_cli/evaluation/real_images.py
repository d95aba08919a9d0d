"""Real held-out images in the place of samples: the floor."""

from __future__ import annotations

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.evaluation.evaluated_model import EvaluatedModel


def real_images(images: Images) -> EvaluatedModel:
    """Real images as a subject: what a perfect generator of the retain set would score."""
    return EvaluatedModel("data", images.pixels)


def heldout_images(split: Split) -> tuple[EvaluatedModel, EvaluatedModel]:
    """All held-out images, and those of the retain set as a part of them: judges look at each image once."""
    everything = real_images(split.dataset.heldout)
    pixels = everything.pixels[split.heldout_retain]
    return everything, EvaluatedModel("data", pixels, part_of=(everything, split.heldout_retain))
