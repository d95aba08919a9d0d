"""The k-nearest-neighbour judge: a vote of real images, nothing learned, so nothing it can share with a CNN's faults."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images
from gsu_cli.errors import UsageError
from gsu_cli.judges.base import Judge, Verdict
from gsu_cli.run.seeds import generator


class Knn:
    """Settings of the judge.

    Args:
        k: neighbours that vote.
        references: real training images to vote, a random part of the training set when it has more.
    """

    def __init__(self, k: int = 5, references: int = 10_000) -> None:
        if not (isinstance(k, int) and isinstance(references, int) and 1 <= k <= references):
            raise UsageError("`judge.knn` needs integers 1 <= k <= references", found=f"k={k}, references={references}")
        self.k, self.references = k, references

    def prepare(self, dataset: Dataset, *, seed: int) -> Judge:
        """Draws the reference images from the training set (forget and retain parts alike)."""
        order = torch.randperm(len(dataset.train), generator=generator(seed, "judge", "knn"))
        return KnnJudge(dataset.train[order[: self.references]], self.k)


class KnnJudge:
    """Majority of the ``k`` nearest real images by Euclidean distance of raw pixels; the nearer label wins a tie.

    It abstains where no label has more than half of the votes.
    """

    name = "knn"

    def __init__(self, images: Images, k: int = 5) -> None:
        self.k = min(k, len(images))
        self.labels = images.labels
        self.points = images.floats().flatten(1)
        self.squares = self.points.square().sum(1)

    def provenance(self) -> dict[str, object]:
        return {"name": self.name, "k": self.k, "references": len(self.points)}

    def __call__(self, pixels: Tensor) -> Verdict:
        labels, confidence = [], []
        for chunk in pixels.split(1000):
            x = chunk.flatten(1).to(torch.float32).div_(255.0)
            # ranks of |x - p|^2 are those of |p|^2 - 2 x.p
            near = torch.addmm(self.squares, x, self.points.T, alpha=-2.0).topk(self.k, largest=False, sorted=True)
            votes = self.labels[near.indices]  # (m, k), nearest first
            same = (votes[:, :, None] == votes[:, None, :]).sum(2)  # votes that agree with each neighbour's
            best = same.argmax(1, keepdim=True)  # the first maximum is the nearest of the tied
            labels.append(votes.gather(1, best)[:, 0])
            confidence.append(same.gather(1, best)[:, 0] / self.k)
        share = torch.cat(confidence)
        return Verdict(torch.cat(labels), share, share <= 0.5)
