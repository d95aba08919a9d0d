"""The distortions of faces under which a judge of attributes learns."""

from __future__ import annotations

import pytest
import torch

from gsu_cli.models.classifiers.distortion import distort_faces


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (3, 5, 7)])
def test_they_stay_in_range_and_come_from_the_generator(shape: tuple[int, int, int]) -> None:
    x = torch.rand(40, *shape, generator=seeded())
    before, ambient = x.clone(), torch.random.get_rng_state()
    moved = distort_faces(x, seeded(1))
    assert moved.shape == x.shape
    assert 0 <= float(moved.min()) < float(moved.max()) <= 1
    assert torch.equal(moved, distort_faces(x, seeded(1)))
    assert not torch.equal(moved, distort_faces(x, seeded(2)))
    assert not torch.equal(moved, x)
    assert torch.equal(x, before)
    assert torch.equal(torch.random.get_rng_state(), ambient)


def test_half_are_mirrored_and_none_is_turned_over() -> None:
    """A blob in the upper left corner stays up, and comes to lie right in about half: five standard errors."""
    x = torch.zeros(400, 1, 32, 32)
    x[:, :, 6:12, 4:10] = 1.0
    moved = distort_faces(x, seeded())[:, 0]
    upper, left = moved[:, :16].sum((1, 2)), moved[:, :, :16].sum((1, 2))
    assert (upper > 0.55 * moved.sum((1, 2))).all()
    share = float((left > 0.5 * moved.sum((1, 2))).double().mean())
    assert abs(share - 0.5) < 5 * (0.25 / 400) ** 0.5


def test_they_are_soft_by_different_widths() -> None:
    """The steepest step of an edge, noise aside, ranges from hardly softened to a ramp of several pixels."""
    x = torch.zeros(300, 1, 32, 32)
    x[:, :, :, 16:] = 1.0
    moved = distort_faces(x, seeded())[:, 0, 8:24].mean(1)  # the mean of 16 rows has a quarter of the noise
    level = moved[:, 20:28].mean(1) - moved[:, 4:12].mean(1)
    steepest = moved.diff(dim=1).abs().max(1).values / level.abs()
    assert float(steepest.max()) > 0.7
    assert float(steepest.min()) < 0.4


def test_a_single_image_is_no_special_case() -> None:
    assert distort_faces(torch.rand(1, 3, 16, 16, generator=seeded()), seeded()).shape == (1, 3, 16, 16)
