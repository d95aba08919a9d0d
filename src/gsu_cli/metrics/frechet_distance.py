"""Frechet distance between drawings and real *retain* images in the features of a judge.

Source: Dowson and Landau 1982 for the distance, Heusel et al. 2017 (arXiv 1706.08500) for its use on features. The
reference never holds what was to be forgotten, so forgetting itself cannot make the figure worse.
"""

from __future__ import annotations

import torch

from gsu_cli.metrics.base import Z95, Scene, Subject, missing
from gsu_cli.metrics.frechet import Gaussian, frechet
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator

NAME = "frechet_distance"


class FrechetDistance:
    """Distance to at most ``references`` real retain images in the CNN judge's features.

    The interval is value +- 1.96 bootstrap standard deviations (drawings resampled; a percentile interval would be
    shifted upwards by the estimator's own bias). The floor is the "data" row: held-out real retain images.

    Args:
        references: real training images of the retain set.
        resamples: of the bootstrap.
    """

    def __init__(self, references: int = 10_000, resamples: int = 50) -> None:
        self.references, self.resamples = references, resamples

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        judge = scene.feature_judge()
        if judge is None:
            reason = scene.unavailable.get("cnn", "no judge with features was chosen")
            return [missing(NAME, subject, reason, unit="", better="lower")]
        key = f"{NAME}/{judge.name}/{self.references}"
        if key not in scene.cache:
            index = scene.split.retain
            order = torch.randperm(len(index), generator=generator(scene.seed, NAME, "reference"))[: self.references]
            scene.cache[key] = Gaussian.of(judge.features(scene.split.dataset.train.pixels[index[order]]))
        reference: Gaussian = scene.cache[key]
        features = subject.features(judge)
        value = frechet(Gaussian.of(features), reference)
        rng = generator(scene.seed, NAME, "bootstrap")
        n = len(features)
        spread = []
        for _ in range(self.resamples):
            counts = torch.bincount(torch.randint(n, (n,), generator=rng), minlength=n)
            spread.append(frechet(Gaussian.of(features, counts), reference))
        half = Z95 * torch.tensor(spread, dtype=torch.float64).std().item()
        low, high = max(0.0, value - half), value + half
        return [Measurement(NAME, subject.name, value, low, high, n, "", "lower", judge.name, subject.sha256)]
