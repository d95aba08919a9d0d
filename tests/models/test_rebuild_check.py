"""Weights are the model only where they hold all that it computes with: what is made anew each time makes another."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.models.contract import check_generator
from gsu_cli.models.rebuild_check import check_rebuilds, check_weights_suffice
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint

SHAPE = (1, 4, 4)


class Features(MlpVae):
    """The encoder sees the image through random features."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.keep(torch.randn(16, 16))

    def keep(self, features: Tensor) -> None:
        self.register_buffer("features", features)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().posterior(torch.sigmoid(x.flatten(1) @ self.features).view(x.shape))


class Seeded(Features):
    def keep(self, features: Tensor) -> None:
        g = torch.Generator().manual_seed(3)
        self.register_buffer("features", torch.randn(features.shape, generator=g), persistent=False)


class Unused(Features):
    def keep(self, features: Tensor) -> None:
        super().keep(features)
        self.example_input_array = torch.rand(1, *SHAPE)


class Lost(Features):
    def keep(self, features: Tensor) -> None:
        self.register_buffer("features", features, persistent=False)


class Plain(Features):
    def keep(self, features: Tensor) -> None:
        self.features = features


class Order(MlpVae):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.order = list(range(16))
        random.shuffle(self.order)

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z).flatten(1)[:, self.order].view(len(z), *SHAPE)


class Hidden(Features):
    def keep(self, features: Tensor) -> None:
        self.look = lambda x: x @ features

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return MlpVae.posterior(self, torch.sigmoid(self.look(x.flatten(1))).view(x.shape))


class Annealed(MlpVae):
    """Its loss in eval mode follows a count of steps that a file does not hold."""

    steps, after = 0, 0

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        self.steps += self.training
        return super().loss(x, y, generator) * (2.0 if self.steps > self.after else 1.0)


class Late(Annealed):
    after = 100


class Lazy(MlpVae):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.encoder = nn.Sequential(nn.Flatten(), nn.LazyLinear(self.hidden[-1]), nn.SiLU())


def made(kind: type[MlpVae]) -> MlpVae:
    return kind(SHAPE, latent_dim=2, hidden=(8,)).eval()


BUFFER = "features, a buffer with persistent=False, which its constructor makes anew each time"
REFUSED = [
    (Lost, BUFFER),
    (Plain, "features, a tensor that is neither a parameter nor a buffer, which its constructor makes anew each time"),
    (Order, "order, a list that is neither a parameter nor a buffer, which its constructor makes anew each time"),
    (Hidden, "something that is neither a parameter nor a buffer, which its constructor makes anew each time"),
    (Annealed, "steps, a number that is neither a parameter nor a buffer, which training moves"),
]
KEPT = [MlpVae, Features, Seeded, Unused, Lazy, Late]


@pytest.mark.parametrize(("kind", "found"), REFUSED)
def test_what_the_weights_do_not_hold_is_told_before_the_training(kind: type[MlpVae], found: str) -> None:
    said = f"the weights of {kind.__name__} must hold all that it computes with; found {found}. Keep it by register"
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        check_rebuilds(made(kind), SHAPE)


@pytest.mark.parametrize("kind", KEPT)
def test_what_they_hold_or_nothing_needs_passes(kind: type[MlpVae]) -> None:
    model, state = made(kind), torch.get_rng_state()
    check_generator(model, SHAPE)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    after = torch.get_rng_state() if kind is Lazy else state
    check_rebuilds(model, SHAPE)
    assert not model.training
    assert torch.equal(after, torch.get_rng_state())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(("kind", "found"), REFUSED)
def test_weights_that_are_read_are_asked_again(kind: type[MlpVae], found: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, made(kind), about={})
    model = load_checkpoint(path).model
    with pytest.raises(CheckpointError, match=f"{found}, of {path}. .*, and train it again"):
        check_weights_suffice(model, SHAPE, path)


@pytest.mark.parametrize("kind", KEPT)
def test_and_pass_where_they_are_the_model(kind: type[MlpVae], tmp_path: Path) -> None:
    model = made(kind)
    check_generator(model, SHAPE)
    save_checkpoint(tmp_path / "model.safetensors", model, about={})
    found = load_checkpoint(tmp_path / "model.safetensors").model
    check_weights_suffice(found, SHAPE, tmp_path)
    check_weights_suffice(found, SHAPE, tmp_path, trained=model)


def test_what_training_moved_at_last_is_seen_at_its_end(tmp_path: Path) -> None:
    model = made(Late).train()
    save_checkpoint(tmp_path / "model.safetensors", model, about={})
    x, y = torch.rand(2, *SHAPE), torch.zeros(2, dtype=torch.int64)
    for _ in range(101):
        model.loss(x, y, torch.Generator())
    found = load_checkpoint(tmp_path / "model.safetensors").model
    with pytest.raises(CheckpointError, match="steps, a number that is neither .*, which training moves"):
        check_weights_suffice(found, SHAPE, tmp_path, trained=model)
