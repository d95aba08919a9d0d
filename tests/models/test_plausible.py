"""Wrong adapters around right weights are found on import; right ones pass without a word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tiny_world
from gsu_cli.errors import CheckpointError
from gsu_cli.models.likelihoods import Bernoulli, Gaussian
from gsu_cli.models.plausible import Evidence, clipped_samples, examine
from gsu_cli.models.vae.base import Vae

PATH = Path("theirs.pt")


def images() -> tuple[Tensor, Tensor]:
    train = tiny_world.dataset().train
    index = torch.arange(400)
    return train.floats(index), train.labels[index]


def found(model: Any) -> Evidence:
    return examine(model.eval(), *images(), PATH, generator=torch.Generator().manual_seed(0))


def wrong(**members: Any) -> Any:
    """The trained model in a class with some members of another kind."""
    model = tiny_world.trained()
    kind = type("Wrong", (type(model),), members)
    model.__class__ = kind
    return model


def swapped(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    log_var, mean = self.posterior_head(self.encoder(x)).chunk(2, dim=1)
    return mean, (0.5 * log_var).exp()


def symmetric(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    return Vae.posterior(self, 2 * x - 1)


def log_variance(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_var = self.posterior_head(self.encoder(x)).chunk(2, dim=1)
    return mean, log_var


def test_a_right_class_passes_without_a_word() -> None:
    evidence = found(tiny_world.trained())
    assert evidence.notes == []
    facts = evidence.facts
    assert 0.3 < facts["gain"] < 1
    assert facts["correlation"] > 0.7
    assert facts["least_possible"] < facts["reconstruction"] < facts["loss"] < facts["constant_image"]


def test_the_constant_is_the_best_constant_image() -> None:
    x, _ = images()
    p = x.mean(0).clamp(1e-4, 1 - 1e-4)
    entropy = float(-(x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1).double().mean())
    assert found(tiny_world.trained()).facts["constant_image"] == pytest.approx(entropy, rel=1e-5)


def test_the_means_and_log_variances_exchanged() -> None:
    with pytest.raises(CheckpointError, match="mean and log-variance exchanged") as e:
        found(wrong(posterior=swapped))
    assert "best constant image" in str(e.value)


def test_a_sigmoid_too_many() -> None:
    model = tiny_world.trained()
    model.decoder.append(nn.Sigmoid())
    with pytest.raises(CheckpointError, match=r"with no sigmoid in the decoder"):
        found(model)


def test_inputs_of_another_range() -> None:
    """The class reads 2 x - 1 where training had x: worse than a constant, or a note that names it."""
    try:
        (note,) = found(wrong(posterior=symmetric)).notes
    except CheckpointError as e:
        note = str(e)
    assert "with inputs in [0, 1], not made [-1, 1]" in note


def test_logits_under_a_gaussian() -> None:
    model = tiny_world.trained()
    model.likelihood = Gaussian(1.0)
    with pytest.raises(CheckpointError, match="with a sigmoid behind the decoder, which gives logits"):
        found(model)


def test_rows_and_columns_exchanged() -> None:
    def posterior(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        return Vae.posterior(self, x.transpose(2, 3))

    try:
        note = " ".join(found(wrong(posterior=posterior)).notes)
    except CheckpointError as e:
        note = str(e)
    assert "with rows and columns of the inputs exchanged" in note


def test_a_log_variance_as_a_standard_deviation() -> None:
    with pytest.raises(CheckpointError, match=r"exp\(0.5 \* log_var\)"):
        found(wrong(posterior=log_variance))


@pytest.mark.parametrize("of", [lambda sd: sd.square(), lambda sd: F.softplus(2 * sd.log()), lambda sd: sd.sqrt()])
def test_a_spread_that_does_not_fit(of: Any) -> None:
    def posterior(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, sd = Vae.posterior(self, x)
        return mean, of(sd)

    (note,) = found(wrong(posterior=posterior)).notes
    assert "standard deviation" in note


def test_samples_outside_of_0_and_1() -> None:
    def sample(self: Any, n: int, generator: torch.Generator) -> Tensor:
        return 2 * Vae.sample(self, n, generator) - 1

    with pytest.raises(CheckpointError, match=r"sample\(\) must give images in \[0, 1\]; found values from -"):
        found(wrong(sample=sample))


def test_a_model_that_was_trained_here_is_told_what_is_clipped_of_its_samples() -> None:
    def sample(self: Any, n: int, generator: torch.Generator) -> Tensor:
        return 2 * Vae.sample(self, n, generator) - 1

    assert clipped_samples(wrong()) == ""
    said = clipped_samples(wrong(sample=sample))
    assert "lies outside of [0, 1], from -" in said
    assert said.endswith("If that is another scale, let the class give (x + 1) / 2 for a tanh, a sigmoid for logits")


def test_a_mean_where_a_sum_belongs() -> None:
    def loss(self: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return Vae.loss(self, x, y, generator) / x[0].numel()

    (note,) = found(wrong(loss=loss)).notes
    assert "a mean where a sum belongs" in note


def test_decode_that_samples_something_else() -> None:
    def decode(self: Any, z: Tensor) -> Tensor:
        return 1 - Vae.decode(self, z)

    (note,) = found(wrong(decode=decode)).notes
    assert "decode() generates other pictures" in note


def test_untrained_weights_are_noted_or_refused() -> None:
    """The sentence read as if the constant image's loss were that of the file."""
    said = r"better than the best constant image; found reconstructions at [\d.]+ nats per image \(correlation"
    with pytest.raises(CheckpointError, match=said) as e:
        found(tiny_world.fresh())
    assert re.search(r"\) by \S+, and [\d.]+ by that image\. .*or weights of no training", str(e.value))


def test_a_model_without_latents_is_judged_by_its_loss() -> None:
    class Plain(nn.Module):
        likelihood = Bernoulli()

        def __init__(self, worse: float) -> None:
            super().__init__()
            self.logits = torch.logit(images()[0].mean(0).clamp(1e-4, 1 - 1e-4)) + worse

        def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
            return self.likelihood.nll(self.logits.expand_as(x), x) - 0.1

        def sample(self, n: int, generator: torch.Generator) -> Tensor:
            return torch.sigmoid(self.logits).expand(n, 1, 8, 8)

    assert found(Plain(0.0)).facts["gain"] > 0
    with pytest.raises(CheckpointError, match="a training loss of"):
        found(Plain(1.0))
