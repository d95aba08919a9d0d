"""AutoencoderKL of diffusers: ``config.json`` beside ``diffusion_pytorch_model.safetensors``.

    x in [0, 1] -> 2 x - 1 -> encoder -> N(m, s^2), maps of ``latent_channels`` -> z = (map - shift) * scaling_factor,
    z ~ N(0, I) -> map = z / scaling_factor + shift -> decoder in [-1, 1] -> (output + 1) / 2.

Latents are those that a diffusion model would see, flat: there the spread of all images is about 1, so that N(0, I) is
the prior that they come nearest to. Pixels are Gaussian. The -ELBO is that of this model; the library's own training
gives KL a tiny weight, so that the KL part of it is large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gsu_cli.checks import as_shape
from gsu_cli.errors import UsageError
from gsu_cli.models.libraries import built_by_diffusers, library
from gsu_cli.models.likelihoods import Gaussian
from gsu_cli.models.vae.base import Vae
from gsu_cli.run.json_files import read_config

OLDER = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""Names of the attention layers in files of the first releases."""


class AutoencoderKl(Vae):
    """A VAE whose networks are diffusers'.

    Args:
        shape: ``(c, h, w)`` of the images.
        options: what stands in ``config.json``; None is the library's default.
        sigma: standard deviation of a pixel, in units of the full range.

    Raises:
        UsageError: diffusers is not installed, or images of the shape do not go through the networks.
    """

    def __init__(self, shape: Sequence[int], options: Mapping[str, Any] | None = None, sigma: float = 1.0) -> None:
        super().__init__()
        self.shape = as_shape("model.shape", shape)
        self.options = dict(options or {"in_channels": self.shape[0], "out_channels": self.shape[0]})
        self.likelihood = Gaussian(sigma)
        kind = self.options.get("_class_name", "AutoencoderKL")
        if kind != "AutoencoderKL":
            raise UsageError(
                "model=autoencoder_kl needs a folder of diffusers' AutoencoderKL", found=f"{kind} in config.json"
            )
        diffusers = library("diffusers", "diffusers")
        own = {k: v for k, v in self.options.items() if not k.startswith("_")}
        net = built_by_diffusers(diffusers.AutoencoderKL, own, "config.json")
        channels, height, width = self.shape
        halvings = len(net.config.block_out_channels) - 1
        if net.config.in_channels != channels or height % 2**halvings or width % 2**halvings:
            raise UsageError(
                f"images must have {net.config.in_channels} channels and sides that {2**halvings} divides",
                found=f"the data set's shape {self.shape}",
                way_out="Choose the data set's size and channels, for example dataset.size=64 dataset.channels=3",
            )
        maps = (net.config.latent_channels, height >> halvings, width >> halvings)
        self.latent_dim = math.prod(maps)
        self.encoder = net.encoder
        self.quant_conv = net.quant_conv or nn.Identity()
        self.decoder = _Decoder(net, maps)  # type: ignore[assignment]  # not a Sequential

    @staticmethod
    def options_beside(weights: Path) -> dict[str, Any]:
        """Constructor arguments from the folder of the weights."""
        return {"options": read_config(weights.parent / "config.json", "an AutoencoderKL")}

    @staticmethod
    def translated(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The library's names as those of this class."""
        if any(k.startswith("decoder.net.") for k in tensors):
            return dict(tensors)
        found = {}
        for name, value in tensors.items():
            for old, new in OLDER.items() if ".attentions." in name else ():
                name = name.replace(old, new)
            if name.startswith("decoder."):
                name = f"decoder.net.{name.removeprefix('decoder.')}"
            found[f"decoder.{name}" if name.startswith("post_quant_conv.") else name] = value
        return found

    def config(self) -> dict[str, Any]:
        sigma = self.likelihood.sigma  # type: ignore[attr-defined]  # a Gaussian
        return {"shape": list(self.shape), "options": self.options, "sigma": sigma}

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = self.quant_conv(self.encoder(2 * x - 1)).chunk(2, dim=1)
        scale, shift = self.decoder.scale, self.decoder.shift
        sd = (0.5 * log_var.clamp(-30.0, 20.0)).exp()  # the library's own bounds
        return ((mean - shift) * scale).flatten(1), (sd * scale).flatten(1)


class _Decoder(nn.Module):
    """Flat latents in units of the prior -> images in [0, 1]."""

    def __init__(self, net: Any, maps: tuple[int, int, int]) -> None:
        super().__init__()
        self.maps, self.scale, self.shift = (
            maps,
            float(net.config.scaling_factor or 1),
            float(net.config.shift_factor or 0),
        )
        self.post_quant_conv = net.post_quant_conv or nn.Identity()
        self.net = net.decoder

    def forward(self, z: Tensor) -> Tensor:
        maps = z.reshape(len(z), *self.maps) / self.scale + self.shift
        found: Tensor = self.net(self.post_quant_conv(maps))
        return (found + 1) / 2
