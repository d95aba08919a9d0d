"""What a distance that falls with the number of images is of as many others: of real ones, or of samples."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.evaluation import cached
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.frechet import Gaussian, frechet
from gsu_cli.judges.base import FeatureJudge
from gsu_cli.run.few_images import are_few, real_too_high, too_high
from gsu_cli.run.seeds import generator


def at_same_count(
    n: int, judge: FeatureJudge, reference: Gaussian, subject: EvaluatedModel, context: EvaluationContext
) -> str:
    """What to know of the Frechet distance of ``n`` images of ``subject``; empty where they are not far the fewer.

    Of samples it is the distance of as many held-out retain images, of these that of as many of the original's samples.
    """
    if subject.name == "data":
        original = context.original
        if original is None or not are_few(n, len(original.pixels)):
            return ""
        found = frechet(Gaussian.of(original.features(judge)[:n].double()), reference)
        return f"{real_too_high(n)}: as many samples of the original have {found:.2f}"
    index = context.split.heldout_retain
    if not are_few(n, len(index)):
        return ""
    key = f"frechet_distance/{judge.name}/{reference.n}/as many as {n}"
    if key not in context.cache:
        some = index[torch.randperm(len(index), generator=generator(context.seed, "frechet_distance", "as many"))[:n]]
        context.cache[key] = frechet(Gaussian.of(_real(judge, some, context)), reference)
    return f"{too_high(n)}: as many real ones have {context.cache[key]:.2f}"


def _real(judge: FeatureJudge, index: Tensor, context: EvaluationContext) -> Tensor:
    return cached.features(judge, context.split.dataset.heldout.pixels[index], recur=True)
