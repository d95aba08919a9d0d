from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gsu_cli import gradients
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.models.likelihoods import Bernoulli
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.surgery.vectors import Vector, VectorLike, add_scaled, norm


class Tiny(nn.Module):
    """The smallest VAE that has everything: 2x2 images, 2 latents, BatchNorm and dropout in the encoder."""

    shape, latent_dim, likelihood = (1, 2, 2), 2, Bernoulli()

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 4), nn.Unflatten(1, (1, 2, 2)))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_sd = self.encoder(x.flatten(1)).chunk(2, 1)
        return mean, log_sd.exp()

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        mean, sd = self.posterior(x)
        z = mean + sd * torch.randn(mean.shape, generator=generator)
        return self.likelihood.nll(self.decoder(z), x) + 0.5 * (mean**2 + sd**2 - 2 * sd.log() - 1).sum(1)


def noiseless(model: Tiny, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    return model.likelihood.nll(model.decoder(model.posterior(x)[0]), x)


def images(n: int = 1203, seed: int = 1) -> Images:
    g = torch.Generator().manual_seed(seed)
    return Images(torch.randint(0, 256, (n, 1, 2, 2), generator=g, dtype=torch.uint8), torch.arange(n) % 3)


@pytest.fixture
def model() -> Tiny:
    torch.manual_seed(0)
    return Tiny()


NAMES = ["decoder.0.weight", "decoder.0.bias", "encoder.4.weight"]


def gap(u: VectorLike, v: VectorLike) -> float:
    return norm(add_scaled(u, -1.0, v)) / norm(v)


def reference(model: Tiny, data: Images, loss: Callable[..., Tensor]) -> tuple[Vector, float]:
    """One image at a time, float64, for a loss without noise."""
    double = Tiny().double().eval()
    double.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in model.state_dict().items()})
    total = torch.stack([loss(double, data.floats(i[None]).double(), None, None)[0] for i in torch.arange(len(data))])
    p = dict(double.named_parameters())
    g = torch.autograd.grad(total.mean(), [p[k] for k in NAMES])
    return dict(zip(NAMES, g, strict=True)), float(total.mean().detach())


def test_it_equals_the_reference(model):
    data = images(101)
    g, value = reference(model, data, noiseless)
    found = gradients.mean_gradient(model, data, NAMES, seed=0, loss=noiseless, block=20)
    assert list(found.vector) == NAMES
    assert gap({k: v.double() for k, v in found.vector.items()}, g) < 1e-6
    assert found.loss == pytest.approx(value, rel=1e-6)
    assert found.n == 101


@pytest.mark.parametrize("block", [1, 7, 500, 5000])
def test_blocks_do_not_matter_without_noise(model, block):
    data = images(300)
    found, other = (gradients.mean_gradient(model, data, NAMES, seed=0, loss=noiseless, block=b) for b in (block, 64))
    assert gap(found.vector, other.vector) < 1e-6
    assert found.loss == pytest.approx(other.loss, rel=1e-6)


def test_order_does_not_matter_without_noise(model):
    data = images(300)
    shuffled = data[torch.randperm(300, generator=torch.Generator().manual_seed(1))]
    found, other = (gradients.mean_gradient(model, d, NAMES, seed=0, loss=noiseless).vector for d in (data, shuffled))
    assert gap(found, other) < 1e-6


def test_noise_belongs_to_seed_and_place(model):
    data = images()
    whole = gradients.image_losses(model, data, seed=3)
    assert torch.equal(whole, gradients.image_losses(model, data, seed=3))
    first = gradients.image_losses(model, data[torch.arange(gradients.BLOCK)], seed=3)
    assert torch.equal(whole[: gradients.BLOCK], first)  # what follows does not disturb what came before
    assert not torch.equal(whole, gradients.image_losses(model, data, seed=4))


def test_two_models_see_the_same_noise(model):
    data, theta = images(), gradients.parameters(model)
    moved = {k: v + 1e-4 for k, v in theta.items()}
    before, after, fresh = (
        gradients.image_losses(model, data, seed=seed, theta=t) for seed, t in [(3, None), (3, moved), (4, None)]
    )
    assert float((after - before).abs().max()) < 0.05 * float((fresh - before).abs().max())


