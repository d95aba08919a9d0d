"""Large images pass a hundred at a time where no gradient is taken: the same numbers, in less memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gsu_cli.models import pass_sizes
from gsu_cli.models.vae.conv_vae import ConvVae
from gsu_cli.models.vae.mlp_vae import MlpVae

N = 230


def looked_at(model: nn.Module, monkeypatch: pytest.MonkeyPatch, *, grad: bool) -> tuple[list[int], torch.Tensor]:
    """Sizes of the decoder's passes, and losses and samples."""
    seen: list[int] = []
    handle = model.get_submodule("decoder").register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    x = torch.rand((N, *model.shape), generator=torch.Generator().manual_seed(0))
    with torch.set_grad_enabled(grad):
        losses = model.loss(x, None, torch.Generator().manual_seed(1))
        samples = model.sample(N, torch.Generator().manual_seed(2))
    handle.remove()
    return seen, torch.cat([losses[:, None], samples.flatten(1)], 1).detach()


@pytest.mark.parametrize(
    ("shape", "grad", "sizes"),
    [((3, 64, 64), False, [100, 100, 30] * 2), ((3, 64, 64), True, [N, N]), ((1, 32, 32), False, [N, N])],
)
def test_large_images_pass_in_parts_without_a_gradient(
    shape: tuple[int, int, int], grad: bool, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = ConvVae(shape, latent_dim=2, channels=(4, 4, 4)).eval()
    seen, found = looked_at(model, monkeypatch, grad=grad)
    assert seen == sizes
    monkeypatch.setattr(pass_sizes, "AT_ONCE", N)
    at_once, whole = looked_at(model, monkeypatch, grad=grad)
    assert at_once == [N, N]
    torch.testing.assert_close(found, whole, rtol=1e-6, atol=1e-7)


def test_batchnorm_in_training_sees_whole_batches() -> None:
    model = MlpVae((3, 64, 64), 2, (4,), batch_norm=True).train()
    x = torch.rand(N, 3, 64, 64)
    with torch.no_grad():
        assert pass_sizes.at_once(x, model.shape, training=model.training) == N
        assert pass_sizes.at_once(x, model.shape, training=False) == pass_sizes.AT_ONCE
        assert pass_sizes.at_once(x[:0], model.shape, training=True) == 1
