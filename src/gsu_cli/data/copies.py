"""Images that mislead: standing twice, held out and in training or forgotten and retained; or black to the eye."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset
from gsu_cli.data.split import Split

LOOKED_AT = 1_000  # images


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
