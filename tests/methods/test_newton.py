from __future__ import annotations

import pytest
import torch
from torch import nn

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.errors import UsageError
from gsu_cli.methods.newton import Newton
from gsu_cli.unlearning.unlearn import unlearn
from method_runs import assert_smoke


class HalfSquare:
    """-log p of a unit Gaussian around the output; the target is an image's last pixel."""

    def nll(self, output, x):
        return 0.5 * (output[:, 0] - x.flatten(1)[:, -1]).square()

    def mean(self, output):
        return output

    def fisher_residual(self, output, generator):
        return (
            torch.randint(0, 2, output.shape, generator=generator) * 2.0 - 1.0
        )  # its square is the Fisher, 1, exactly


class Regression(nn.Module):
    """Linear-Gaussian: the first pixels are the latent, the last one is drawn; Newton on it is exact."""

    shape, latent_dim = (1, 1, 4), 3

    def __init__(self):
        super().__init__()
        self.decoder, self.likelihood = nn.Linear(3, 1), HalfSquare()

    def posterior(self, x):
        return x.flatten(1)[:, :3], torch.zeros(len(x), 3)

    def loss(self, x, y, generator):
        return self.likelihood.nll(self.decoder(self.posterior(x)[0]), x)

    def sample(self, n, generator):
        return self.decoder(torch.randn(n, 3, generator=generator))

    def generation_parameters(self):
        return ["decoder.weight", "decoder.bias"]

    def fit(self, images):
        """The least-squares optimum."""
        x = images.floats().flatten(1).double()
        design = torch.cat([x[:, :3], torch.ones(len(x), 1).double()], 1)
        theta = torch.linalg.lstsq(design, x[:, 3:]).solution[:, 0].float()
        with torch.no_grad():
            self.decoder.weight.copy_(theta[None, :3])
            self.decoder.bias.copy_(theta[3:])
        return theta


@pytest.fixture(scope="module")
def split():
    g = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (400, 1, 1, 4), generator=g).to(torch.uint8)
    images = Images(pixels, torch.arange(400) % 4)
    dataset = Dataset("toy", images, images[torch.arange(40)], {i: str(i) for i in range(4)}, "drawn here")
    return ForgetSpec.from_values(class_=1).resolve(dataset, generator=torch.Generator())


def distances(split, strength):
    model = Regression()
    theta = model.fit(split.dataset.train)
    gold = Regression().fit(split.retain_images)
    method = Newton(damping=1e-7, strength=strength)
    moved, _ = unlearn(model, split, method, generator=torch.Generator().manual_seed(0))
    found = torch.cat([moved.decoder.weight[0], moved.decoder.bias]).detach()
    return float((found - gold).norm()), float((theta - gold).norm())


def test_newton_is_retraining_where_the_loss_is_quadratic(split):
    after, before = distances(split, strength=1.0)
    assert after < 1e-3 * before


def test_half_a_newton_step_is_not(split):
    after, before = distances(split, strength=0.5)
    assert after == pytest.approx(0.5 * before, rel=0.01)


def test_smoke():
    _, update = assert_smoke(Newton(strength=1e-2), still="encoder")
    assert update.cosine is not None


@pytest.mark.parametrize("options", [{"damping": 0}, {"strength": -1}, {"retain_images": 0}, {"damping": float("nan")}])
def test_bad_options(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        Newton(**options)
