"""Samples, the same latents for every model; reconstructions; how far two pictures lie apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError
from gsu_cli.models.conditions import code, conditions_of, posterior, usual_conditions
from gsu_cli.models.model import decode
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import device_of
from gsu_cli.surgery.precision import sampling, widened
from gsu_cli.surgery.ranks import Ranks, joined, ranks
from gsu_cli.surgery.vectors import Vector

CHUNK = 2000  # generated images at a time: part of what fixes the latents, so it is no option
BACK = 500  # images that are encoded and decoded at a time
LOWER = "Take another checkpoint or a smaller step, or train it again at a lower training.lr"


@torch.no_grad()
def generate_samples(model: Any, n: int, seed: int, condition: Tensor | None = None, *, chunk: int = CHUNK) -> Tensor:
    """``n`` samples as uint8, at latents that depend on ``seed`` alone: the same for every model of that latent size.

    Args:
        model: offers ``sample(n, generator)``; a conditional one ``noise`` and ``generate``.
        n: generated images.
        seed: evaluation seed.
        condition: ``(n,)``, what a conditional model is asked for; None: what it is usually asked for, chosen after the
            noise, see `asked_conditions`.
        chunk: generated images at a time; `CHUNK` but in tests.

    Raises:
        NonFiniteError: a generated image holds nan or inf.
    """

    def generated(k: int, start: int) -> Vector:
        g, m = generator(seed, "latents", k), min(chunk, n - start)
        with sampling(device_of(model)):
            if conditions_of(model):
                noise = model.noise(m, g)
                y = usual_conditions(model, m, g) if condition is None else condition[start : start + m]
                x = widened(model.generate(noise, y))
            else:
                x = widened(model.sample(m, g))
        if not x.isfinite().all():  # a cast to uint8 would make a picture of it
            raise NonFiniteError(
                "generated images must be finite",
                found=f"{_odd(x)} among generated images {start} to {start + len(x) - 1}",
                way_out=LOWER,
            )
        return {"pixels": (x.clamp(0, 1) * 255).round_().to(torch.uint8).cpu()}

    if shape := getattr(model, "shape", None):
        torch.empty((n, *shape), dtype=torch.uint8)  # what can never fit is refused before it takes all there is
    starts = range(0, n, chunk)
    share = (
        ranks() if len(starts) >= ranks().size else Ranks()
    )  # a model that generates in parts of its own shares these
    return torch.cat([part["pixels"] for part in share.in_order(starts, generated)])


def asked_conditions(model: Any, n: int, seed: int) -> Tensor:
    """The conditions ``(n,)`` that samples are asked for where none are given; null of an unconditional model."""
    if not conditions_of(model):
        return usual_conditions(model, n, generator(seed))
    parts = []
    for k, start in enumerate(range(0, n, CHUNK)):
        g, m = generator(seed, "latents", k), min(CHUNK, n - start)
        model.noise(m, g)
        parts.append(usual_conditions(model, m, g))
    return torch.cat(parts)


@torch.no_grad()
def reconstructions(model: Any, images: Images) -> Tensor:
    """Decodings of posterior means, uint8 ``(n, c, h, w)``: generated images of which it is known what they show.

    Raises:
        NonFiniteError: a reconstruction holds nan or inf.
    """
    device = device_of(model)

    def back(part: tuple[Tensor, Tensor]) -> Tensor:
        x, y = (t.to(device) for t in part)
        return decode(model, code(model, posterior(model, x, y)[0], y)).cpu()

    generated = joined(images.batches(BACK), back) if len(images) else images.floats()
    if not generated.isfinite().all():
        raise NonFiniteError("reconstructions must be finite", found=_odd(generated))
    return (generated.clamp(0, 1) * 255).round_().to(torch.uint8)


def _odd(images: Tensor) -> str:
    """What of nan and inf there is among images."""
    return "nan" if bool(images.isnan().any()) else "inf"


def pixel_distance(a: Tensor, b: Tensor, index: Tensor) -> Tensor:
    """Root mean square difference of uint8 images at ``index``, in grey levels, ``(n,)`` float64."""
    # in parts: the difference of all images as floats would be the largest tensor of a run
    parts = [(a[i].double() - b[i].double()).flatten(1).square().mean(1).sqrt() for i in index.split(500)]
    return torch.cat(parts)
