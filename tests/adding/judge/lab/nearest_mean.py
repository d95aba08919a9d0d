"""A judge: the class whose mean training image lies nearest."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset
from gsu_cli.judges.base import Judge, Unavailable, Verdict


class NearestMean:
    """Settings of the judge; it has none."""

    label = "means"

    def prepare(self, dataset: Dataset, *, seed: int) -> Judge:
        if dataset.attribute_names:
            raise Unavailable("means are of classes; this data set has attributes")
        return Means(dataset)


class Means:
    """Ready for one data set; sure where the nearest mean is half as far as the next."""

    name = "nearest_mean"
    label = "means"

    def __init__(self, dataset: Dataset) -> None:
        images = dataset.train
        self.labels = torch.tensor(sorted(dataset.class_names))
        self.means = torch.stack([images.floats((images.labels == c).nonzero()[:, 0]).mean(0) for c in self.labels])

    def __call__(self, pixels: Tensor) -> Verdict:
        far = torch.cdist(pixels.flatten(1) / 255.0, self.means.flatten(1))
        near = far.topk(2, largest=False)
        sure = 1 - near.values[:, 0] / near.values[:, 1].clamp(min=1e-9)
        return Verdict(self.labels[near.indices[:, 0]], sure, sure < 0.5)

    def provenance(self) -> dict[str, object]:
        return {"name": self.name, "references": len(self.labels)}
