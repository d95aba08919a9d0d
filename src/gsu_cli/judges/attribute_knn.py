"""The k-nearest-neighbour judge of attributes: a vote of real images that look alike *as far as the attribute goes*.

Raw pixels are no measure for a smile: hair and clothes decide which faces are near. Images are softened and halved,
described by their principal components, and for each attribute apart by one number, Fisher's linear discriminant
(1936) of the real images that have it against those that have not. The real images with the nearest numbers vote.
Everything is closed form; nothing is shared with a CNN but the images.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gsu_cli.data.base import Images, to_float
from gsu_cli.judges.base import AttributeVerdict

COMPONENTS = 100  # principal components, at most
BASIS_IMAGES = 2_000  # from which they are found
RIDGE = 1e-2  # of the mean variance of a component, added to the pooled covariance
ABSTAIN = 0.5  # where yes and no differ by less of the votes
CHUNK = 500


class AttributeKnnJudge:
    """Votes of the ``k`` real images with the nearest discriminant, for each attribute.

    Args:
        images: real ones, with attributes.
        names: of the attributes.
        k: neighbours that vote.

    Attributes that all or none of the images have are always, or never, seen.
    """

    name = "knn"

    def __init__(self, images: Images, names: tuple[str, ...], k: int = 51) -> None:
        if images.attributes is None:
            raise ValueError("a judge of attributes needs images with attributes")
        self.names, self.k, self.n = names, min(k, len(images)), len(images)
        looks = torch.cat([_look(part) for part in images.pixels.split(CHUNK)])
        self.mean = looks.mean(0)
        self.basis = _principal(looks[:BASIS_IMAGES] - self.mean)
        points = (looks - self.mean) @ self.basis
        truth = images.attributes
        self.directions = torch.stack([_discriminant(points, truth[:, c]) for c in range(len(names))], 1)
        self.scores, order = (points @ self.directions).T.contiguous().sort(1)  # (attributes, n), ascending
        self.has = truth.T.gather(1, order)

    def provenance(self) -> dict[str, object]:
        return {"name": self.name, "k": self.k, "references": self.n, "components": self.basis.shape[1]}

    def __call__(self, pixels: Tensor) -> AttributeVerdict:
        shares = torch.cat([self._votes((_look(c) - self.mean) @ self.basis) for c in pixels.split(CHUNK)])
        confidence = torch.maximum(shares, 1 - shares)
        return AttributeVerdict(self.names, shares > 0.5, confidence, 2 * confidence - 1 < ABSTAIN)

    def _votes(self, points: Tensor) -> Tensor:
        """Share of the nearest references that have each attribute, ``(n, attributes)``."""
        queries = (points @ self.directions).T.contiguous()
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


def _look(pixels: Tensor) -> Tensor:
    """Softened and halved, flat ``(n, d)``: drawings are softer than photographs, and neither should show."""
    x = to_float(pixels)
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return F.avg_pool2d(soft, 2, ceil_mode=True).flatten(1)


def _principal(x: Tensor) -> Tensor:
    """Directions ``(d, c)`` of the largest variance of centred ``x`` ``(n, d)``, by its Gram matrix."""
    values, vectors = torch.linalg.eigh((x @ x.T).double())
    keep = values.flip(0)[:COMPONENTS] > 1e-6 * values[-1]
    top = vectors.flip(1)[:, :COMPONENTS][:, keep].to(x.dtype)
    basis: Tensor = torch.linalg.qr(x.T @ top).Q
    return basis


def _discriminant(points: Tensor, has: Tensor) -> Tensor:
    """``S^-1 (m_1 - m_0)`` with the pooled covariance ``S``, float32 ``(c,)``; zeros where nothing differs."""
    if bool(has.all()) or not bool(has.any()):
        return torch.zeros(points.shape[1])
    a, b = points[has].double(), points[~has].double()
    centred = torch.cat([a - a.mean(0), b - b.mean(0)])
    S = centred.T @ centred / len(centred)
    S += RIDGE * S.diagonal().mean() * torch.eye(len(S), dtype=S.dtype)
    direction: Tensor = torch.linalg.solve(S, a.mean(0) - b.mean(0))
    return direction.float()
