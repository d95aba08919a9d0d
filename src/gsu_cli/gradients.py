"""Losses over data sets, and their gradients: streamed, summed in float64, with common random numbers.

Noise. A model samples one batch of noise per call of its loss, so noise and batching cannot be told apart from outside.
Images are therefore always evaluated in *blocks* of ``BLOCK`` consecutive images, and block ``b`` samples from a
generator seeded with ``(seed, b)``. An image's noise depends on the seed and its place alone: not on the weights (two
models, or two steps of a line search, are compared under the same noise), not on what was evaluated before. There is
no batch size to choose; a caller who must change ``block`` to save memory changes the noise of a stochastic loss, and
nothing but rounding of a deterministic one. Models run in eval mode: BatchNorm buffers lie outside any projection.

``g`` is a gradient, ``H`` a Hessian, ``v`` a vector; a loss of a set is the mean over its images.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.surgery.devices import device_of, wide
from gsu_cli.surgery.functional_call import called
from gsu_cli.surgery.ranks import ranks
from gsu_cli.surgery.streaming import BlockLoss, LossGradient, accumulate_gradient, accumulate_product, check_finite
from gsu_cli.surgery.taps import eval_mode
from gsu_cli.surgery.vectors import Vector, VectorLike, select

__all__ = [
    "BLOCK",
    "BlockLoss",
    "ImageLoss",
    "LossGradient",
    "accumulate_gradient",
    "accumulate_product",
    "block_generator",
    "class_gradients",
    "hessian_vector",
    "image_losses",
    "image_slopes",
    "mean_gradient",
    "mean_loss",
    "parameters",
]  # the streaming sums live in surgery/, where they need torch alone; methods find everything here

BLOCK = 500
"""Images per call of a loss: about as fast as any size for MLPs of this package, small enough for RGB models."""

ImageLoss = Callable[[Any, Tensor, Tensor, torch.Generator], Tensor]
"""``(model, x, y, generator) -> (n,)`` nats per image; the model's own loss when None is given."""


def parameters(model: nn.Module, names: Iterable[str] | None = None) -> Vector:
    """The model's weights as a vector, detached and not copied; those in ``names``, or all."""
    everything = {k: p.detach() for k, p in model.named_parameters()}
    return everything if names is None else select(everything, names)


def image_losses(
    model: nn.Module,
    images: Images,
    *,
    seed: int,
    loss: ImageLoss | None = None,
    theta: VectorLike | None = None,
    block: int = BLOCK,
) -> Tensor:
    """The loss of each image, ``(n,)`` float32 on the CPU, without a graph.

    Args:
        model: the model; its mode and weights are left as they were.
        images: ``(n, c, h, w)`` uint8 and labels.
        seed: of the noise.
        loss: another loss than ``model.loss``.
        theta: weights to use in place of the model's own, for all or some of the parameters.
        block: images per call; see the module's note on noise.

    Raises:
        NonFiniteError: a loss is not finite; names the first image.
        UsageError: there are no images.
    """
    with torch.no_grad(), eval_mode(model):
        blocks = _blocks(model, images, seed, loss, block)
        point = dict(theta or {})
        parts = ranks().in_order(blocks, lambda b, f: {"losses": check_finite(f(point), b * block).cpu()})
        return torch.cat([part["losses"] for part in parts])


def image_slopes(model: nn.Module, images: Images, v: VectorLike, *, seed: int) -> Tensor:
    """``g_i.v``, how fast each image's loss grows along ``v``, ``(n,)`` float64 on the CPU; one pass, in forward mode.

    Args:
        model: at whose weights; they are left as they are.
        images: ``(n, c, h, w)`` uint8 and labels.
        v: a direction of the parameters that it names.
        seed: of the noise, the same as of :func:`image_losses`.
    """
    point, tangent = parameters(model, v), {k: x.detach() for k, x in v.items()}

    def slopes(b: int, f: BlockLoss) -> Vector:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's own forward mode uses what torch deprecates
            found: Tensor = torch.func.jvp(f, (point,), (tangent,))[1]
        return {"slopes": check_finite(found, b * BLOCK).double().cpu()}

    with eval_mode(model):
        parts = ranks().in_order(_blocks(model, images, seed, None, BLOCK), slopes)
        return torch.cat([part["slopes"] for part in parts])


def mean_loss(model: nn.Module, images: Images, *, seed: int, **options: Any) -> float:
    """The mean of :func:`image_losses` in float64; same arguments."""
    return float(wide(image_losses(model, images, seed=seed, **options)).mean())


def mean_gradient(
    model: nn.Module,
    images: Images,
    names: Sequence[str],
    *,
    seed: int,
    loss: ImageLoss | None = None,
    block: int = BLOCK,
) -> LossGradient:
    """``g = 1/n sum_i d loss_i / d theta`` for the parameters ``names``; arguments as for :func:`image_losses`."""
    with eval_mode(model):
        return accumulate_gradient(_blocks(model, images, seed, loss, block), parameters(model, names))


def class_gradients(
    model: nn.Module, images: Images, names: Sequence[str], *, seed: int, **options: Any
) -> dict[int, LossGradient]:
    """:func:`mean_gradient` of each label that occurs, in order of the labels."""
    labels = sorted(set(images.labels.tolist()))
    parts = ((c, images[(images.labels == c).nonzero()[:, 0]]) for c in labels)
    return {c: mean_gradient(model, part, names, seed=seed, **options) for c, part in parts}


def hessian_vector(
    model: nn.Module,
    images: Images,
    v: VectorLike,
    *,
    seed: int,
    loss: ImageLoss | None = None,
    block: int = BLOCK,
) -> tuple[LossGradient, Vector]:
    """``g`` and ``H v`` of the mean loss with respect to the parameters of ``v``, at the model's weights."""
    with eval_mode(model):
        return accumulate_product(_blocks(model, images, seed, loss, block), parameters(model, v), v)


def block_generator(seed: int, block: int) -> torch.Generator:
    """The CPU generator of a block of images; unlike ``seed + block``, no two (seed, block) share a stream."""
    digest = hashlib.blake2b(f"{seed}/{block}".encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))


class _WithLoss(nn.Module):
    """Gives a loss the face of a forward pass: `called` swaps parameters for ``forward`` only."""

    def __init__(self, model: nn.Module, loss: ImageLoss | None) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        model: Any = self.model
        value: Tensor = model.loss(x, y, generator) if self.loss is None else self.loss(model, x, y, generator)
        return value


def _blocks(model: nn.Module, images: Images, seed: int, loss: ImageLoss | None, block: int) -> Iterator[BlockLoss]:
    if not len(images):
        raise UsageError("a loss needs at least one image", found=0)
    device, face = device_of(model), _WithLoss(model, loss)
    fixed = {f"model.{k}": p.detach() for k, p in model.named_parameters()}

    for b, (pixels, labels) in enumerate(images.batches(block)):
        x, y = pixels.to(device), labels.to(device)

        def of(theta: Mapping[str, Tensor], x: Tensor = x, y: Tensor = y, b: int = b) -> Tensor:
            # detached weights outside theta keep the encoder out of the backward pass of a decoder's gradient
            swapped = {**fixed, **{f"model.{k}": p for k, p in theta.items()}}
            if swapped.keys() != fixed.keys():  # a call would ignore them, and the step with them
                raise ValueError(f"not parameters of the model: {sorted(swapped.keys() - fixed.keys())}")
            arguments = (x, y, block_generator(seed, b))
            value: Tensor = called(face, swapped, arguments)
            return value

        yield of
