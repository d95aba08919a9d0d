"""Slips of an adapter, each undone to see whether images fit better: what is said where they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

EDGE = 1e-4  # from 0 and 1, for the logits of pixels


def slips(model: Any, x: Tensor, noise: Tensor, output: Tensor) -> Iterator[tuple[str, float]]:
    """Usual slips, each with the nll of reconstructions where it is undone; those that cannot be tried are left out."""
    mean, sd = model.posterior(x)

    def through(inputs: Tensor) -> Tensor:
        m, s = model.posterior(inputs)
        found: Tensor = model.decoder(m + s * noise)
        return found

    def at(m: Tensor, s: Tensor) -> Tensor:
        found: Tensor = model.decoder(m + s * noise)
        return found

    c, h, w = x.shape[1:]
    logits = takes_logits(model.likelihood)
    centre, spread = x.mean(), x.std()
    tries: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
        "mean and log-variance exchanged": lambda: (at(2 * sd.log(), (0.5 * mean).exp()), x),
        "inputs in [-1, 1], 2 x - 1": lambda: (through(2 * x - 1), x),
        "inputs in [0, 1], not made [-1, 1]": lambda: (through((x + 1) / 2), x),
        "inputs in 0..255": lambda: (through(255 * x), x),
        f"inputs standardised, (x - {centre:.3f}) / {spread:.3f}": lambda: (through((x - centre) / spread), x),
        "rows and columns exchanged": lambda: (through(x.transpose(2, 3)), x.transpose(2, 3)),
        "rows and columns of the inputs exchanged": lambda: (through(x.transpose(2, 3)), x),
        "the images inverted, 1 - x": lambda: (through(1 - x), 1 - x),
        "the inputs inverted, 1 - x": lambda: (through(1 - x), x),
        "the second half of the posterior as a standard deviation": lambda: (at(mean, 2 * sd.log()), x),
        "the second half of the posterior as a variance": lambda: (at(mean, (2 * sd.log()).sqrt()), x),
        "the posterior's second value as a log-variance": lambda: (at(mean, (0.5 * sd).exp()), x),
    }
    if c > 1:
        last = x.permute(0, 2, 3, 1).reshape(x.shape)
        tries["channels last"] = lambda: (through(last).reshape(len(x), h, w, c).permute(0, 3, 1, 2), x)
        tries["channels in the order blue, green, red"] = lambda: (through(x.flip(1)), x.flip(1))
    if logits:
        tries["no sigmoid in the decoder, or one in the likelihood alone"] = lambda: (_logit(output), x)
        tries["a decoder that gives [-1, 1]"] = lambda: (_logit((output + 1) / 2), x)
        tries["inputs in [-1, 1], and no sigmoid in the decoder"] = lambda: (_logit(through(2 * x - 1)), x)
        tries["inputs and outputs in [-1, 1]"] = lambda: (_logit((through(2 * x - 1) + 1) / 2), x)
    else:
        tries["a sigmoid behind the decoder, which gives logits"] = lambda: (output.sigmoid(), x)
        tries["outputs in [-1, 1], (output + 1) / 2"] = lambda: ((output + 1) / 2, x)
        tries["inputs and outputs in [-1, 1]"] = lambda: ((through(2 * x - 1) + 1) / 2, x)
        tries["inputs in [-1, 1], and a sigmoid behind the decoder"] = lambda: (through(2 * x - 1).sigmoid(), x)
    for why, of in tries.items():
        try:
            value = float(model.likelihood.nll(*of()).double().mean())
        except (RuntimeError, ValueError):  # other shapes than the networks take
            continue
        if value == value:  # not nan: the logarithm of a negative number
            yield why, value


def takes_logits(likelihood: Any) -> bool:
    """Whether the likelihood's mean bends its input, so that a sigmoid before it is one too many."""
    return float(likelihood.mean(torch.zeros(1))) > 0.4


def _logit(p: Tensor) -> Tensor:
    return p.clamp(EDGE, 1 - EDGE).logit()


def least_loss(likelihood: Any, pictures: Tensor, x: Tensor) -> float:
    """The nll of generating ``pictures``, by whichever reading of the output fits: themselves, or logits."""
    return min(float(likelihood.nll(o, x).double().mean()) for o in (pictures, _logit(pictures)))
