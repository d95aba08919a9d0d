"""Conditions: what a model is told beside its noise, a class of the data set, and how that travels.

A condition is a label ``c`` in ``0 ... C - 1``, or `NULL`: none in particular. Networks see it as a row of zeros and at
most one 1, ``s(c)``; the null condition is all zeros. The layer that reads ``s`` therefore holds one column of weights
for each condition, its embedding, and a condition that training never met, whose column starts at zero, means null.

Everything that has labels hands them on (``loss(x, y, generator)``), and what works at latents works at *codes*: of an
unconditional model a latent ``z``, of a conditional one ``[z, s(c)]``. A decoder is a function of one tensor in both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.checks import is_number, quoted
from gsu_cli.errors import UsageError

NULL = -1
"""The condition that says nothing."""
DROP = 0.1
"""The usual share of training images whose condition is hidden."""


def conditions_of(model: object) -> int:
    """How many conditions a model knows; 0 of one that takes none."""
    return int(getattr(model, "conditions", 0))


def signal(y: Tensor, conditions: int) -> Tensor:
    """``s(c)`` of conditions ``(n,)``: ``(n, C)`` float32, a 1 in each row, or none for `NULL`.

    Raises:
        UsageError: a condition is out of range.
    """
    if len(y) and (int(y.min()) < NULL or int(y.max()) >= conditions):
        strange = y[(y < NULL) | (y >= conditions)]
        raise UsageError(
            f"a condition must be one of the model's {conditions} classes, 0 to {conditions - 1}, or {NULL} for none",
            found=int(strange[0]),
            way_out="Choose a data set with as many classes as the model has conditions",
        )
    return (y[:, None] == torch.arange(conditions, device=y.device)).to(torch.float32)


def posterior(model: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """q(z | x), or q(z | x, c) at conditions ``y`` ``(n,)``: mean and standard deviation, each ``(n, z)``."""
    found: tuple[Tensor, Tensor] = model.posterior(x, y) if conditions_of(model) else model.posterior(x)
    return found


def code(model: Any, z: Tensor, y: Tensor) -> Tensor:
    """What the decoder is given: latents ``(n, z)``, and of a conditional model the conditions ``y`` behind them."""
    C = conditions_of(model)
    return torch.cat([z, signal(y.to(z.device), C).to(z.dtype)], 1) if C else z


def network_inputs(model: Any, x_t: Tensor, t: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """What a denoiser's network is given: noised images and times, and of a conditional one ``s(c)``."""
    C = conditions_of(model)
    return (x_t, t, signal(y.to(x_t.device), C).to(x_t.dtype)) if C else (x_t, t)


def shares_of(model: Any) -> Tensor:
    """How often training met each condition, up to a factor, ``(C,)``: the same of a class that does not keep it."""
    shares: Tensor = getattr(model, "condition_shares", torch.ones(conditions_of(model)))
    return shares


def usual_conditions(model: Any, n: int, generator: torch.Generator) -> Tensor:
    """``n`` conditions as often as training met them, ``(n,)`` int64 on the CPU; null where the model has none."""
    if not conditions_of(model):
        return torch.full((n,), NULL)
    return torch.multinomial(shares_of(model).double().cpu(), n, replacement=True, generator=generator)


class Told:
    """A latent-variable model that is told the conditions ``y`` of the images at hand, so that it looks like any other.

    Args:
        model: conditional.
        y: ``(n,)``, of the images in order; fewer latents or images belong to the first ones.
    """

    def __init__(self, model: Any, y: Tensor) -> None:
        self.model, self.y, self.likelihood = model, y, model.likelihood
        self.loss, self.sample = model.loss, model.sample

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return posterior(self.model, x, self.y[: len(x)])

    def decoder(self, z: Tensor) -> Tensor:
        output: Tensor = self.model.decoder(code(self.model, z, self.y[: len(z)]))
        return output

    def decode(self, z: Tensor) -> Tensor:
        images: Tensor = self.model.decode(z, self.y[: len(z)])
        return images


class Conditional(nn.Module):
    """What conditional models share: the shares of the conditions in their training data, kept with the weights.

    Attributes:
        conditions: ``C``.
        drop: share of the training images whose condition is hidden, in [0, 1), so that the null condition is learnt.
        condition_shares: ``(C,)``, how often training met each.
    """

    conditions: int
    drop: float
    condition_shares: Tensor

    def _expect(self, conditions: object, drop: object, least: int = 0) -> None:
        """Checks and keeps the options; ``least`` is 0 where a class can be unconditional, else 2.

        Raises:
            UsageError: there are too few conditions, or ``drop`` is not in [0, 1), or typed without conditions.
        """
        if isinstance(conditions, bool) or not isinstance(conditions, int) or conditions < least or conditions == 1:
            raise UsageError(
                "a conditional model needs images of at least two classes: `model.conditions` must be an integer >= 2",
                found=repr(conditions),
            )
        if not is_number(drop) or not 0 <= drop < 1:
            raise UsageError("`model.drop` must be a number in [0, 1)", found=quoted(drop))
        if drop != DROP and not conditions:
            raise UsageError(
                "`model.drop` must be left out for a model without conditions, which hides none",
                found=drop,
                way_out="Type model.conditions as well, the number of classes",
            )
        self.conditions, self.drop = conditions, float(drop)
        if conditions:
            self.register_buffer("condition_shares", torch.full((conditions,), 1 / conditions))

    def meets(self, labels: Tensor) -> None:
        """Remembers how often each condition occurs in the training labels ``(n,)``.

        Raises:
            UsageError: a label is out of range.
        """
        if self.conditions:
            self.condition_shares.copy_(signal(labels, self.conditions).double().mean(0))

    def masked(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """``y``, in training with some of it replaced by `NULL`."""
        if not (self.training and self.drop):
            return y
        gone = torch.rand(len(y), generator=generator) < self.drop
        return torch.where(gone.to(y.device), NULL, y)
