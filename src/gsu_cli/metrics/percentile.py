"""Where forgotten images stand among unseen ones, by their loss: 50 is like an unseen image, 100 the most conspicuous.

    P_i = share of held-out images whose loss lies below that of forgotten image i   (ties by half)

It is asked where single images or a random part were forgotten. Nobody can look for these in generated images, yet
whoever has the model can rank them by their loss. `gsu audit` says more of the same, with attacks and references.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.data.copies import copies
from gsu_cli.errors import NonFiniteError
from gsu_cli.evaluation.placements import mean_percentile
from gsu_cli.gradients import image_losses
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind, Measurement
from gsu_cli.models.protocols import HasLoss
from gsu_cli.run.seeds import derive, generator

PERCENTILE = Kind("unseen_percentile", "percentile among unseen images", "forgetting", "%")
REPEATS = 4  # of noise, over which each image's loss is averaged
MOST = 1000  # images of each part


class UnseenPercentile:
    """Mean percentile of the forgotten images, with an interval over them and the unseen ones.

    Unseen are held-out images of the forgotten class or attribute, where a part of one was forgotten; canaries that
    were never planted, where canaries were forgotten; else all. One that equals a training image is left out.
    """

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        split = context.split
        if not (split.by_index or split.fraction is not None) or not split.n_forget:
            return []
        if subject.model is None or not isinstance(subject.model, HasLoss):
            return []
        if split.lacks_unseen:
            return [PERCENTILE.missing(subject, split.lacks_unseen)]
        whole, index = split.unseen
        key = f"{PERCENTILE.name}/unseen"
        if key not in context.cache:  # an image that training met as well is not unseen
            train = split.dataset.train.pixels.cpu()
            context.cache[key] = index[~copies(whole.pixels.cpu(), index, train, torch.arange(len(train)))]
        if not len(index := context.cache[key]):
            return [PERCENTILE.missing(subject, "there is no held-out image to rank among")]
        try:
            forgotten = self._losses(subject, split.dataset.train, split.different, context.seed, "forgotten")
            unseen = self._losses(subject, whole, index, context.seed, "unseen")
        except NonFiniteError as e:  # a model that a method has blown up is a finding, and its other numbers count
            return [PERCENTILE.missing(subject, str(e).rstrip("."))]
        return [PERCENTILE.of(subject, *mean_percentile(forgotten, unseen), len(forgotten))]

    def _losses(self, subject: EvaluatedModel, whole: Images, index: Tensor, seed: int, part: str) -> Tensor:
        """Of at most `MOST` images, the same for every subject."""
        if len(index) > MOST:
            order = torch.randperm(len(index), generator=generator(seed, "percentile", part))
            index = index[order[:MOST].sort().values]
        images = whole[index]
        rows = [image_losses(subject.model, images, seed=derive(seed, "percentile", part, k)) for k in range(REPEATS)]
        return torch.stack(rows).double().mean(0)
