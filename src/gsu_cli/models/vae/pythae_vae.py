"""VAEs of pythae: ``model.pt`` beside ``model_config.json``, as ``model.save(folder)`` and its trainer leave them.

The networks are the library's own; what it adds to them (how a latent is sampled, what the loss is) is `Vae`'s. Where
the reconstruction loss is "bce", the decoder's last sigmoid moves into the Bernoulli likelihood; "mse" is a Gaussian
with sigma 1, whose -ELBO is the library's own loss. Whatever weight KL had in training, the loss here is the -ELBO.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gsu_cli.checks import as_shape
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.models.libraries import library
from gsu_cli.models.likelihoods import Bernoulli, Gaussian
from gsu_cli.models.vae.base import Vae
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.run.json_files import read_config
from gsu_cli.run.one_line import one_line

KINDS = (
    "VAEConfig", "BetaVAEConfig", "BetaTCVAEConfig", "DisentangledBetaVAEConfig", "INFOVAE_MMD_Config", "IWAEConfig",
    "MIWAEConfig", "PIWAEConfig", "CIWAEConfig",
)  # fmt: skip
"""Gaussian posterior, prior N(0, I), and a decoder that gives the mean of each pixel."""


class PythaeVae(Vae):
    """A VAE whose encoder and decoder are pythae's.

    Args:
        shape: ``(c, h, w)`` of the images.
        options: what stands in ``model_config.json``; None is the library's default VAE.
        encoder, decoder: class paths of architectures other than the default ones, each built from the config as
            pythae builds its own; the library stores such as pickles, which are not read.

    Raises:
        UsageError: pythae is not installed, the kind of model is another, or a class cannot be built.
    """

    def __init__(
        self,
        shape: Sequence[int],
        options: Mapping[str, Any] | None = None,
        encoder: str | None = None,
        decoder: str | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.options = as_shape("model.shape", shape), dict(options or {"name": "VAEConfig"})
        self.paths = {"encoder": encoder, "decoder": decoder}
        kind = self.options.get("name")
        if kind not in KINDS:
            raise UsageError(
                "model=pythae needs a VAE with a Gaussian posterior against N(0, I)",
                found=kind,
                way_out=f"Choose one of {', '.join(k.removesuffix('Config').rstrip('_') for k in KINDS)}; "
                "for another, write a class as in `gsu show docs/own-model.md`",
            )
        if list(self.options.get("input_dim") or self.shape) != list(self.shape):
            raise UsageError(
                "the data set must hold images of the shape that the model was trained on",
                found=f"{self.shape}, and input_dim {tuple(self.options['input_dim'])} in model_config.json",
            )
        for part in ("encoder", "decoder"):
            if not self.options.get(f"uses_default_{part}", True) and self.paths[part] is None:
                raise UsageError(
                    f"an {part} of your own must be named, as pythae stores it as a pickle, which is not read",
                    found=f"uses_default_{part} false",
                    way_out=f"Name its class: model.{part}=my_pkg.My{part.capitalize()}",
                )
        config = _config(self.options, self.shape)
        nets = library("pythae.models.nn.default_architectures", "pythae")
        self.latent_dim = int(config.latent_dim)
        self.encoder = _build("encoder", encoder, config) if encoder else nets.Encoder_VAE_MLP(config)
        inner = _build("decoder", decoder, config) if decoder else nets.Decoder_AE_MLP(config)
        self.likelihood = Bernoulli() if config.reconstruction_loss == "bce" else Gaussian(1.0)
        self.decoder = _Pixels(inner, self.shape)  # type: ignore[assignment]  # not a Sequential
        if config.reconstruction_loss == "bce":
            _take_sigmoid(inner)

    @staticmethod
    def options_beside(weights: Path) -> dict[str, Any]:
        """Constructor arguments from the folder of ``model.pt``."""
        return {"options": read_config(weights.parent / "model_config.json", "a pythae model")}

    @staticmethod
    def translated(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The library's names as those of this class."""
        old, new = "decoder.", "decoder.net."
        if any(k.startswith(new) for k in tensors):
            return dict(tensors)
        return {new + k.removeprefix(old) if k.startswith(old) else k: v for k, v in tensors.items()}

    def config(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "options": self.options, **self.paths}

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found = self.encoder(x)
        return found["embedding"], (0.5 * found["log_covariance"]).exp()


class _Pixels(nn.Module):
    """A pythae decoder as a network of one tensor."""

    def __init__(self, net: nn.Module, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.net, self.shape = net, shape

    def forward(self, z: Tensor) -> Tensor:
        found: Tensor = self.net(z)["reconstruction"]
        return found.reshape(len(z), *self.shape)


def _config(options: Mapping[str, Any], shape: tuple[int, int, int]) -> Any:
    models = library("pythae.models", "pythae")
    values = {k: v for k, v in options.items() if k != "name"}
    try:
        config = getattr(models, str(options["name"]))(**{**values, "input_dim": tuple(shape)})
    except (TypeError, ValueError) as e:
        raise CheckpointError(
            "model_config.json must be one that this release of pythae reads", found=one_line(e)
        ) from e
    if config.reconstruction_loss not in ("bce", "mse"):
        raise UsageError(
            'the reconstruction loss of model=pythae must be "bce" or "mse"', found=config.reconstruction_loss
        )
    return config


def _build(part: str, target: str, config: Any) -> nn.Module:
    def sentence(e: Exception) -> UsageError:
        rule = f"`model.{part}` must be a class that is built from a pythae config"
        return UsageError(rule, found=f"{target} ({one_line(e)})")

    with foreign_errors(sentence):
        found = pkgutil.resolve_name(str(target))(config)
    if not isinstance(found, nn.Module):
        raise UsageError(f"`model.{part}` must be the class of a torch module", found=target)
    return found


def _take_sigmoid(decoder: nn.Module) -> None:
    """Makes the last sigmoid an identity, so that the decoder gives logits."""
    name, last = [(k, m) for k, m in decoder.named_modules() if not any(True for _ in m.children())][-1]
    if not isinstance(last, nn.Sigmoid):
        raise UsageError(
            'a decoder trained with reconstruction_loss "bce" must end in a Sigmoid', found=type(last).__name__
        )
    place, _, own = name.rpartition(".")
    decoder.get_submodule(place).add_module(own, nn.Identity())
