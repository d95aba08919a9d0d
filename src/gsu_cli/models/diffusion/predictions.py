"""What a denoiser's network says, and the image that its word implies: four words for one thing.

With ``x_t = a x_0 + s eps``, ``x_0`` in [-1, 1]:

| prediction | the network says | the image that it implies |
|---|---|---|
| eps | ``eps`` | ``(x_t - s o) / a`` |
| v | ``a eps - s x_0``, where ``a^2 + s^2 = 1`` | ``a x_t - s o`` |
| sample | ``x_0`` | ``o`` |
| velocity | ``eps - x_0``, ``d x_t / d s`` where ``a + s = 1`` | ``(x_t - s o) / (a + s)`` |

Sources: Ho, Jain and Abbeel, NeurIPS 2020 (eps); Salimans and Ho, ICLR 2022, appendix D (v); Lipman et al., "Flow
Matching for Generative Modeling", ICLR 2023 (velocity).
"""

from __future__ import annotations

from torch import Tensor

PREDICTIONS = ("eps", "v", "sample", "velocity")


def target(kind: str, x_0: Tensor, eps: Tensor, a: Tensor, s: Tensor) -> Tensor:
    """What the network should say at ``a x_0 + s eps``."""
    if kind == "eps":
        return eps
    if kind == "sample":
        return x_0
    return eps - x_0 if kind == "velocity" else a * eps - s * x_0


def image_of(kind: str, x_t: Tensor, output: Tensor, a: Tensor, s: Tensor) -> Tensor:
    """The ``x_0`` that ``output`` implies, not clipped."""
    if kind == "eps":
        return (x_t - s * output) / a
    if kind == "sample":
        return output
    return (x_t - s * output) / (a + s) if kind == "velocity" else a * x_t - s * output


def word_for(kind: str, x_t: Tensor, x_0: Tensor, a: Tensor, s: Tensor) -> Tensor:
    """The inverse of `image_of`: what a network says that takes ``x_0`` to be the image."""
    if kind == "eps":
        return (x_t - a * x_0) / s
    if kind == "sample":
        return x_0
    return (x_t - (a + s) * x_0) / s if kind == "velocity" else (a * x_t - x_0) / s
