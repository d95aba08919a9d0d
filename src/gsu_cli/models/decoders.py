"""Networks of models as makers of sites, and what is asked of them before they are differentiated by themselves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.errors import NonFiniteError, NotApplicableError, UsageError
from gsu_cli.models.conditions import NULL, code, posterior
from gsu_cli.models.frozen import trainable
from gsu_cli.models.protocols import HasDecoder, HasImageSites, HasSites, MapsNoise
from gsu_cli.models.sites import OutputLoss, Sites
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.surgery.devices import normal
from gsu_cli.surgery.taps import GRADIENTS_ALONE, eval_mode

SAME = 1e-4  # of a pixel: rounding of batches of other sizes


class DecoderSites:
    """The sites of a latent-variable model, of this package or of one's own: latents, and the pixels there."""

    sites_at_once = 1_000_000

    def __init__(self, model: HasDecoder) -> None:
        self.model: Any = model
        self.network: nn.Module = model.decoder
        self.output_loss: OutputLoss = model.likelihood

    @torch.no_grad()
    def sites(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Sites:
        """``z ~ q(z | x)`` of each image, and the image."""
        with eval_mode(self.model):
            labels = torch.full((len(x),), NULL, device=x.device) if y is None else y
            mean, sd = posterior(self.model, x, labels)
            z = mean + sd * normal(mean.shape, generator, mean)
            return Sites((code(self.model, z, labels),), x)


def site_maker(model: Any) -> HasImageSites:
    """What makes a model's sites: itself, or its decoder's.

    Raises:
        UsageError: nothing does.
    """
    if isinstance(model, HasSites):
        return model  # type: ignore[return-value]  # methods that need those of images say so in `needs`
    if isinstance(model, HasDecoder):
        return DecoderSites(model)
    raise UsageError(
        "this method needs a model with sites, or with posterior(), decoder and likelihood",
        found=type(model).__name__,
        way_out=GRADIENTS_ALONE,
    )


def prefix_of(model: Any, network: nn.Module) -> str:
    """What stands before the own parameter names of a network in the model's."""
    return next(f"{name}." if name else "" for name, module in model.named_modules() if module is network)


def decoder_prefix(model: Any) -> str:
    """The same of a decoder."""
    return prefix_of(model, model.decoder)


@torch.no_grad()
def check_maps_noise(model: MapsNoise) -> None:
    """Refuses a model whose images are not one pass of its noise through the network, such as a flow.

    Raises:
        NotApplicableError: with its name.
        NonFiniteError: its images are not finite.
    """
    refusal = NotApplicableError(
        "redirecting samples needs a model with a network that maps noise() to images in one pass",
        found=f"{type(model).__name__}, whose network(noise) is not generate(noise)",
        way_out=GRADIENTS_ALONE,
    )
    noise = model.noise(2, torch.Generator().manual_seed(0))
    with eval_mode(model):  # type: ignore[arg-type]
        images = model.generate(noise)
        if not torch.isfinite(images).all():  # equal to nothing, so the sentence below would blame the class
            raise NonFiniteError(
                "generated images must be finite",
                found=f"nan or inf in those of {type(model).__name__}",
                way_out="Take another checkpoint, or train it again at a lower training.lr",
            )
        with foreign_errors(lambda e: refusal):  # a network of other inputs
            found = model.output_loss.mean(model.network(noise))
    if found.shape != images.shape or not torch.allclose(found, images, atol=SAME):
        raise refusal


def check_network(model: Any) -> None:
    """Refuses a model whose samples depend on more than its network, whose network computes its own weights, or lends
    them to the encoder: the budget is measured at latents of the encoder as it was.

    Raises:
        UsageError: with the parameter.
    """
    network, what = site_maker(model).network, "decoder" if isinstance(model, HasDecoder) else "network"
    prefix = prefix_of(model, network)
    if outside := [name for name in model.generation_parameters() if not name.startswith(prefix)]:
        raise UsageError(
            f"this method needs a {what} that holds every parameter that generation depends on",
            found=f"{outside[0]} outside of it",
            way_out=f"Move it into the class's {what}, or: {GRADIENTS_ALONE}",
        )
    if isinstance(model, HasDecoder):
        _check_apart(model, network, prefix)
    if computed := [name for name, _ in network.named_parameters() if name.endswith(("_g", "_orig"))]:
        raise UsageError(
            "this method needs layers whose weights are parameters",
            found=f"{prefix}{computed[0]} of torch.nn.utils.weight_norm or spectral_norm",
            way_out=GRADIENTS_ALONE,
        )


def _check_apart(model: Any, network: nn.Module, prefix: str) -> None:
    inside, free = set(network.modules()), set(trainable(model))
    lent = {id(p): prefix + name for name, p in network.named_parameters()}
    for path, module in model.named_modules():
        for own, p in module._parameters.items() if module not in inside else ():
            if p is not None and lent.get(id(p)) in free:
                raise UsageError(
                    "this method needs a decoder that shares no weight with the rest of the model",
                    found=f"{lent[id(p)]}, which is also {f'{path}.{own}'.lstrip('.')}",
                    way_out=GRADIENTS_ALONE,
                )
