from __future__ import annotations

import pytest
import torch
from pytorch_msssim import ms_ssim as library

from gsu_cli.errors import UsageError
from gsu_cli.objectives.ms_ssim import WEIGHTS, ms_ssim


def pair(side: int, channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    x = torch.nn.functional.avg_pool2d(torch.rand(3, channels, side + 4, side + 4, generator=g), 5, stride=1)
    return x, (x + 0.1 * torch.randn(x.shape, generator=g)).clamp(0, 1)


@pytest.mark.parametrize(("side", "channels"), [(120, 3), (117, 1)])
def test_it_is_the_librarys_where_that_takes_the_images(side: int, channels: int) -> None:
    x, y = pair(side, channels)
    weights = [w / sum(WEIGHTS) for w in WEIGHTS]
    reference = library(x, y, data_range=1.0, size_average=False, win_size=7, win_sigma=1.5, weights=weights)
    torch.testing.assert_close(ms_ssim(x, y), reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", [7, 8, 28, 64])
def test_equal_images_are_alike_and_others_less(side: int) -> None:
    x, y = pair(side)
    torch.testing.assert_close(ms_ssim(x, x), torch.ones(3))
    assert (ms_ssim(x, y) < 0.99).all()


def test_its_gradient_is_finite_even_between_opposites() -> None:
    x = pair(28)[0].requires_grad_()
    ms_ssim(x, 1 - x.detach()).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_no_images_have_no_similarity() -> None:
    assert ms_ssim(torch.zeros(0, 1, 28, 28), torch.zeros(0, 1, 28, 28)).shape == (0,)


def test_images_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 7 pixels"):
        ms_ssim(torch.zeros(1, 1, 6, 9), torch.zeros(1, 1, 6, 9))
