"""A generator's promises: what its numbers rest on is tried before any work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.models.contract import check_generator
from gsu_cli.models.rebuild_check import check_rebuilds
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.verbs.models import arguments_of

SHAPE = (1, 4, 4)


class Passing(MlpVae):
    """Passes on what it is given, as many subclasses do."""

    def __init__(self, *args: Any, extra: int = 0, **options: Any) -> None:
        super().__init__(*args, **options)


class OwnNoise(MlpVae):
    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        mean, sd = self.posterior(x)
        return self.likelihood.nll(self.decoder(mean + sd * torch.randn_like(mean)), x)


class OwnLatents(MlpVae):
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.decode(torch.randn(n, self.latent_dim))


class Detached(MlpVae):
    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return super().loss(x, y, generator).detach()


class Ungraded(MlpVae):
    @torch.no_grad()
    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return super().loss(x, y, generator)


def test_a_shipped_class_keeps_them_and_its_random_state() -> None:
    model, before = MlpVae(SHAPE), torch.get_rng_state()
    check_generator(model, SHAPE)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("kind", "member"), [(OwnNoise, "loss"), (OwnLatents, "sample")])
def test_noise_that_the_generator_does_not_give_would_compare_other_latents(kind: type[MlpVae], member: str) -> None:
    with pytest.raises(UsageError, match=rf"{member}\(.* must take all its noise from the generator"):
        check_generator(kind(SHAPE), SHAPE)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda model: model.decoder.parameters(), "found a generator. Give a list of names, as named_parameters()"),
        (lambda model: (name for name, _ in model.named_parameters()), "found a generator. Give a list of names"),
        (lambda model: list(model.decoder.parameters()), "found a Parameter. Give a list of names"),
        (lambda _: ["dec.weight"], "found dec.weight. Give a list of names"),
        (lambda _: [], r"found \[\]. Give"),
    ],
)
def test_what_generation_depends_on_is_a_list_of_names(given: Callable[[MlpVae], object], said: str) -> None:
    model = MlpVae(SHAPE)
    model.generation_parameters = lambda: given(model)  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(UsageError, match=said):
        check_generator(model, SHAPE)


@pytest.mark.parametrize("kind", [Detached, Ungraded])
def test_a_loss_that_teaches_nothing_is_told_before_any_work(kind: type[MlpVae]) -> None:
    with pytest.raises(UsageError, match=r"loss\(x, y, generator\) of \w+ must have a gradient .* out detach\(\)"):
        check_generator(kind(SHAPE), SHAPE)


class MeanOfTheBatch(MlpVae):
    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return super().loss(x, y, generator).mean().expand(len(x))


class BatchTerm(MlpVae):
    """A term of the whole batch, as of MMD, while it trains alone."""

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        term = self.posterior(x)[0].mean(0).square().sum() if self.training else 0.0
        return super().loss(x, y, generator) + term


class BatchStatistics(MlpVae):
    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__(shape)
        self.decoder.insert(1, torch.nn.BatchNorm1d(self.decoder[0].out_features, track_running_stats=False))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (MeanOfTheBatch, r"found [\d.]+, and [\d.]+ beside another image\. Take the sum over the pixels of each image"),
        (BatchStatistics, r"found decoder\.1, a BatchNorm .* Leave track_running_stats at True"),
    ],
)
def test_the_loss_of_an_image_is_its_own(kind: type[MlpVae], said: str) -> None:
    check_generator(BatchTerm(SHAPE).train(), SHAPE)
    with pytest.raises(UsageError, match=rf"of {kind.__name__} must give each image a loss of its own; {said}"):
        check_generator(kind(SHAPE), SHAPE)


class ScalesImages(MlpVae):
    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return super().loss(x.mul_(0.5), y, generator)


class ShiftsImages(MlpVae):
    def posterior(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return super().posterior((x if x.requires_grad else x.clone()).sub_(0.1) if self.training else x.sub_(0.1))

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return super().loss(x.clone(), y, generator)


class ScalesLatents(MlpVae):
    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__(shape)
        self.decoder.register_forward_pre_hook(lambda _, args: (args[0] if args[0].requires_grad else args[0].mul_(2),))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ScalesImages, r"loss\(x, y, generator\) of ScalesImages must leave the images"),
        (ShiftsImages, r"posterior\(x\) of ShiftsImages must leave the images"),
        (ScalesLatents, r"decoder\(z\) of ScalesLatents must leave the latents"),
    ],
)
def test_what_a_member_is_given_stays_as_it_is(kind: type[MlpVae], said: str) -> None:
    with pytest.raises(UsageError, match=said + r" that it is given as they are; found others afterwards\. Use 2 \* x"):
        check_generator(kind(SHAPE), SHAPE)


class Counts(MlpVae):
    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__(shape)
        self.register_buffer("calls", torch.zeros(()))

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        self.calls += 1
        return super().loss(x, y, generator)


def test_to_measure_a_model_does_not_change_it() -> None:
    with pytest.raises(UsageError, match=r"buffers of Counts must stay as they are in eval mode; found calls"):
        check_generator(Counts(SHAPE), SHAPE)


class OneNoise(MlpVae):
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return super().sample(n, torch.Generator().manual_seed(0))


def test_ten_thousand_samples_are_not_one_pass_repeated() -> None:
    with pytest.raises(UsageError, match=r"sample\(n, generator\) of OneNoise must take its noise from .* found that"):
        check_generator(OneNoise(SHAPE), SHAPE)


@pytest.mark.parametrize(("kind", "word"), [(torch.int64, "int64"), (torch.complex64, "complex64")])
def test_weights_are_real_numbers(kind: torch.dtype, word: str) -> None:
    model = MlpVae(SHAPE)
    model.table = torch.nn.Parameter(torch.zeros(2, dtype=kind), requires_grad=False)
    with pytest.raises(UsageError, match=rf"must be held in float32 or float64; found {word} in table .* in a buffer"):
        check_generator(model, SHAPE)


class Bytes(MlpVae):
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return (255 * super().sample(n, generator)).to(torch.uint8)


class Levels(MlpVae):
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return 255 * super().sample(n, generator)


@pytest.mark.parametrize(("kind", "found"), [(Bytes, "uint8 up to 1"), (Levels, "float32 up to 1")])
def test_samples_of_0_to_255_would_all_be_white(kind: type[MlpVae], found: str) -> None:
    with pytest.raises(UsageError, match=rf"sample\(n, generator\) of {kind.__name__} must give floats in .*{found}"):
        check_generator(kind(SHAPE), SHAPE)


class NoConfig(MlpVae):
    def config(self) -> dict[str, Any]:
        return None  # type: ignore[return-value]


class Wider(MlpVae):
    def config(self) -> dict[str, Any]:
        return {**super().config(), "latent_dim": self.latent_dim + 1}


class More(MlpVae):
    def config(self) -> dict[str, Any]:
        return {**super().config(), "z": 3}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (NoConfig, r"^config\(\) of NoConfig must give a dict; found nothing"),
        (Wider, r"Wider must be built again by its config\(\); found \S+ of shape \(.*\), \(.*\) in the model itself"),
        (More, r"More must be built again by its config\(\); found TypeError: .* unexpected keyword argument 'z'"),
    ],
)
def test_a_config_that_builds_another_model_is_told_before_the_training(kind: type[MlpVae], said: str) -> None:
    check_rebuilds(MlpVae(SHAPE), SHAPE)
    with pytest.raises(UsageError, match=said):
        check_rebuilds(kind(SHAPE), SHAPE)


def test_a_model_that_is_frozen_as_a_whole_may_be_loaded() -> None:
    check_generator(MlpVae(SHAPE).requires_grad_(False), SHAPE)


def test_a_constructor_that_passes_options_on_takes_those_of_the_class_above() -> None:
    assert {"extra", "shape", "latent_dim"} <= arguments_of(Passing)
    assert "extra" not in arguments_of(MlpVae)
