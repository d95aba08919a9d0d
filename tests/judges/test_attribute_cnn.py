"""The CNN judge of attributes, what it says in words of columns, and which weights it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import attribute_world
import tiny_world
from gsu_cli.data.split import Split
from gsu_cli.errors import CheckpointError
from gsu_cli.judges.base import AttributeVerdict, FeatureJudge, Unavailable
from gsu_cli.judges.cnn import CHUNK, AttributeCnnJudge, Cnn
from gsu_cli.models.classifiers.attribute_cnn import AttributeCnn
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A judge that knows more attributes than the data set has, in another order."""
    torch.manual_seed(0)
    path = tmp_path / "judge.safetensors"
    model = AttributeCnn((3, 16, 16), ["square", "moon", "bar"], width=2, feature_dim=5)
    save_checkpoint(path, model, about={})
    return path


def test_one_pass_over_the_images_serves_all(weights: Path) -> None:
    judge = AttributeCnnJudge(load_checkpoint(weights))
    assert isinstance(judge, FeatureJudge)
    pixels = attribute_world.signs(CHUNK + 10, 3).pixels
    features = judge.features(pixels)
    assert features.shape == (CHUNK + 10, 5)
    p = judge.probabilities(features)
    assert p.shape == (CHUNK + 10, 3, 2)
    torch.testing.assert_close(p.sum(2), torch.ones(CHUNK + 10, 3))
    direct, shared = judge(pixels), judge.verdict(features)
    assert torch.equal(direct.present, shared.present)
    assert torch.equal(direct.confidence, shared.confidence)


def test_confidence_is_that_of_what_it_says() -> None:
    judge = AttributeCnnJudge(replace(attribute_world.cnn().checkpoint), threshold=0.8)
    features = judge.features(attribute_world.dataset().heldout.pixels)
    yes = judge.model.head(features).sigmoid().detach()
    verdict = judge.verdict(features)
    assert torch.equal(verdict.present, yes > 0.5)
    torch.testing.assert_close(verdict.confidence, torch.where(yes > 0.5, yes, 1 - yes))
    assert torch.equal(verdict.abstains, (yes - 0.5).abs() < 0.4), "no and yes differ by less than the threshold"


def test_it_is_right_on_images_it_never_saw() -> None:
    data = attribute_world.dataset()
    assert (attribute_world.cnn()(data.heldout.pixels).present == data.heldout.attributes).double().mean(0).min() > 0.95


def test_abstains_below_the_threshold(weights: Path) -> None:
    data = attribute_world.dataset()
    never, always = (Cnn(str(weights), threshold=t).prepare(data, seed=0) for t in (0, 1))
    assert not never(data.heldout.pixels).abstains.any()
    assert always(data.heldout.pixels).abstains.all()


def test_columns_are_found_by_name(weights: Path) -> None:
    data, split = attribute_world.dataset(), attribute_world.split()
    judge = Cnn(str(Path(weights).parent)).prepare(data, seed=0)  # the folder of the run that made them
    with torch.no_grad():
        judge.model.head.weight.zero_()
        judge.model.head.bias.copy_(torch.tensor([-5.0, 5.0, 5.0]))  # no square, a moon, a bar
    verdict = judge(data.heldout.pixels)
    assert verdict.has("bar").all()
    assert verdict.shows(split).all()
    assert not verdict.has("square").any()
    known = replace(attribute_world.dataset(), attribute_names=("bar", "square"))
    only = AttributeVerdict(("square", "bar"), verdict.present[:, [0, 2]], *[verdict.confidence[:, [0, 2]]] * 2)
    assert torch.equal(only.right(known.heldout, split), data.heldout.attributes[:, 0])


def test_where_nothing_is_forgotten_every_answer_counts() -> None:
    data = attribute_world.dataset()
    n, none = len(data.heldout), torch.empty(0, dtype=torch.int64)
    split = Split(data, none, torch.arange(len(data.train)), none, torch.arange(n))
    truth = data.heldout.attributes
    verdict = AttributeVerdict(data.attribute_names, truth.clone(), truth.double(), truth.clone())
    verdict.present[:50, 1] = ~truth[:50, 1]
    assert verdict.right(data.heldout, split).shape == (2 * n,)
    assert int((~verdict.right(data.heldout, split)).sum()) == 50
    assert verdict.shows(split) is None
    assert torch.equal(verdict.unsure(split), truth.any(1))


def test_of_what_is_forgotten_alone() -> None:
    data, split = attribute_world.dataset(), attribute_world.split()
    truth = data.heldout.attributes
    verdict = AttributeVerdict(data.attribute_names, truth.clone(), truth.double(), truth.clone())
    verdict.present[:50, 1] = ~truth[:50, 1]  # wrong about the square, which stays
    assert verdict.right(data.heldout, split).all()
    assert torch.equal(verdict.unsure(split), truth[:, 0])
    index = torch.tensor([3, 1])
    assert torch.equal(verdict[index].present, verdict.present[index])
    assert torch.equal(verdict[index].abstains, verdict.abstains[index])
    with pytest.raises(ValueError, match="images without attributes"):
        verdict.right(replace(data.heldout, attributes=None), split)


def saved(path: Path, model: torch.nn.Module) -> str:
    save_checkpoint(path, model, about={})
    return str(path)


def test_a_judge_that_lacks_an_attribute_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "x", AttributeCnn((3, 16, 16), ["bar", "moon"], width=2, feature_dim=3))
    with pytest.raises(CheckpointError, match=r"every attribute.*lacks square\. Train one with `gsu train model=attr"):
        Cnn(path).prepare(attribute_world.dataset(), seed=0)


def test_a_judge_of_classes_is_none_of_attributes_nor_the_reverse(weights: Path, tmp_path: Path) -> None:
    path = saved(tmp_path / "x", JudgeCnn((3, 16, 16), [0, 1], width=2, feature_dim=3))
    with pytest.raises(CheckpointError, match="a judge of attributes; found JudgeCnn.*model=attribute_cnn"):
        Cnn(path).prepare(attribute_world.dataset(), seed=0)
    path = saved(tmp_path / "y", AttributeCnn((1, 8, 8), ["bar"], width=2, feature_dim=3))
    with pytest.raises(CheckpointError, match="a judge of classes; found AttributeCnn.*model=judge_cnn"):
        Cnn(path).prepare(tiny_world.dataset(), seed=0)


def test_where_none_ships_the_reason_says_how_to_get_one() -> None:
    with pytest.raises(Unavailable, match="`gsu train model=attribute_cnn training=judge dataset=signs`"):
        Cnn().prepare(attribute_world.dataset(), seed=0)


def test_provenance_names_file_and_digest(weights: Path) -> None:
    found = Cnn(str(weights)).prepare(attribute_world.dataset(), seed=0).provenance()
    assert (found["name"], found["path"], found["threshold"]) == ("cnn", str(weights), 0.5)
    assert len(str(found["sha256"])) == 64
