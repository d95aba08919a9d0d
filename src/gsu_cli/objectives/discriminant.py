"""A method's own eye in closed form: does an image show what is to be forgotten? Judges stay out of a method's sight.

A kernel discriminant of forget against retain *training* images: images are made small, freed of brightness and
contrast, projected onto their principal components and mapped to random cosine features (Rahimi and Recht 2007), on
which ridge regression tells +1 (forget) from -1 (retain), both parts weighing the same. It sees shape, takes half a
second, and is of another kind than either judge: no network, no neighbours. A tenth of each part is kept back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gsu_cli.data.base import Images
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import share_of

SIDE = 14  # pixels that are left of a larger image's side
COMPONENTS, FEATURES = 40, 1_000
WIDTH = 0.5  # of the kernel, in median distances of two images
RIDGE = 1e-3  # times the number of images
NOTHING = 1e-5  # of the largest variance: a component with less is rounding
KEPT_BACK = 10  # every so many images one tells the accuracy
CHUNK = 500  # images a pass
FITTED_TO = 2_000  # images to forget, at most; of those retained twice as many


@dataclass(frozen=True)
class Discriminant:
    """The fitted discriminant.

    Attributes:
        mean, axes: of the small images, ``(d,)`` and ``(d, k)``.
        frequencies, phases: of the random features, ``(k, m)`` and ``(m,)``.
        weights: of the features, ``(m + 1,)``, the last one alone.
        right: shares of kept-back forget and retain images that it names rightly; None of a part too small to keep any
            back.
        n: images that it was fitted to.
    """

    mean: Tensor
    axes: Tensor
    frequencies: Tensor
    phases: Tensor
    weights: Tensor
    right: tuple[float | None, float | None]
    n: int

    @property
    def false_alarms(self) -> float:
        """Share of real retained images in which it sees what is to be forgotten; 0 where none was kept back."""
        return 0.0 if self.right[1] is None else 1 - self.right[1]

    @torch.no_grad()
    def scores(self, x: Tensor) -> Tensor:
        """Above 0 where images in [0, 1], ``(n, c, h, w)``, show what is to be forgotten, ``(n,)``."""
        parts = (self._cosines(small(part)) for part in x.split(CHUNK))
        return torch.cat([part @ self.weights[:-1] + self.weights[-1] for part in parts])

    def shows(self, x: Tensor) -> Tensor:
        """Which images show it, ``(n,)`` bool."""
        return self.scores(x) > 0

    def _cosines(self, looks: Tensor) -> Tensor:
        return cosines((looks - self.mean) @ self.axes, self.frequencies, self.phases)


def small(x: Tensor) -> Tensor:
    """Images ``(n, c, h, w)`` small, each with mean 0 and variance 1: ``(n, d)``."""
    looks = (_halved if x.shape[2:] == (2 * SIDE, 2 * SIDE) else _shrunk)(x).flatten(1)
    looks = looks - looks.mean(1, keepdim=True)
    deviation = looks.norm(dim=1, keepdim=True) / math.sqrt(max(looks.shape[1] - 1, 1))
    return looks.div_(deviation.add_(0.01))


def _shrunk(x: Tensor) -> Tensor:
    return adaptive_avg_pool2d(x, (min(SIDE, x.shape[2]), min(SIDE, x.shape[3])))


def _halved(x: Tensor) -> Tensor:
    """The same of twice as many pixels each way, to the last bit, in a seventh of the time."""
    above, below = x[..., 0::2, :], x[..., 1::2, :]
    first, second = (row[..., 0::2] for row in (above, below))
    return (first + above[..., 1::2]).add_(second).add_(below[..., 1::2]).mul_(0.25)


def cosines(points: Tensor, frequencies: Tensor, phases: Tensor) -> Tensor:
    """Random cosine features of ``(n, k)``: ``(n, m)``."""
    return (points @ frequencies).add_(phases).cos_()


@torch.no_grad()
def fit_discriminant(forget: Images, retain: Images, chance: torch.Generator) -> Discriminant:
    """Fits it to images of both parts.

    A component's sign is what rounding makes it, and so are two components of one variance. So the frequencies are of
    the small images' own coordinates, projected onto the components: what they see there is the same either way, on
    another machine or device, too.

    Args:
        forget, retain: training images; of each every tenth is kept back.
        chance: of the random features.
    """
    parts = {1.0: forget, -1.0: retain}
    rest = {sign: fitted_and_kept(images)[0] for sign, images in parts.items()}
    looks = torch.cat([small(images.floats()) for images in rest.values()])
    signs = torch.cat([looks.new_full((len(images),), sign) for sign, images in rest.items()])
    weight = torch.cat([looks.new_full((len(images),), len(looks) / 2 / len(images)) for images in rest.values()])
    mean = looks.mean(0)
    variances, axes = torch.linalg.eigh((looks - mean).T @ (looks - mean) / len(looks))
    axes = axes[:, variances > NOTHING * variances[-1]][:, -COMPONENTS:]
    points = (looks - mean) @ axes
    half = len(points) // 2
    shuffled = points[torch.randperm(len(points), generator=chance).to(points.device)]
    distance = (shuffled[:half] - shuffled[half : 2 * half]).norm(dim=1).median() if half else points.new_ones(())
    waves = torch.randn(len(axes), FEATURES, generator=chance).to(points.device)
    frequencies = axes.T @ waves / (WIDTH * distance + 1e-6)
    phases = 2 * torch.pi * torch.rand(FEATURES, generator=chance).to(points.device)
    phi = torch.cat([cosines(points, frequencies, phases), points.new_ones(len(points), 1)], 1)
    gram = (phi * weight[:, None]).T @ phi + RIDGE * len(phi) * torch.eye(phi.shape[1], device=phi.device)
    found = torch.linalg.solve(gram, (phi * (weight * signs)[:, None]).sum(0))
    fitted = Discriminant(mean, axes, frequencies, phases, found, (None, None), len(phi))
    return replace(fitted, right=(_right(fitted, forget, True), _right(fitted, retain, False)))


def discriminant_of(forget: Images, retain: Images, seed: int) -> Discriminant:
    """That of the first images of both parts: `FITTED_TO` and twice as many.

    Args:
        forget, retain: training images, in random order.
        seed: of the random features.
    """

    def some(of: Images, n: int) -> Images:
        return of[torch.arange(min(len(of), n))]

    return fit_discriminant(some(forget, FITTED_TO), some(retain, 2 * FITTED_TO), generator(seed))


def kept_back(n: int) -> Tensor:
    """Which of ``n`` images tell how often what was fitted to the others is right: every tenth, ``(n,)`` bool."""
    return torch.arange(n) % KEPT_BACK == KEPT_BACK - 1


def fitted_and_kept(images: Images) -> tuple[Images, Images]:
    """Images to fit to, and those of `kept_back`."""
    kept = kept_back(len(images))
    return images[(~kept).nonzero()[:, 0]], images[kept.nonzero()[:, 0]]


def _right(fitted: Discriminant, images: Images, shown: bool) -> float | None:
    _, kept = fitted_and_kept(images)
    return share_of(fitted.shows(kept.floats()) == shown) if len(kept) else None
