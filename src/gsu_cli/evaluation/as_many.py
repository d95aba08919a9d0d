"""What a distance that falls with the number of images is of as many real ones."""

from __future__ import annotations

import torch

from gsu_cli.evaluation import looks
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.frechet import Gaussian, frechet
from gsu_cli.judges.base import FeatureJudge
from gsu_cli.run.few_images import are_few, too_high
from gsu_cli.run.seeds import generator


def of_as_many(
    n: int, judge: FeatureJudge, reference: Gaussian, subject: EvaluatedModel, context: EvaluationContext
) -> str:
    """The Frechet distance of ``n`` held-out retain images in words; empty where the "data" row is of hardly more."""
    index = context.split.heldout_retain
    if subject.name == "data" or not are_few(n, len(index)):
        return ""
    key = f"frechet_distance/{judge.name}/{reference.n}/as many as {n}"
    if key not in context.cache:
        some = index[torch.randperm(len(index), generator=generator(context.seed, "frechet_distance", "as many"))[:n]]
        features = looks.features(judge, context.split.dataset.heldout.pixels[some], recur=True)
        context.cache[key] = frechet(Gaussian.of(features), reference)
    return f"{too_high(n)}: as many real ones have {context.cache[key]:.2f}"
