"""A generator that knows images by heart, retrained ones that never saw some of them, and audits of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from gsu_cli.audit.base import Audited, Case, Result
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.run.record import Measurement


class Memory(nn.Module):
    """A generator that knows images by heart: its loss is the squared distance to the nearest, its samples are those.

    All about it is known: the loss of a stored image is 0, and what was never stored is as far as any other image.
    """

    loss_unit = "squared distance"

    def __init__(self, images: Tensor, seed: int = 0, blur: float = 0.0) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.stored = nn.Parameter(images + blur * torch.randn(images.shape, generator=rng))

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        seen = x.flatten(1) + 0.01 * torch.randn(x.flatten(1).shape, generator=generator)
        return ((seen[:, None] - self.stored.flatten(1)) ** 2).sum(2).min(1).values

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        which = torch.randint(len(self.stored), (n,), generator=generator)
        return self.stored[which].clamp(0, 1)

    def generation_parameters(self) -> list[str]:
        return ["stored"]


@cache
def noise_split() -> Split:
    """30 images to forget among 60, and 100 unseen ones; some are brighter, so that images differ in difficulty."""
    rng = torch.Generator().manual_seed(3)
    light = 0.3 + 0.7 * torch.rand(160, 1, 1, 1, generator=rng)
    pixels = (255 * light * torch.rand(160, 1, 8, 8, generator=rng)).round().to(torch.uint8)
    train = Images(pixels[:60], torch.zeros(60, dtype=torch.int64))
    heldout = Images(pixels[60:], torch.zeros(100, dtype=torch.int64))
    return ForgetSpec.from_values(sample=list(range(30))).resolve(
        Dataset("noise", train, heldout, {0: "any"}, "memory"), generator=torch.Generator()
    )


@cache
def models() -> tuple[Memory, ...]:
    """One that knows all, and four, a little different, that never saw the thirty."""
    split = noise_split()
    return (
        Memory(split.dataset.train.floats()),
        Memory(split.retain_images.floats()),
        Memory(split.retain_images.floats(), seed=5, blur=0.02),
        Memory(split.retain_images.floats(), seed=6, blur=0.02),
        Memory(split.retain_images.floats(), seed=7, blur=0.02),
    )


def case(original: int, unlearned: int, retrained: int | None = 1, references: Sequence[int] = ()) -> Case:
    found = models()
    known = {"original": original, "unlearned": unlearned} | ({} if retrained is None else {"retrained": retrained})
    return Case(
        noise_split(),
        {name: Audited(name, found[k], f"sha {k}") for name, k in known.items()},
        [Audited(f"retrained {k}", found[k], f"sha {k}") for k in references],
        EvaluationContext(noise_split(), {}, {}, seed=0),
        repeats=4,
    )


def value(result: Result, name: str, subject: str = "unlearned") -> Measurement:
    return next(m for m in result.measurements if (m.name, m.subject) == (name, subject))
