"""A metric: the mean brightness of samples."""

from __future__ import annotations

from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind, Measurement

BRIGHTNESS = Kind("brightness", "brightness", "quality", "grey levels")


class Brightness:
    """Mean grey level of an image, with its normal interval."""

    of_real_images = True

    def __call__(self, model: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        return [BRIGHTNESS.mean(model, model.pixels.double().flatten(1).mean(1), least=0.0)]
