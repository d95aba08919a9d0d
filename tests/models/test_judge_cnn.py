"""The judge's network: shapes, its distortions, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.models.classifiers.distortion import distort
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (1, 5, 7), (2, 1, 1)])
def test_shapes(shape: tuple[int, int, int], tmp_path: Path) -> None:
    model = JudgeCnn(shape, [3, 8, 1], width=4, feature_dim=6)
    x = torch.rand(5, *shape, generator=seeded())
    assert model.features(x).shape == (5, 6)
    assert (model.features(x) >= 0).all()
    assert model(x).shape == (5, 3)
    assert model.loss(x, torch.tensor([1, 3, 8, 8, 1]), seeded()).shape == (5,)
    assert distort(x, seeded()).shape == x.shape
    save_checkpoint(tmp_path / "x", model, about={})
    again = load_checkpoint(tmp_path / "x", shape=shape).model
    assert again.config() == model.config() == {"shape": list(shape), "labels": [3, 8, 1], "width": 4, "feature_dim": 6}
    assert torch.equal(again.labels, torch.tensor([3, 8, 1]))
    assert torch.equal(again(x), model.eval()(x))


def test_loss_is_the_smoothed_cross_entropy_of_the_labels_column() -> None:
    model, x = JudgeCnn([1, 8, 8], [7, 2], width=2, feature_dim=3), torch.rand(3, 1, 8, 8, generator=seeded())
    logp = F.log_softmax(model(distort(x, seeded(1))), 1)
    column = torch.tensor([0, 1, 0])
    naive = -(0.95 * logp[range(3), column] + 0.05 * logp.mean(1))
    torch.testing.assert_close(model.loss(x, torch.tensor([7, 2, 7]), seeded(1)), naive)


def test_a_label_it_cannot_name_is_refused_not_taken_for_the_first() -> None:
    with pytest.raises(UsageError, match=r"the judge must only be given the labels \[7, 2\]; found \[5\]"):
        JudgeCnn([1, 8, 8], [7, 2]).loss(torch.zeros(2, 1, 8, 8), torch.tensor([2, 5]), seeded())


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64)])
def test_distortions_stay_in_range_and_come_from_the_generator(shape: tuple[int, int, int]) -> None:
    x = torch.rand(40, *shape, generator=seeded())
    before, ambient = x.clone(), torch.random.get_rng_state()
    moved = distort(x, seeded(1))
    assert 0 <= float(moved.min()) < float(moved.max()) <= 1
    assert torch.equal(moved, distort(x, seeded(1)))
    assert not torch.equal(moved, distort(x, seeded(2)))
    assert not torch.equal(moved, x)
    assert torch.equal(x, before)
    assert torch.equal(torch.random.get_rng_state(), ambient)


def test_distortions_are_small() -> None:
    """The centre of a blob moves by at most the shift (2 px at 28) and what rotation and scale add to it."""
    x = torch.zeros(200, 1, 28, 28)
    x[:, :, 12:16, 12:16] = 1.0
    moved = (distort(x, seeded()) - 0.45).clamp(min=0)  # above the noise
    at = torch.arange(28.0) - 13.5
    mass = moved.sum((1, 2, 3))
    assert (mass > 0).all()
    assert ((moved.sum((1, 2)) * at).sum(1) / mass).abs().max() < 3.0
    assert ((moved.sum((1, 3)) * at).sum(1) / mass).abs().max() < 3.0


def test_it_learns_two_classes_in_a_few_steps() -> None:
    """Left half bright or right half bright, with noise."""
    labels = torch.arange(256) % 2
    pixels = torch.randint(0, 80, (256, 1, 12, 12), generator=seeded())
    pixels[labels == 0, :, :, :6] += 150
    pixels[labels == 1, :, :, 6:] += 150
    images = Images(pixels.to(torch.uint8), labels * 5 + 4)  # labels 4 and 9
    torch.manual_seed(0)
    model = JudgeCnn([1, 12, 12], [4, 9], width=4, feature_dim=8)
    fit(model, images, Recipe(epochs=4, batch_size=32, lr=1e-2), seed=0)
    said = model.labels[model(images.floats()).argmax(1)]
    assert float((said == images.labels).double().mean()) > 0.98


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "`model.width` must be an integer >= 1; found 0."),
        ({"feature_dim": 1.5}, "`model.feature_dim` must be an integer >= 1; found 1.5."),
        ({"labels": []}, "`model.labels` must be a list of integers, at least one; found []."),
        ({"labels": [1, 2, 1]}, "`model.labels` must name each label once; found [1, 2, 1]."),
        ({"labels": ["a"]}, "`model.labels[0]` must be an integer >= 0; found 'a'."),
        ({"shape": [28, 28]}, "`model.shape` must be channels, height and width; found [28, 28]."),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        JudgeCnn(**{"shape": [1, 28, 28], "labels": [0, 1], **options})
    assert str(caught.value) == message
