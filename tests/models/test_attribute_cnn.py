"""The classifier of attributes: its loss against torch's, what it refuses, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import attribute_world
from gsu_cli.errors import UsageError
from gsu_cli.models.classifiers.attribute_cnn import AttributeCnn
from gsu_cli.models.classifiers.distortion import distort_faces
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (3, 9, 7), (2, 1, 1)])
def test_shapes(shape: tuple[int, int, int], tmp_path: Path) -> None:
    model = AttributeCnn(shape, ["hat", "beard", "smile"], width=4, feature_dim=6)
    x = torch.rand(5, *shape, generator=seeded())
    assert model.features(x).shape == (5, 6)
    assert (model.features(x) >= 0).all()
    assert model(x).shape == (5, 3)
    assert model.loss(x, torch.zeros(5, 3, dtype=torch.bool), seeded()).shape == (5,)
    save_checkpoint(tmp_path / "x", model, about={})
    again = load_checkpoint(tmp_path / "x", shape=shape).model
    names = ["hat", "beard", "smile"]
    assert again.config() == model.config() == {"shape": list(shape), "attributes": names, "width": 4, "feature_dim": 6}
    assert again.attributes == tuple(names)
    assert torch.equal(again(x), model.eval()(x))


def test_loss_is_the_cross_entropy_of_each_attribute_summed() -> None:
    model, x = AttributeCnn([3, 8, 8], ["a", "b"], width=2, feature_dim=3), torch.rand(3, 3, 8, 8, generator=seeded())
    y = torch.tensor([[True, False], [False, False], [True, True]])
    yes = torch.sigmoid(model(distort_faces(x, seeded(1))).double())
    naive = -(torch.where(y, yes, 1 - yes)).log().sum(1)
    torch.testing.assert_close(model.loss(x, y, seeded(1)).double(), naive, rtol=1e-5, atol=1e-6)


def test_the_loss_is_deterministic_by_generator() -> None:
    model, images = attribute_world.cnn().model, attribute_world.dataset().heldout
    x, y = images.floats(torch.arange(20)), images.attributes[:20]
    assert torch.equal(model.loss(x, y, seeded(1)), model.loss(x, y, seeded(1)))
    assert not torch.equal(model.loss(x, y, seeded(1)), model.loss(x, y, seeded(2)))


def test_it_learns_in_a_few_passes_and_does_not_mind_a_mirror() -> None:
    """The bar lies in the middle, so a mirrored image is an image of the same kind; the square's place is not."""
    model, images = attribute_world.cnn().model, attribute_world.dataset().heldout
    for x in (images.floats(), images.floats().flip(3)):
        assert ((model(x) > 0) == images.attributes).double().mean(0).min() > 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "`model.width` must be an integer >= 1; found 0."),
        ({"feature_dim": 1.5}, "`model.feature_dim` must be an integer >= 1; found 1.5."),
        ({"attributes": []}, "must name at least one attribute, each once; found []."),
        ({"attributes": []}, "or model=judge_cnn for classes"),
        ({"attributes": ["a", "b", "a"]}, "each once; found ['a', 'b', 'a']"),
        ({"shape": [28, 28]}, "`model.shape` must be channels, height and width; found [28, 28]."),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        AttributeCnn(**{"shape": [3, 64, 64], "attributes": ["a", "b"], **options})
    assert message in str(caught.value)
