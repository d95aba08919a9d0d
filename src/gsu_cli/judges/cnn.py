"""The CNN judge: a small convolutional classifier, of classes or of attributes, trained on real images."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, to_float
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.judges.base import AttributeVerdict, Judge, Unavailable, Verdict
from gsu_cli.models.classifiers.attribute_cnn import AttributeCnn
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint
from gsu_cli.run.pretrained import shipped
from gsu_cli.run.tensor_files import digest
from gsu_cli.run.weight_files import find_weights
from gsu_cli.surgery.ranks import joined

CHUNK = 100  # images at a time: their maps stay in the caches, a quarter less time than with 250
LABEL = "CNN"


class Cnn:
    """Settings of the judge.

    Args:
        path: weights made by `gsu train model=judge_cnn`, or `model=attribute_cnn` for attributes; None takes the ones
            that ship for the data set.
        threshold: abstains below this probability of a class, or where yes and no to an attribute differ by less.
    """

    label = LABEL

    def __init__(self, path: str | None = None, threshold: float = 0.5) -> None:
        number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
        if not (number and 0 <= threshold <= 1):  # false for nan
            raise UsageError("`judge.cnn.threshold` must lie in [0, 1]", found=threshold)
        self.path, self.threshold = path, float(threshold)

    def prepare(self, dataset: Dataset, *, seed: int) -> Judge:
        """Loads the weights; ``seed`` is not used (they are fixed).

        Raises:
            Unavailable: no judge ships for the data set, and no path was given.
            CheckpointError: the file holds no judge of what the data set tells apart.
        """
        path = Path(self.path).expanduser() if self.path else shipped(dataset.name, "judge")
        kind, option = (AttributeCnn, "attribute_cnn") if dataset.attribute_names else (JudgeCnn, "judge_cnn")
        train = f"`gsu train model={option} training=judge {dataset.words or f'dataset={dataset.name}'}`"
        if path is None:
            raise Unavailable(
                f"no CNN judge ships for {dataset.name}: train one with {train} and pass "
                "judge.cnn.path=<folder>/model.safetensors"
            )
        path = find_weights(path, "judge.cnn.path").path if path.is_dir() else path
        checkpoint = load_checkpoint(path, shape=dataset.shape, key="judge.cnn.path")
        if not isinstance(checkpoint.model, kind):
            raise CheckpointError(
                f"`judge.cnn.path` must hold a judge of {'attributes' if dataset.attribute_names else 'classes'}",
                found=f"{type(checkpoint.model).__name__} in {path}",
                way_out=f"Train one with {train}",
            )
        if without := checkpoint.about.get("forget"):
            raise CheckpointError(
                "`judge.cnn.path` must have been trained on all that it is to tell apart",
                found=f"{path}, trained without {without}",
                way_out=f"Train one with {train}, without forget options",
            )
        if isinstance(checkpoint.model, AttributeCnn):
            what, missing = "attribute", sorted(set(dataset.attribute_names) - set(checkpoint.model.attributes))
        else:
            unknown = sorted(set(dataset.class_names) - set(checkpoint.model.labels.tolist()))
            what, missing = "class", [str(label) for label in unknown]
        if missing:
            raise CheckpointError(
                f"`judge.cnn.path` must know every {what} of the data set",
                found=f"{path}, which lacks {', '.join(missing)}",
                way_out=f"Train one with {train}",
            )
        judge = AttributeCnnJudge if dataset.attribute_names else CnnJudge
        return judge(checkpoint, self.threshold)


class _Network:
    """What both judges share: weights, and features, the penultimate layer's activations."""

    name = "cnn"
    label = LABEL

    def __init__(self, checkpoint: Checkpoint, threshold: float = 0.5) -> None:
        self.checkpoint, self.threshold = checkpoint, threshold
        self.model: Any = checkpoint.model

    def provenance(self) -> dict[str, object]:
        c = self.checkpoint
        known = {"dataset_sha256": c.about["dataset_sha256"]} if "dataset_sha256" in c.about else {}
        where = str(c.path.absolute())
        return {"name": self.name, "path": where, "sha256": c.sha256, **known, "threshold": self.threshold}

    def content(self) -> str:
        kind = f"{type(self.model).__module__}.{type(self.model).__qualname__}"
        about = [kind, self.model.config(), digest(self.model.state_dict())]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

    @torch.no_grad()
    def features(self, pixels: Tensor) -> Tensor:
        return joined(pixels.split(CHUNK), lambda chunk: self.model.features(to_float(chunk)))


class CnnJudge(_Network):
    """Argmax of the class probabilities.

    It names any class that it was trained on, also one that `dataset.classes` left out: a sample that looks like a 7
    is a 7, not the likeliest of the classes that remain.
    """

    model: JudgeCnn

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        logits: Tensor = self.model.head(features)
        return logits.softmax(1)

    def verdict(self, features: Tensor) -> Verdict:
        confidence, best = self.probabilities(features).max(1)
        return Verdict(self.model.labels[best], confidence, confidence < self.threshold)

    def __call__(self, pixels: Tensor) -> Verdict:
        return self.verdict(self.features(pixels))


class AttributeCnnJudge(_Network):
    """Yes or no to each attribute by its probability."""

    model: AttributeCnn

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        yes: Tensor = self.model.head(features).sigmoid()
        return torch.stack([1 - yes, yes], 2)

    def verdict(self, features: Tensor) -> AttributeVerdict:
        yes = self.probabilities(features)[:, :, 1]
        confidence = torch.maximum(yes, 1 - yes)
        return AttributeVerdict(self.model.attributes, yes > 0.5, confidence, 2 * confidence - 1 < self.threshold)

    def __call__(self, pixels: Tensor) -> AttributeVerdict:
        return self.verdict(self.features(pixels))
