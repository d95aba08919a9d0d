"""Leverage against training without the image, where that is known exactly, and the bound that it gives a step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import tiny_world
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.models.likelihoods import Gaussian
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.solvers.leverage import expected_rise, leverages, sample_level
from gsu_cli.solvers.unseen import kind_of
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import weights

N, SIGMA = 600, 0.5


class Regression(nn.Module):
    """A linear decoder of latents that the first three pixels tell: its training is a least-squares problem."""

    shape = (1, 3, 3)
    latent_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(3, 9), nn.Unflatten(1, self.shape))
        self.likelihood = Gaussian(sigma=SIGMA)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = 4 * x.flatten(1)[:, :3] - 2
        return z, torch.full_like(z, 1e-6)

    def generation_parameters(self) -> list[str]:
        return [k for k, _ in self.named_parameters()]


def fitted(images: Images) -> tuple[Regression, Tensor, Tensor]:
    """The model at its minimum; its loss of each image, and what that would be without the image."""
    model, x = Regression(), images.floats()
    z = torch.cat([model.posterior(x)[0], torch.ones(len(x), 1)], 1).double()
    y = x.flatten(1).double()
    solution = torch.linalg.lstsq(z, y).solution
    with torch.no_grad():
        model.decoder[0].weight.copy_(solution[:3].T)
        model.decoder[0].bias.copy_(solution[3])
    h = (z @ torch.linalg.inv(z.T @ z) * z).sum(1)
    loss = (y - z @ solution).square().sum(1) / (2 * SIGMA**2)
    return model, loss, loss / (1 - h) ** 2  # the residual of an image left out is r / (1 - h)


def test_leverage_is_the_rise_of_the_loss_without_the_image() -> None:
    pixels = torch.randint(0, 256, (N, 1, 3, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images = Images(pixels, torch.zeros(N, dtype=torch.int64))
    model, loss, without = fitted(images)
    fisher = kronecker_fisher(model, images, model.generation_parameters(), seed=0)
    some = images[torch.arange(40)]
    found = leverages(model, some, fisher, trained_on=N, seed=0, damping=1e-6)
    true = (without - loss)[:40]
    assert float(torch.corrcoef(torch.stack([found, true]))[0, 1]) > 0.99
    assert float(found.sum() / true.sum()) == pytest.approx(1, abs=0.1), "sampled targets of the Fisher, first order"
    halved = leverages(model, some, fisher, trained_on=2 * N, seed=0, damping=1e-6)
    assert torch.allclose(halved, found / 2, rtol=0.05), "of twice as many images each is worth half"
    damped = leverages(model, some, fisher, trained_on=N, seed=0, damping=1.0)
    assert (damped < found).all()


@pytest.mark.parametrize("copies", [1, 10, 100])
def test_what_is_known_by_heart_is_expected_to_rise_as_much_as_leaving_it_out_raises_it(copies: int) -> None:
    """Two images that no other teaches, so many times each: to first order they would rise by nearly nothing."""
    rng = torch.Generator().manual_seed(0)
    others = torch.randint(96, 160, (N, 1, 3, 3), generator=rng, dtype=torch.uint8)
    odd = torch.tensor([[255, 0, 255, 0, 255, 0, 255, 0, 255], [0, 255, 0, 0, 255, 255, 0, 255, 0]])
    odd = odd.to(torch.uint8).reshape(2, 1, 3, 3)
    seen = torch.cat([others, odd.repeat_interleave(copies, 0)])
    (few, rest, every) = (Images(p, torch.zeros(len(p), dtype=torch.int64)) for p in (odd, others, seen))
    model, without = fitted(every)[0], fitted(rest)[0]
    fisher = kronecker_fisher(without, rest, model.generation_parameters(), seed=0)
    found = expected_rise(model, few, fisher, trained_on=len(seen), seed=0, copies=copies, damping=1e-9)
    loss = frozen_elbo(model, few, seed=0)
    true = loss.mean(dict(without.named_parameters())) - loss.mean(dict(model.named_parameters()))
    assert found == pytest.approx(true, rel=0.15), "sampled targets of the Fisher"


def test_copies_count_as_often_as_they_were_there() -> None:
    split = tiny_world.split_of(sample=[8, 9, 10])
    model, images = tiny_world.trained(), split.forget_images
    fisher = kronecker_fisher(model, split.retain_images, list(model.generation_parameters()), seed=0)
    several = images[torch.arange(3).repeat(4)]
    found = sample_level(model, several, fisher, trained_on=100, seed=0, copies=4)
    assert found.expected == expected_rise(model, images, fisher, trained_on=100, seed=0, copies=4)
    assert found.notes["images"] == 12
    assert found.expected > 4 * expected_rise(model, images, fisher, trained_on=100, seed=0)


def forgotten(method: FisherSurgery, **spec: object) -> tuple[dict[str, Tensor], dict[str, float] | None]:
    split = tiny_world.split_of(**spec)
    rng = torch.Generator().manual_seed(0)
    model, update = unlearn(tiny_world.trained(), split, method, generator=rng, diagnostics=False)
    return weights(model), update.details.get("sample_bound")


@pytest.mark.parametrize("solver", ["kfac", "gauss_newton"])
@pytest.mark.parametrize("shots", [1, 3])
def test_a_sample_is_raised_to_what_is_expected_and_no_further(solver: str, shots: int) -> None:
    _, bound = forgotten(FisherSurgery(solver=solver, shots=shots, damping=0.1), sample=[8])
    assert bound is not None
    assert bound["expected_increase"] > 0
    assert bound["increase"] <= 1.001 * bound["expected_increase"]
    if shots == 1:  # further shots may end where the redirect loss does
        assert bound["increase"] >= 0.9 * bound["expected_increase"]
    assert bound["images"] == 1


def test_without_the_bound_it_is_raised_further() -> None:
    _, bound = forgotten(FisherSurgery(), sample=[8])
    free, none = forgotten(FisherSurgery(bound="none"), sample=[8])
    assert none is None
    assert bound is not None
    loss = frozen_elbo(tiny_world.trained(), tiny_world.split_of(sample=[8]).forget_images, seed=0, latents=64)
    before, after = ({k: v for k, v in w.items() if "decoder" in k} for w in (weights(tiny_world.trained()), free))
    assert loss.mean(after) - loss.mean(before) > 2 * bound["expected_increase"]


def test_which_level_is_taken() -> None:
    kinds = {"sample": [3], "class_": 1}
    found = {k: kind_of("auto", tiny_world.split_of(**{k: v})) for k, v in kinds.items()}
    assert found == {"sample": "leverage", "class_": "class_level"}
    assert kind_of("auto", tiny_world.split_of(class_=1, fraction=0.1)) == "leverage"
    assert kind_of("auto", tiny_world.split_of(fraction=0.01)) == "leverage"
    assert kind_of("none", tiny_world.split_of(sample=[3])) is None
    with pytest.raises(UsageError, match=r"`method.bound` must be"):
        FisherSurgery(bound="x")
