"""What is asked of a model's decoder before it is differentiated by itself."""

from __future__ import annotations

from typing import Any

from gsu_cli.errors import UsageError

GRADIENTS_ALONE = "Use a method that needs gradients alone, such as method=gradient_surgery"


def decoder_prefix(model: Any) -> str:
    """What stands before the decoder's own parameter names in the model's."""
    return next(f"{name}." if name else "" for name, module in model.named_modules() if module is model.decoder)


def need_latents(model: Any) -> None:
    """Refuses a model without latents.

    Raises:
        UsageError: with the way out.
    """
    if not all(hasattr(model, name) for name in ("posterior", "decoder", "likelihood", "latent_dim")):
        raise UsageError(
            "this method needs a model with posterior(), decoder, likelihood and latent_dim",
            found=type(model).__name__,
            way_out=GRADIENTS_ALONE,
        )


def check_decoder(model: Any) -> None:
    """Refuses a model whose drawings depend on more than its decoder, or whose decoder computes its own weights.

    Raises:
        UsageError: with the parameter.
    """
    prefix = decoder_prefix(model)
    if outside := [name for name in model.generation_parameters() if not name.startswith(prefix)]:
        raise UsageError(
            "this method needs a decoder that holds every parameter drawing depends on",
            found=f"{outside[0]} outside of it",
            way_out=f"Move it into the class's decoder, or: {GRADIENTS_ALONE}",
        )
    if computed := [name for name, _ in model.decoder.named_parameters() if name.endswith(("_g", "_orig"))]:
        raise UsageError(
            "this method needs layers whose weights are parameters",
            found=f"{prefix}{computed[0]} of torch.nn.utils.weight_norm or spectral_norm",
            way_out=GRADIENTS_ALONE,
        )
