"""What a model must offer so that every method, judge and metric can work with it.

A generator is an ``nn.Module`` with

* ``loss(x, y, generator) -> (n,)``: the training loss of each image (for a VAE the negative ELBO, nats); networks that
  learn against each other have ``optimisers`` and ``losses`` instead;
* ``sample(n, generator) -> (n, c, h, w)`` in [0, 1];
* ``generation_parameters() -> names`` of the parameters that sampling depends on.

A latent-variable model offers besides ``posterior(x) -> (mean, sd)``, both ``(n, z)``, and a ``decoder`` module
``z -> output`` whose output parametrises a ``likelihood``; the redirect objective and the Kronecker factors need
those and nothing else, so a convolutional or a foreign model joins by having them.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.errors import UsageError
from gsu_cli.models.conditions import conditions_of
from gsu_cli.models.protocols import Decodes, HasDecoder, HasPosterior
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.run.memory import is_out_of_memory
from gsu_cli.run.one_line import named
from gsu_cli.surgery.compiled_parts import plain_names, uncompiled
from gsu_cli.surgery.devices import device_of


def reconstructs(model: Any) -> bool:
    """Whether images can go through a model and come back."""
    return isinstance(model, HasDecoder | HasPosterior)


def decode(model: Any, codes: Tensor) -> Tensor:
    """Images in [0, 1], ``(n, c, h, w)``, at latents or, of a conditional model, codes (see `models.conditions`).

    By ``decode``; without it, and at codes, by the likelihood's mean.
    """
    plain = isinstance(model, Decodes) and not conditions_of(model)
    found: Tensor = model.decode(codes) if plain else model.likelihood.mean(model.decoder(codes))
    return found


def copied(model: Any) -> Any:
    """An independent copy; where the class cannot be copied, it is rebuilt from class, config and state dict.

    Raises:
        UsageError: it cannot be rebuilt either.
    """
    try:
        return copy.deepcopy(model)
    except Exception as e:  # old weight norm, locks, open files: a module can hold anything
        if is_out_of_memory(e):
            raise
        rule = f"{type(model).__name__} must be possible to copy, or to rebuild from its config()"
        with foreign_errors(lambda again: UsageError(rule, found=named(again))):
            with torch.random.fork_rng(devices=[]):  # its first weights are thrown away
                again = uncompiled(type(model)(**model.config()))
            again.load_state_dict(plain_names(model.state_dict(), again.state_dict()))
    return again.to(device_of(model)).train(model.training)


def bare(model: Any) -> Any:
    """The model inside of `torch.compile`, of (Distributed)DataParallel or of an averaged model; others as they are."""
    while isinstance(model, nn.Module):
        inside = model._modules
        if "_orig_mod" in inside:
            model = inside["_orig_mod"]
        elif set(inside) == {"module"} and not hasattr(type(model), "sample"):
            model = inside["module"]
        else:
            break
    return model


def check_precision(model: Any) -> None:
    """Refuses weights without values, those that are no real numbers, and those in half precision.

    A budget of 1 % is two steps of bfloat16.

    Raises:
        UsageError: naming the first.
    """
    for name, p in model.named_parameters():
        if p.is_meta:
            raise UsageError(
                "weights must have values",
                found=f"{name} on the device meta",
                way_out="Load its weights into a model on the CPU",
            )
        if p.dtype not in (torch.float32, torch.float64):
            raise UsageError(
                "weights must be held in float32 or float64",
                found=f"{str(p.dtype).removeprefix('torch.')} in {name} of {type(model).__name__}",
                way_out="Use model.float(): less is too coarse for a budget. precision=bfloat16 trains in it"
                if p.is_floating_point()
                else "Keep a complex weight as two real ones, whole numbers and true or false in a buffer",
            )


class Model(nn.Module):
    """Base of the models in this package; a user's own class needs the same members, not this parent."""

    shape: tuple[int, int, int]

    def config(self) -> dict[str, Any]:
        """Constructor arguments: with the class path they rebuild the architecture from a checkpoint alone."""
        raise NotImplementedError
