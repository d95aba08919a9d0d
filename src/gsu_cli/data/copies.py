"""Images that mislead: standing twice, in both parts or forgotten and retained; black to the eye; unlike by part."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.split import Split

LOOKED_AT = 1_000  # images
ALIKE, ENOUGH, FAR, LEAST = 300, 30, 1.0, 8  # images of a part to look at, and at least; spreads, and grey levels


def repeated(dataset: Dataset) -> str:
    """A sentence on held-out images that are training images too, pixel for pixel, or the empty string.

    They are no evidence on unseen images: a model may know them by heart. It says how few different images there are.
    """
    train, heldout = dataset.train.pixels, dataset.heldout.pixels
    again = int(copies(heldout, torch.arange(len(heldout)), train, torch.arange(len(train))).sum())
    if not again:
        return ""
    seen, held = ({image.tobytes() for image in part.numpy()} for part in (train, heldout))
    return (
        f"{again:,} of the {len(heldout):,} held-out images are training images too, pixel for pixel: "
        f"no evidence on unseen images. Different images: {len(seen):,} of {len(train):,} in training, "
        f"{len(held):,} of {len(heldout):,} held out, {len(seen & held):,} in both"
    )


def dark(dataset: Dataset) -> str:
    """A sentence on images of 0 and 1 that are read as bytes, or the empty string.

    Of 255 grey levels they show two of the darkest, and what is measured on them is of black images.
    """
    if int(dataset.train.pixels[:LOOKED_AT].max()) != 1:  # a look at all reads a large file from end to end
        return ""
    return "pixels are 0 and 1 of 255, so all images are black to the eye: save them as 255 * images"


def unlike(dataset: Dataset) -> str:
    """A sentence on held-out images that are far brighter or darker than training images, or the empty string.

    One part that was saved inverted, or as 0 to 1, makes every held-out number one of other images. Compared are mean
    grey levels of images of the same class, so that another mix of classes is no difference.
    """
    train, heldout = (_levels(part) for part in (dataset.train, dataset.heldout))
    total, differences, squares = 0, 0.0, 0.0
    for label in train.keys() & heldout.keys():
        n = len(heldout[label])
        total += n
        differences += n * float(heldout[label].mean() - train[label].mean())
        squares += n * float(train[label].var(correction=0))
    if total < ENOUGH:
        return ""
    apart, spread = differences / total, (squares / total) ** 0.5
    if not abs(apart) > max(FAR * spread, LEAST):
        return ""
    than = "brighter" if apart > 0 else "darker"
    return (
        f"held-out images are {abs(apart):.3g} of 255 grey levels {than} than training images of the same classes, "
        f"which differ by {spread:.2g} among themselves. Was one part saved in another way? What is measured held out "
        "is of images unlike those in training"
    )


def _levels(images: Images) -> dict[int, Tensor]:
    """Mean grey levels of some images, evenly spaced, by class."""
    some = images[torch.arange(0, len(images), max(1, len(images) // ALIKE))]
    levels = some.pixels.flatten(1).float().mean(1)
    return {int(label): levels[some.labels == label] for label in some.labels.unique()}


def kept_copies(split: Split) -> str:
    """A sentence on retained training images that equal a forgotten one, pixel for pixel, or the empty string.

    Retraining without the forgotten ones learns them from their copies.
    """
    pixels = split.dataset.train.pixels
    again = int(copies(pixels, split.retain, pixels, split.forget).sum())
    if not again:
        return ""
    return (
        f"{again:,} of the {split.n_retain:,} retained training images equal a forgotten one, pixel for pixel: "
        "what is forgotten with one is taught by the other"
    )


def copies(pixels: Tensor, at: Tensor, among: Tensor, there: Tensor) -> Tensor:
    """Which of the images at indices ``at``, ``(n,)`` bool, equal one of those at ``there``, pixel for pixel.

    >>> copies(torch.tensor([[[[1]]], [[[2]]]]), torch.arange(2), torch.tensor([[[[2]]]]), torch.arange(1)).tolist()
    [False, True]
    """
    if pixels.shape[1:] != among.shape[1:]:
        return torch.zeros(len(at), dtype=torch.bool)
    row = pixels.shape[2] // 2  # one row rules nearly all others out, and little is read
    mine, others = (
        [image.tobytes() for image in whole[:, :, row][index].numpy()]
        for whole, index in ((pixels, at), (among, there))
    )
    both = {*mine} & {*others}
    known = {among[i].numpy().tobytes() for i, own in zip(there.tolist(), others, strict=True) if own in both}
    near = zip(at.tolist(), mine, strict=True)
    return torch.tensor([own in both and pixels[i].numpy().tobytes() in known for i, own in near], dtype=torch.bool)
