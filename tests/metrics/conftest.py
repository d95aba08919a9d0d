from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_world
from gsu_cli.data.split import Split
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.judges.cnn import CnnJudge
from gsu_cli.judges.knn import Knn
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe


@pytest.fixture(scope="session")
def cnn() -> CnnJudge:
    torch.manual_seed(0)
    model = JudgeCnn((1, 8, 8), [1, 3, 8], width=4, feature_dim=6)
    fit(model, tiny_world.dataset().train, Recipe(epochs=3, batch_size=64, lr=1e-2), seed=0)
    return CnnJudge(Checkpoint(model.eval(), None, "00"))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def knn() -> Any:
    return Knn(references=200).prepare(tiny_world.dataset(), seed=0)


@pytest.fixture
def context(cnn, knn) -> EvaluationContext:
    return EvaluationContext(tiny_world.split(), {"cnn": cnn, "knn": knn}, {}, seed=0)


@pytest.fixture
def subject() -> EvaluatedModel:
    model = tiny_world.trained()
    return EvaluatedModel("original", generate_samples(model, 300, 0), model, "ab")


@pytest.fixture
def nobody() -> EvaluatedModel:
    return EvaluatedModel("data", torch.empty(0, 1, 8, 8, dtype=torch.uint8))


def context_of(split: Split, *judges: Any, **unavailable: str) -> EvaluationContext:
    return EvaluationContext(split, {j.name: j for j in judges}, unavailable, seed=0)
