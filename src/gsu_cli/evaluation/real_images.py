"""Real held-out images in the place of samples: the floor."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.run.seeds import generator


def real_images(images: Images) -> EvaluatedModel:
    """Real images as a subject: what a perfect generator of the retain set would score."""
    return EvaluatedModel("data", images.pixels)


def heldout_images(split: Split) -> tuple[EvaluatedModel, EvaluatedModel]:
    """All held-out images, and those of the retain set as a part of them: judges look at each image once."""
    everything = real_images(split.dataset.heldout)
    pixels = everything.pixels[split.heldout_retain]
    return everything, EvaluatedModel("data", pixels, part_of=(everything, split.heldout_retain))


def at_most(most: int, n: int, seed: int) -> Tensor:
    """Places of at most ``most`` of ``n`` real images, in random order: as they lie, the first may be of one class.

    >>> at_most(3, 2, 0).sort().values.tolist()
    [0, 1]
    """
    return torch.randperm(n, generator=generator(seed, "real images"))[:most]


def some(most: int, subject: EvaluatedModel, seed: int) -> Tensor:
    """Places of at most ``most`` images of ``subject``, in an order that says nothing of what they show.

    Of a model's samples they are the first: any latent is as random as the next.
    """
    n = len(subject.pixels)
    return at_most(most, n, seed) if subject.name == "data" else torch.arange(min(most, n))
