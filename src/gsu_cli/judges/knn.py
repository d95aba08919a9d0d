"""The k-nearest-neighbour judge: a vote of real images; nothing is learned, so it shares no fault with a CNN."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images
from gsu_cli.errors import UsageError
from gsu_cli.judges.attribute_knn import LANDMARKS, AttributeKnnJudge
from gsu_cli.judges.base import Judge, Verdict
from gsu_cli.run.seeds import generator
from gsu_cli.run.tensor_files import digest
from gsu_cli.surgery.ranks import ranks
from gsu_cli.surgery.vectors import Vector

CHUNK = 500  # queries at a time: their distances to 10,000 references take 20 MB, 40 MB in float64
GREY = 128  # taken off every pixel, so that what is left is at most 2^7 in size
EXACT = 1024  # pixels at a time: so many products, each at most 2^14, add up to no more than `LAST`
LAST = 2**24  # up to here float32 holds every integer


def bytes_of(points: Tensor) -> Tensor | None:
    """``points``, ``(n, d)`` whole numbers from -128 to 127, as int8, if this CPU multiplies them rightly (VNNI).

    Then they take a third of float32's time. PyTorch 2.14.1 reads beside the numbers of one column, and without VNNI
    (or where ``ONEDNN_MAX_CPU_ISA`` hides it) oneDNN stops sums of two products at 2^15: so the darkest, the brightest
    and a few of the points are multiplied both ways first, and one wrong product is enough for None.
    """
    asked = getattr(torch.cpu, "_is_vnni_supported", None)
    if len(points) == 0 or points.shape[1] < 2 or not hasattr(torch, "_int_mm") or asked is None or not asked():
        return None
    packed = points.to(torch.int8)
    ends = torch.tensor([[-float(GREY)], [GREY - 1.0]]).expand(2, points.shape[1])
    tried = torch.cat([ends, points[:14]])[:, :EXACT]
    of_bytes = torch._int_mm(tried.to(torch.int8), packed[:, :EXACT].T)
    return packed if torch.equal(of_bytes.float(), tried @ points[:, :EXACT].T) else None


class Knn:
    """Settings of the judge.

    Args:
        k: neighbours that vote; all references where there are fewer.
        references: real training images to vote, a random part of the training set when it has more.
        attribute_k: the same for an attribute, where the data set has some (see `AttributeKnnJudge`).
        landmarks: references to whom likeness is measured, for attributes; 0 takes a linear discriminant.
    """

    label = "kNN"

    def __init__(self, k: int = 5, references: int = 10_000, attribute_k: int = 51, landmarks: int = LANDMARKS) -> None:
        given = {"k": k, "references": references, "attribute_k": attribute_k, "landmarks": landmarks}
        integers = all(isinstance(value, int) and not isinstance(value, bool) for value in given.values())
        if not (integers and 1 <= k <= references and attribute_k >= 1 and landmarks >= 0):
            raise UsageError(
                "`judge.knn` needs integers 1 <= k <= references, attribute_k >= 1 and landmarks >= 0",
                found=", ".join(f"{name}={value}" for name, value in given.items()),
            )
        self.k, self.references, self.attribute_k, self.landmarks = k, references, attribute_k, landmarks

    def prepare(self, dataset: Dataset, *, seed: int) -> Judge:
        """Takes the reference images from the training set (forget and retain parts alike)."""
        order = torch.randperm(len(dataset.train), generator=generator(seed, "judge", "knn"))
        images = dataset.train[order[: self.references]]
        if dataset.attribute_names:
            return AttributeKnnJudge(images, dataset.attribute_names, self.attribute_k, self.landmarks)
        return KnnJudge(images, self.k)


class KnnJudge:
    """Majority of the ``k`` nearest real images by Euclidean distance of raw pixels, which is exact.

    Squares of distances are integers: nothing is lost while every sum fits its type. One float32 product over a large
    bright image would round away a difference of a few grey levels.

    Ties: of labels with equally many votes the one whose nearest voter is nearest wins. Of references at exactly the
    same distance any may come first. It abstains where no label has more than half of the votes.
    """

    name = "knn"
    label = "kNN"

    def __init__(self, images: Images, k: int = 5) -> None:
        self.k = min(k, len(images))
        self.labels = images.labels
        flat = images.pixels.flatten(1)
        # a pixel that is the same in all references moves all distances alike
        self.varying = (flat != flat[0]).any(0).nonzero()[:, 0]
        self.points = self._centred(flat)
        parts = self.points.split(CHUNK)
        self.squares = torch.cat([part.double().square().sum(1) for part in parts])
        self.bytes = bytes_of(self.points)

    def provenance(self) -> dict[str, object]:
        return {"name": self.name, "k": self.k, "references": len(self.points)}

    def content(self) -> str:
        return self._content

    @cached_property
    def _content(self) -> str:
        whole = {"points": self.points, "labels": self.labels, "varying": self.varying, "k": torch.tensor(self.k)}
        return digest(whole)

    def __call__(self, pixels: Tensor) -> Verdict:
        product = torch.empty(min(CHUNK, len(pixels)), len(self.points))  # reused: fresh pages would cost a third

        def votes_on(_: int, chunk: Tensor) -> Vector:
            near = self._nearest(self._centred(chunk.flatten(1)), product[: len(chunk)])
            votes = self.labels[near]  # (m, k), nearest first
            same = (votes[:, :, None] == votes[:, None, :]).sum(2)  # votes that agree with each neighbour's
            best = same.argmax(1, keepdim=True)  # the first maximum is the nearest of the tied
            return {"labels": votes.gather(1, best)[:, 0], "share": same.gather(1, best)[:, 0] / self.k}

        found = list(ranks().in_order(pixels.split(CHUNK), votes_on))
        labels, share = (torch.cat([part[k] for part in found]) for k in ("labels", "share"))
        return Verdict(labels, share, share <= 0.5)

    def _nearest(self, x: Tensor, product: Tensor) -> Tensor:
        """Indices of the ``k`` nearest references, ``(m, k)``, nearest first: ranks are those of ``|p|^2 - 2 x.p``."""
        if x.shape[1] <= EXACT:
            order = self._products(x, product).mul_(-2).add_(self.squares.float())
            near = order.topk(self.k, largest=False, sorted=True)
            if bool((near.values < LAST).all()):  # then what was rounded is farther
                return near.indices
        exact = self.squares.repeat(len(x), 1)
        for a, p in zip(x.split(EXACT, 1), self.points.split(EXACT, 1), strict=True):
            exact.sub_(torch.mm(a, p.T, out=product), alpha=2)
        return exact.topk(self.k, largest=False, sorted=True).indices

    def _products(self, x: Tensor, out: Tensor) -> Tensor:
        """``x.p`` with every reference, ``(m, n)`` float32: whole numbers, the same whichever way they are added up."""
        if self.bytes is None:
            return torch.mm(x, self.points.T, out=out)
        return out.copy_(torch._int_mm(x.to(torch.int8), self.bytes.T))

    def _centred(self, flat: Tensor) -> Tensor:
        """The pixels that vary, ``(n, d)`` float32 integers from -128 to 127."""
        return flat[:, self.varying].float().sub_(GREY)
