from __future__ import annotations

import pytest
import torch
from torch import nn

import tiny_world
from forget_upright import ConvVae
from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.errors import UsageError
from gsu_cli.gradients import block_generator


@pytest.mark.parametrize("build", [tiny_world.trained, ConvVae])
def test_it_equals_one_image_at_a_time(build):
    model, images = build(), tiny_world.dataset().train[torch.arange(25)]
    found = diagonal_fisher(model, images, seed=3)
    with torch.no_grad():
        mean, sd = model.posterior(images.floats())
        z = mean + sd * torch.randn(mean.shape, generator=block_generator(3, 0))
    p = {f"decoder.{k}": v for k, v in model.decoder.named_parameters()}
    total = {k: torch.zeros_like(v) for k, v in p.items()}
    for i in range(25):
        loss = model.likelihood.nll(model.decoder(z[i : i + 1]), images.floats()[i : i + 1]).sum()
        for k, g in zip(p, torch.autograd.grad(loss, list(p.values())), strict=True):
            total[k] += g.square() / 25
    assert found.keys() == p.keys()
    for k, v in total.items():
        torch.testing.assert_close(found[k], v, rtol=1e-4, atol=1e-6 * float(v.max()))


def test_the_model_samples_its_own_targets():
    model, images = tiny_world.trained(), tiny_world.dataset().train
    true, data = (diagonal_fisher(model, images, seed=3, targets=t) for t in ("model", "data"))
    bias = list(true)[-1]
    with torch.no_grad():
        mean, sd = model.posterior(images.floats())
        z = torch.cat(
            [
                m + s * torch.randn(m.shape, generator=block_generator(3, b))
                for b, (m, s) in enumerate(zip(mean.split(500), sd.split(500), strict=True))
            ]
        )
        p = model.decode(z)
    # the Fisher of an output bias of a Bernoulli is E[p (1 - p)], which the data's targets do not give
    torch.testing.assert_close(true[bias], (p * (1 - p)).mean(0).flatten(), rtol=0.25, atol=0.02)
    assert (data[bias] - true[bias]).abs().max() > 0.02


def test_a_model_without_latents_is_refused():
    with pytest.raises(UsageError, match="posterior"):
        diagonal_fisher(nn.Linear(2, 2), tiny_world.dataset().train, seed=0)
