"""FID: the Frechet distance in the Inception features of pytorch-fid, the space of published figures.

Source: Heusel et al. 2017, arXiv 1706.08500. Opt in with ``metric=[default,fid]``.

The distance is `evaluation.frechet`'s, by symmetric eigenvalues: pytorch-fid's own calls scipy's ``sqrtm`` with an
argument that SciPy 1.18 has dropped. No interval is given. With 2,048 features and as many samples the covariance
is barely of full rank; resampling n samples leaves about 0.63 n distinct ones, whose covariance is not, so a
bootstrap would measure its own bias, and each resample costs eigenvalues of a 2,048 x 2,048 matrix on top.
`frechet_distance` has an interval and answers the same question.
"""

from __future__ import annotations

import torch

from gsu_cli.checks import as_int
from gsu_cli.evaluation.frechet import Gaussian, against_few, frechet, of_few
from gsu_cli.evaluation.inception import Inception
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator

NAME = "fid"
FID = Kind(NAME, "FID (Inception)", "quality", "", "lower")


class Fid:
    """FID of samples against real retain images.

    Args:
        weights_path: the Inception weights of pytorch-fid; None downloads them.
        samples: generated images and, at most, references; FID is biased upwards for few: compare equal n only.
        batch_size: images a forward pass.
    """

    of_real_images = True

    def __init__(self, weights_path: str | None = None, samples: int = 2048, batch_size: int = 64) -> None:
        self.samples = as_int("metric.fid.samples", samples, least=2)
        self.inception = Inception(NAME, weights_path, batch_size)

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        few = min(len(subject.pixels), context.split.n_retain)
        if few < 2:
            return [FID.missing(subject, f"a covariance needs at least two images, found {few}")]
        self.inception.network()
        key = f"{NAME}/{self.samples}"
        if key not in context.cache:
            index = context.split.retain
            order = torch.randperm(len(index), generator=generator(context.seed, NAME, "reference"))[: self.samples]
            references = self.inception.features(context.split.dataset.train.pixels[index[order]])
            context.cache[key] = Gaussian.of(references)
        features = self.inception.of(subject, self.samples, context)
        value = frechet(Gaussian.of(features), context.cache[key])
        detail = "; ".join(filter(None, (of_few(features), against_few(context.cache[key], features))))
        return [FID.of(subject, value, n=len(features), detail=detail)]