def test_gradient_and_loss_are_of_one_function(model):
    """Finite differences of mean_loss, noise included, give the gradient of mean_gradient."""
    model.double()
    data, theta = images(60), gradients.parameters(model, NAMES)

    def double(m: Tiny, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return m.loss(x.double(), y, generator)

    found = gradients.mean_gradient(model, data, NAMES, seed=2, loss=double, block=25)
    assert found.loss == pytest.approx(gradients.mean_loss(model, data, seed=2, loss=double, block=25), rel=1e-14)
    d, h = found.vector, 1e-5
    up, down = (
        gradients.mean_loss(model, data, seed=2, loss=double, block=25, theta=add_scaled(theta, t, d)) for t in (h, -h)
    )
    assert (up - down) / (2 * h) == pytest.approx(norm(d) ** 2, rel=1e-6)

    again, Hd = gradients.hessian_vector(model, data, d, seed=2, loss=double, block=25)
    assert gap(again.vector, d) < 1e-14
    g_up, g_down = (_gradient_at(model, data, add_scaled(theta, t, d), double) for t in (h, -h))
    assert gap(Hd, {k: (g_up[k] - g_down[k]) / (2 * h) for k in d}) < 1e-5


def _gradient_at(model: Tiny, data: Images, theta: Vector, loss: gradients.ImageLoss) -> Vector:
    moved = Tiny().double()
    moved.load_state_dict({**model.state_dict(), **theta})
    return gradients.mean_gradient(moved, data, NAMES, seed=2, loss=loss, block=25).vector


def test_the_model_is_left_as_it_was(model):
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    gradients.mean_gradient(model, images(), NAMES, seed=0)
    gradients.mean_loss(model, images(), seed=0, theta={k: v + 1 for k, v in gradients.parameters(model).items()})
    kronecker_fisher(model, images(), seed=0)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(m.training for m in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_ambient_randomness_is_not_used(model):
    state = torch.get_rng_state()
    gradients.mean_gradient(model, images(), NAMES, seed=0)
    kronecker_fisher(model, images(), seed=0)
    assert torch.equal(state, torch.get_rng_state())


def test_class_gradients_average_to_the_gradient(model):
    data = images(300)
    found = gradients.class_gradients(model, data, NAMES, seed=0, loss=noiseless)
    assert {c: g.n for c, g in found.items()} == {0: 100, 1: 100, 2: 100}
    mean = {k: sum(g.vector[k] for g in found.values()) / 3 for k in NAMES}
    assert gap(mean, gradients.mean_gradient(model, data, NAMES, seed=0, loss=noiseless).vector) < 1e-6


def test_the_decoder_fisher_uses_the_models_names_and_any_block(model):
    fisher = kronecker_fisher(model, images(), seed=0)
    assert fisher.names() == [k for k, _ in model.named_parameters() if k.startswith("decoder.")]
    assert fisher.n == len(images())
    # other blocks draw other latents and targets: the same Fisher in expectation
    other = kronecker_fisher(model, images(), seed=0, block=100)
    assert other.mean_eigenvalue() == pytest.approx(fisher.mean_eigenvalue(), rel=0.1)
    again = kronecker_fisher(model, images(), seed=0)
    assert all(torch.equal(a.eigenvalues, b.eigenvalues) for a, b in zip(fisher.layers, again.layers, strict=True))


def test_correction_keeps_the_basis_and_the_scale(model):
    plain, corrected = (kronecker_fisher(model, images(), seed=0, ekfac=c) for c in (False, True))
    for a, b in zip(plain.layers, corrected.layers, strict=True):
        assert torch.equal(a.U_A, b.U_A)
        assert not torch.equal(a.eigenvalues, b.eigenvalues)
    assert corrected.mean_eigenvalue() == pytest.approx(plain.mean_eigenvalue(), rel=0.2)


def test_non_finite_losses_and_gradients_are_named(model):
    def broken(m: Tiny, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        losses = noiseless(m, x, y, generator)
        return torch.where(y == 2, torch.full_like(losses, torch.nan), losses)

    for call in (gradients.image_losses, lambda *a, **k: gradients.mean_gradient(*a, NAMES, **k)):
        with pytest.raises(NonFiniteError, match="nan at image 2"):
            call(model, images(20), seed=0, loss=broken, block=4)
    with pytest.raises(NonFiniteError, match="in w, block 1"):
        accumulate_gradient([lambda p: p["w"] ** 2, lambda p: p["w"].sqrt()], {"w": torch.zeros(1)})


def test_no_images_and_foreign_weights_are_refused(model):
    with pytest.raises(UsageError, match="at least one image"):
        gradients.mean_loss(model, images()[torch.arange(0)], seed=0)
    with pytest.raises(ValueError, match="not parameters"):
        gradients.mean_loss(model, images(3), seed=0, theta={"decoder.9.weight": torch.zeros(1)})


def test_block_generators_differ():
    draws = {float(torch.rand((), generator=gradients.block_generator(s, b))) for s in range(20) for b in range(20)}
    assert len(draws) == 400
