"""The CNN judge: a small convolutional classifier trained on real images of the data set."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, to_float
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.judges.base import Judge, Unavailable, Verdict
from gsu_cli.models.judge_cnn import JudgeCnn
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint
from gsu_cli.run.pretrained import shipped

CHUNK = 250  # images at a time: their activations stay in the cache, twice as fast as 2,000


class Cnn:
    """Settings of the judge.

    Args:
        path: weights made by `gsu train model=judge_cnn`; None takes the ones that ship for the data set.
        threshold: abstains below this probability.
    """

    def __init__(self, path: str | None = None, threshold: float = 0.5) -> None:
        number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
        if not (number and 0 <= threshold <= 1):  # false for nan
            raise UsageError("`judge.cnn.threshold` must lie in [0, 1]", found=threshold)
        self.path, self.threshold = path, float(threshold)

    def prepare(self, dataset: Dataset, *, seed: int) -> Judge:
        """Loads the weights; ``seed`` is not used (they are fixed)."""
        path = Path(self.path).expanduser() if self.path else shipped(dataset.name, "judge")
        if path is None:
            raise Unavailable(
                f"no CNN judge ships for {dataset.name}: train one with "
                f"`gsu train model=judge_cnn dataset={dataset.name}` and pass judge.cnn.path=<folder>/model.safetensors"
            )
        checkpoint = load_checkpoint(path, shape=dataset.shape, key="judge.cnn.path")
        if not isinstance(checkpoint.model, JudgeCnn):
            raise CheckpointError(
                "`judge.cnn.path` must hold a judge",
                found=f"{type(checkpoint.model).__name__} in {path}",
                way_out="Train one with `gsu train model=judge_cnn`",
            )
        missing = set(dataset.class_names) - set(checkpoint.model.labels.tolist())
        if missing:
            raise CheckpointError(
                "`judge.cnn.path` must know every class of the data set",
                found=f"{path}, which lacks {sorted(missing)}",
                way_out="Train one with `gsu train model=judge_cnn` and the same dataset options",
            )
        return CnnJudge(checkpoint, self.threshold)


class CnnJudge:
    """Argmax of the class probabilities; features are the penultimate layer's activations.

    It names any class that it was trained on, also one that `dataset.classes` left out: a drawing that looks like a 7
    is a 7, not the likeliest of the classes that remain.
    """

    name = "cnn"

    def __init__(self, checkpoint: Checkpoint, threshold: float = 0.5) -> None:
        self.checkpoint, self.threshold = checkpoint, threshold
        self.model: JudgeCnn = checkpoint.model

    def provenance(self) -> dict[str, object]:
        c = self.checkpoint
        return {"name": self.name, "path": str(c.path), "sha256": c.sha256, "threshold": self.threshold}

    @torch.no_grad()
    def features(self, pixels: Tensor) -> Tensor:
        return torch.cat([self.model.features(to_float(chunk)) for chunk in pixels.split(CHUNK)])

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        logits: Tensor = self.model.head(features)
        return logits.softmax(1)

    def verdict(self, features: Tensor) -> Verdict:
        confidence, best = self.probabilities(features).max(1)
        return Verdict(self.model.labels[best], confidence, confidence < self.threshold)

    def __call__(self, pixels: Tensor) -> Verdict:
        return self.verdict(self.features(pixels))
