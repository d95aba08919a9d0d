"""What is said of decoded images: modes that were changed, sizes and colours that do not go together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gsu_cli.data.part_names import some
from gsu_cli.errors import DataError

SAID = {
    "frames": "of several frames the first is taken",
    "transparent": "transparent places become white",
    "turned": "turned as the EXIF orientation says",
    "deep": "of 16 bits a channel the upper 8 are taken",
}
"""Property of an image -> what is said of those that have it."""


GREY_MODES = frozenset({"1", "L", "LA", "La"})


ALPHA_MODES = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})


TINT = 1  # levels of 255 that channels of a grey may differ by: so a lossy WebP of any quality gives it back


@dataclass(frozen=True)
class Decoded:
    """One image: ``pixels`` is ``(h, w, 1 or 3)`` uint8, ``mode`` is Pillow's word, ``marks`` are keys of `SAID`.

    ``coloured`` where it `shows_colour`: a palette of greys, as GIF has it, shows none.
    """

    pixels: NDArray[np.uint8]
    mode: str
    marks: tuple[str, ...]
    coloured: bool


def shows_colour(pixels: NDArray[np.uint8]) -> bool:
    """Whether a channel of ``(h, w, c)`` differs from the first by more than `TINT` somewhere.

    >>> greys = np.array([[[90, 90, 90], [91, 90, 91]]], dtype=np.uint8)
    >>> shows_colour(greys), shows_colour(greys * np.uint8(2))
    (False, True)
    """
    first = pixels[..., :1]
    if not (pixels != first).any():
        return False
    return bool((np.abs(pixels.astype(np.int16) - first) > TINT).any())


def named(images: Sequence[Decoded], names: Sequence[str]) -> list[str]:
    """The coloured ones."""
    return [
        name if image.mode == "RGB" else f"{name} ({image.mode})"
        for name, image in zip(names, images, strict=True)
        if image.coloured
    ]


def refuse_few_coloured(images: Sequence[Decoded], names: Sequence[str]) -> None:
    """Says which they are.

    Raises:
        DataError: some images are coloured, but fewer than half.
    """
    coloured = named(images, names)
    if 0 < 2 * len(coloured) < len(images):
        raise DataError(
            "images must be all grey or mostly coloured, where `dataset.channels` is null",
            found=f"{len(coloured):,} coloured of {len(images):,}: {some(coloured)}",
            way_out="Type dataset.channels=1 to read all as grey, or dataset.channels=3 to read all as RGB",
        )


def refuse_sizes(images: Sequence[Decoded], names: Sequence[str]) -> None:
    """Says which differ from what most have.

    Raises:
        DataError: images of several sizes.
    """
    sizes = [image.pixels.shape[:2] for image in images]
    counted = Counter(sizes)
    if len(counted) == 1:
        return
    (h, w), most = max(counted.items(), key=lambda item: item[1])  # the first of those that are as frequent
    first = names[sizes.index((h, w))]
    others = [f"{s[1]} x {s[0]} in {name}" for name, s in sorted(zip(names, sizes, strict=True)) if s != (h, w)]
    raise DataError(
        f"all images must have one size, and {first} has {w} x {h} pixels, as {most:,} of {len(images):,} have",
        found=some(others),
        way_out="Set `dataset.size` to scale and crop them, for example dataset.size=32.",
    )


def remarks_on(images: Sequence[Decoded], names: Sequence[str], pixels: Tensor, channels: int | None) -> list[str]:
    """A sentence for each thing that was done to some images, and for greys and colours side by side.

    Args:
        images, names: as decoded.
        pixels: all of them, ``(n, c, h, w)``.
        channels: as typed; None asks for remarks on colours.
    """
    remarks = []
    for mark, sentence in SAID.items():
        having = [name for name, image in zip(names, images, strict=True) if mark in image.marks]
        if having:
            remarks.append(f"{sentence}, in {len(having):,} of {len(images):,} images: {some(having, most=3)}")
    if channels is not None or pixels.shape[1] == 1:
        return remarks
    coloured = named(images, names)
    grey = [name for name, image in zip(names, images, strict=True) if image.mode in GREY_MODES]
    if grey:
        remarks.append(
            f"{len(grey):,} of {len(images):,} images are grey and all are read as RGB ({some(grey)}); "
            "dataset.channels=1 reads all as grey, dataset.channels=3 says that RGB is meant"
        )
    elif not coloured:
        remarks.append("all images are saved in colour and show none: dataset.channels=1 reads them as grey")
    return remarks
