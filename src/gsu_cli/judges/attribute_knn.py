"""The k-nearest-neighbour judge of attributes: a vote of real images that look alike *as far as the attribute goes*.

Raw pixels are no measure for a smile: hair and clothes decide which faces are near. Images are softened and halved,
described by their principal components and by their likeness to some of the images (Gaussian kernels), and for each
attribute apart by one number: what least squares towards 1 for the real images that have it and -1 for the others find
(regularised least-squares classification, Rifkin et al. 2003, on landmarks). The real images with the nearest numbers
vote. References are softened to several degrees, because samples are. Everything is closed form; nothing is shared
with a CNN but the images.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gsu_cli.data.base import Images, to_float
from gsu_cli.judges.base import AttributeVerdict
from gsu_cli.run.tensor_files import digest
from gsu_cli.surgery.pooled import pooled_covariance
from gsu_cli.surgery.ranks import joined

COMPONENTS = 100  # principal components, at most, for Fisher's linear discriminant
KERNEL_COMPONENTS = 200  # of them, at most, beside likenesses
BASIS_IMAGES = 2_000  # from which they are found
LANDMARKS = 1_500  # references to whom likeness is measured
SOFTNESS = (0, 1, 2, 4)  # how often references are softened, in turn; queries once
WIDTH_IMAGES = 500  # whose median distance is the width of the kernels
RIDGE = 1e-2  # of the mean variance of a component, added to the pooled covariance
KERNEL_RIDGE = 1e-3  # of the mean square of a number, added to the second moments
TINY = 1e-12
ABSTAIN = 0.5  # where yes and no differ by less of the votes
CHUNK = 500


class AttributeKnnJudge:
    """Votes of the ``k`` real images with the nearest discriminant, for each attribute.

    Args:
        images: real ones, with attributes.
        names: of the attributes.
        k: neighbours that vote.
        landmarks: of the images, to whom likeness is measured; 0 is Fisher's linear discriminant (1936) of principal
            components, of images softened once.

    Attributes that all or none of the images have are always, or never, seen.
    """

    name = "knn"
    label = "kNN"

    def __init__(self, images: Images, names: tuple[str, ...], k: int = 51, landmarks: int = LANDMARKS) -> None:
        if images.attributes is None:
            raise ValueError("a judge of attributes needs images with attributes")
        self.names, self.k, self.n = names, min(k, len(images)), len(images)
        looks = _looks(images.pixels, SOFTNESS if landmarks else (1,))
        self.mean = looks.mean(0)
        self.basis = _principal(looks[:BASIS_IMAGES] - self.mean, KERNEL_COMPONENTS if landmarks else COMPONENTS)
        points = (looks - self.mean) @ self.basis
        self.landmarks = points[:landmarks]
        self.width = float(torch.cdist(points[:WIDTH_IMAGES], points[:WIDTH_IMAGES]).median().clamp(min=TINY))
        described, truth = self._described(points), images.attributes
        self.directions = (_least_squares if landmarks else _fisher)(described, truth)
        self.scores, order = (described @ self.directions).T.contiguous().sort(1)  # (attributes, n), ascending
        self.has = truth.T.gather(1, order)

    def provenance(self) -> dict[str, object]:
        shape = {"components": self.basis.shape[1], "landmarks": len(self.landmarks)}
        return {"name": self.name, "k": self.k, "references": self.n, **shape}

    def content(self) -> str:
        found = {"mean": self.mean, "basis": self.basis, "landmarks": self.landmarks, "directions": self.directions}
        numbers = torch.tensor([float(self.k), self.width], dtype=torch.float64)
        return digest({**found, "scores": self.scores, "has": self.has, "numbers": numbers})

    def __call__(self, pixels: Tensor) -> AttributeVerdict:
        shares = joined(pixels.split(CHUNK), lambda c: self._votes(self.describe(c)))
        confidence = torch.maximum(shares, 1 - shares)
        return AttributeVerdict(self.names, shares > 0.5, confidence, 2 * confidence - 1 < ABSTAIN)

    def describe(self, pixels: Tensor) -> Tensor:
        """1, principal components, likenesses ``(n, 1 + c + landmarks)``: the discriminants are linear in them."""
        return self._described((_look(pixels) - self.mean) @ self.basis)

    def _described(self, points: Tensor) -> Tensor:
        if not len(self.landmarks):
            return points
        likeness = (torch.cdist(points, self.landmarks) / self.width).square().mul(-0.5).exp()
        return torch.cat([points.new_ones(len(points), 1), points / self.width, likeness], 1)

    def _votes(self, described: Tensor) -> Tensor:
        """Share of the nearest references that have each attribute, ``(n, attributes)``."""
        queries = (described @ self.directions).T.contiguous()
        window = torch.arange(-self.k, self.k)
        found = []
        for scores, has, q in zip(self.scores, self.has, queries, strict=True):
            # on a sorted line the k nearest lie within k places of where the query would stand
            near = torch.searchsorted(scores, q)[:, None] + window
            inside = (near >= 0) & (near < self.n)
            near = near.clamp(0, self.n - 1)
            distance = (scores[near] - q[:, None]).abs().masked_fill(~inside, torch.inf)
            chosen = near.gather(1, distance.topk(self.k, largest=False).indices)
            found.append(has[chosen].float().mean(1))
        return torch.stack(found, 1)


def _look(pixels: Tensor, softness: int = 1) -> Tensor:
    """Softened so often and halved, flat ``(n, d)``: samples are softer than photographs, and neither should show."""
    x = to_float(pixels)
    for _ in range(softness):
        x = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return F.avg_pool2d(x, 2, ceil_mode=True).flatten(1)


def _looks(pixels: Tensor, softness: tuple[int, ...]) -> Tensor:
    """Of each image one look, softened to each degree in turn."""
    looks = torch.empty(len(pixels), _look(pixels[:1]).shape[1])
    for i, degree in enumerate(softness):
        turn = slice(i, None, len(softness))
        looks[turn] = torch.cat([_look(part, degree) for part in pixels[turn].split(CHUNK)])
    return looks


def _principal(x: Tensor, most: int) -> Tensor:
    """At most so many directions ``(d, c)`` of the largest variance of centred ``x`` ``(n, d)``, by its Gram matrix."""
    values, vectors = torch.linalg.eigh((x @ x.T).double())
    keep = values.flip(0)[:most] > 1e-6 * values[-1]
    top = vectors.flip(1)[:, :most][:, keep].to(x.dtype)
    basis: Tensor = torch.linalg.qr(x.T @ top).Q
    return basis


def _fisher(points: Tensor, truth: Tensor) -> Tensor:
    """``S^-1 (m_1 - m_0)``, ``S`` the pooled covariance, float32 ``(c, attributes)``; zeros where nothing differs."""
    return torch.stack([_one_fisher(points, has) for has in truth.T], 1)


def _one_fisher(points: Tensor, has: Tensor) -> Tensor:
    if bool(has.all()) or not bool(has.any()):
        return torch.zeros(points.shape[1])
    a, b = points[has].double(), points[~has].double()
    # where images differ in the attribute alone there is no spread, and the difference of the means is the direction
    direction: Tensor = torch.linalg.solve(pooled_covariance(a, b, RIDGE), a.mean(0) - b.mean(0))
    return direction.float()


def _least_squares(described: Tensor, truth: Tensor) -> Tensor:
    """``(M + ridge)^-1 E[x y]``, ``M = E[x x^T]``, ``y`` 1 or -1, float32 ``(c, attributes)``; no free constant.

    A number that shrinks towards 0 where no reference is near leaves it to the nearest there, whichever they are.
    """
    x, y = described.double(), torch.where(truth, 1.0, -1.0).double()
    M = x.T @ x / len(x)
    M.diagonal().add_(KERNEL_RIDGE * M.diagonal().mean())
    directions: Tensor = torch.linalg.solve(M, x.T @ y / len(x))
    return directions.float()
