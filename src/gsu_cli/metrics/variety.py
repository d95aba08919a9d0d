"""Variety: how far samples lie from their mean. A model that generates one image whatever the latent has none."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from gsu_cli.evaluation.real_images import some
from gsu_cli.metrics.base import NO_IMAGES, EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.record import Measurement

SPREAD = Kind("variety", "spread of samples", "trust", "grey levels", place="aside", ruined_at=0.25)
MOST = 2000  # samples: a spread needs no more


class Variety:
    """Root mean square distance of the first 2,000 samples from their mean image; normal interval of the square.

    Of real images 2,000 at random count.
    """

    of_real_images = True

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        pixels = subject.pixels[some(MOST, subject, context.seed).sort().values]
        if not len(pixels):
            return [SPREAD.missing(subject, NO_IMAGES)]
        mean = pixels.sum(0, dtype=torch.int64).double() / len(pixels)
        parts = [(chunk.double() - mean).flatten(1).square().mean(1) for chunk in pixels.split(500)]
        squared = SPREAD.mean(subject, torch.cat(parts), least=0.0)
        value, low, high = (None if x is None else math.sqrt(x) for x in (squared.value, squared.low, squared.high))
        if len(pixels) == 2:  # both lie equally far from their mean: that spread says nothing
            low = high = None
        return [replace(squared, value=value, low=low, high=high)]
