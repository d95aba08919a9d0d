from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import tiny_world
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.judges.base import FeatureJudge, Judge, Unavailable
from gsu_cli.judges.cnn import CHUNK, Cnn, CnnJudge
from gsu_cli.judges.knn import Knn
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint


@pytest.fixture
def weights(tmp_path):
    """A judge that knows more classes than the data set has."""
    torch.manual_seed(0)
    path = tmp_path / "judge.safetensors"
    save_checkpoint(path, JudgeCnn((1, 8, 8), [1, 3, 5, 8], width=4, feature_dim=6), about={})
    return path


def test_one_pass_over_the_images_serves_all(weights):
    judge = CnnJudge(load_checkpoint(weights))
    assert isinstance(judge, FeatureJudge)
    pixels = tiny_world.bars(CHUNK + 10, 3).pixels
    features = judge.features(pixels)
    assert features.shape == (CHUNK + 10, 6)
    direct, shared = judge(pixels), judge.verdict(features)
    assert torch.equal(direct.labels, shared.labels)
    assert torch.equal(direct.confidence, shared.confidence)
    assert torch.allclose(judge.probabilities(features).sum(1), torch.ones(len(pixels)))


def test_it_names_label_values_not_columns(weights):
    judge = CnnJudge(load_checkpoint(weights))
    pixels = tiny_world.dataset().heldout.pixels
    column = judge.probabilities(judge.features(pixels)).argmax(1)
    assert torch.equal(judge(pixels).labels, torch.tensor([1, 3, 5, 8])[column])


def test_it_may_name_a_class_that_the_data_set_was_restricted_from(weights):
    judge = Cnn(str(weights)).prepare(tiny_world.dataset(), seed=0)
    with torch.no_grad():
        judge.model.head.bias.copy_(torch.tensor([0.0, 0.0, 1e3, 0.0]))
    assert judge(tiny_world.dataset().heldout.pixels).labels.unique().tolist() == [5]


def test_abstains_below_the_threshold(weights):
    pixels = tiny_world.dataset().heldout.pixels
    never, always = (Cnn(str(weights), threshold=t).prepare(tiny_world.dataset(), seed=0) for t in (0, 1))
    assert not never(pixels).abstains.any()
    assert always(pixels).abstains.all()


def test_a_judge_that_lacks_a_class_is_refused(weights):
    data = replace(tiny_world.dataset(), class_names={1: "a", 2: "b", 3: "c"})
    with pytest.raises(CheckpointError, match=r"lacks 2\. Train one with `gsu train"):
        Cnn(str(weights)).prepare(data, seed=0)


def test_a_generator_is_no_judge(tmp_path):
    path = tmp_path / "vae.safetensors"
    save_checkpoint(path, tiny_world.fresh(), about={})
    with pytest.raises(CheckpointError, match="must hold a judge of classes; found MlpVae"):
        Cnn(str(path)).prepare(tiny_world.dataset(), seed=0)


def test_where_none_ships_the_reason_says_how_to_get_one():
    with pytest.raises(Unavailable, match="`gsu train model=judge_cnn training=judge dataset=bars`"):
        Cnn().prepare(tiny_world.dataset(), seed=0)


def test_provenance_names_file_and_digest(weights):
    found = Cnn(str(weights)).prepare(tiny_world.dataset(), seed=0).provenance()
    assert found["path"] == str(weights)
    assert len(str(found["sha256"])) == 64


def test_knn_has_no_features():
    knn = Knn().prepare(tiny_world.dataset(), seed=0)
    assert isinstance(knn, Judge)
    assert not isinstance(knn, FeatureJudge)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), "0.5", True])
def test_refuses_a_threshold_that_is_no_share(threshold):
    with pytest.raises(UsageError, match=r"judge\.cnn\.threshold"):
        Cnn(threshold=threshold)
