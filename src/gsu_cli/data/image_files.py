"""Encoded images (files, or bytes in a table), decoded once into one uint8 tensor, several at a time."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from gsu_cli.data.base import OnProgress
from gsu_cli.data.image_remarks import (
    ALPHA_MODES,
    GREY_MODES,
    Decoded,
    refuse_few_coloured,
    refuse_sizes,
    remarks_on,
    shows_colour,
)
from gsu_cli.data.part_names import some
from gsu_cli.errors import DataError
from gsu_cli.run.stand_ins import TAR, stand_in, stand_in_at

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".bmp", ".gif", ".webp", ".avif", ".tif", ".tiff", ".tga"}
    | {".pbm", ".pgm", ".ppm", ".pnm"}
)


DEEP_MODES = ("I", "F")  # "I", "I;16", "F": more than 8 bits a channel, which conversion would clip to white


ORIENTATION = 0x0112  # EXIF


DECODING = 3  # part of the cache's key: raise it when other pixels or remarks come of the same bytes


CHUNK = 64  # images to a task of the pool: its bookkeeping stays small beside the pixels


UNREADABLE = (
    OSError,  # Pillow's for a truncated file, too
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    NotImplementedError,
    struct.error,
    zlib.error,
    MemoryError,
    Image.DecompressionBombError,
)


Open = Callable[[int], "str | io.BytesIO"]  # index of an image -> its path or its bytes


def decode(
    n: int,
    opened: Open,
    names: Sequence[str],
    *,
    size: int | None,
    channels: int | None,
    on_progress: OnProgress | None = None,
) -> tuple[Tensor, tuple[str, ...]]:
    """``(n, c, h, w)`` uint8, and a sentence for each thing that was done to some of the images.

    Transparent pixels are laid on white, EXIF rotation is applied, and of an animation the first frame is taken.

    Args:
        n: number of images.
        opened: what Pillow opens for the i-th; called in several threads.
        names: of the images, for messages.
        size: scales the shorter side to this many pixels (bilinear) and crops the middle square; None keeps sizes,
            which must then agree.
        channels: 1 turns colours into luminance (ITU-R 601), 3 repeats greys; None is 1 if every image is grey, and 3
            if half of them or more are coloured.
        on_progress: told after each chunk.

    Raises:
        DataError: images that cannot be decoded, sizes that differ, or some coloured images among more grey ones where
            ``channels`` is None; the message names up to ten.
    """
    results: list[Decoded | str] = []
    work = partial(_decode_chunk, opened, size=size, channels=channels)
    chunks = [range(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # on palettes and EXIF entries: nothing that moves a pixel
            for found in pool.map(work, chunks):
                results += found
                if on_progress is not None:
                    on_progress(len(results), n)
    finally:
        pool.shutdown(cancel_futures=True)  # else an interrupt would wait for all that is left
    failed = [f"{name} ({result})" for name, result in zip(names, results, strict=True) if isinstance(result, str)]
    if failed:
        raise DataError(
            f"each of the {n:,} images must be readable, with 8 bits a channel",
            found=f"{len(failed):,} that {'is' if len(failed) == 1 else 'are'} not: {some(failed)}",
            way_out="Replace or remove them.",
        )
    images = [result for result in results if isinstance(result, Decoded)]
    refuse_sizes(images, names)
    c = max(image.pixels.shape[2] for image in images)
    if channels is None and any(image.mode in GREY_MODES for image in images):
        c = 3 if any(image.coloured for image in images) else 1
        refuse_few_coloured(images, names)
    pixels = torch.empty((n, c, *images[0].pixels.shape[:2]), dtype=torch.uint8)
    for i, image in enumerate(images):
        pixels[i] = torch.from_numpy(image.pixels[..., :c]).permute(2, 0, 1)  # one grey channel broadcasts over three
    return pixels, tuple(remarks_on(images, names, pixels, channels))


def _decode_chunk(opened: Open, chunk: range, *, size: int | None, channels: int | None) -> list[Decoded | str]:
    """The images, or what is wrong with them: a pool that raised would name the first alone."""
    found: list[Decoded | str] = []
    for i in chunk:
        try:
            with Image.open(opened(i)) as image:
                found.append(_decode_one(image, size=size, channels=channels))
        except UNREADABLE as error:
            found.append(_reason(error, opened(i)))
    return found


def _reason(error: Exception, source: str | io.BytesIO) -> str:
    if isinstance(error, UnidentifiedImageError):
        other = stand_in_at(Path(source)) if isinstance(source, str) else stand_in(source.getvalue()[: TAR.stop])
        return other.what if other else "no image of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # its number and path say no more
    return str(error).split("\n")[0] or type(error).__name__


def _decode_one(image: Image.Image, *, size: int | None, channels: int | None) -> Decoded | str:
    if image.mode.startswith(DEEP_MODES):
        return f"mode {image.mode}, more than 8 bits a channel"
    marks = ["frames"] if getattr(image, "is_animated", False) else []
    marks += ["deep"] if any(";16" in str(tile) for tile in getattr(image, "tile", ())) else []
    grey = channels == 1 or (channels is None and image.mode in GREY_MODES)
    upright: Image.Image = image
    image.load()
    if image.getexif().get(ORIENTATION, 1) in range(2, 9):
        upright = ImageOps.exif_transpose(image)
        marks.append("turned")
    if upright.mode in ALPHA_MODES or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        if upright.getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]  # of one band: two numbers
            marks.append("transparent")
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
    mode = "L" if grey else "RGB"
    flat = upright if upright.mode == mode else upright.convert(mode)
    if size is not None:
        flat = ImageOps.fit(flat, (size, size), Image.Resampling.BILINEAR)
    array = np.array(flat, dtype=np.uint8)
    array = array.reshape(*array.shape[:2], -1)
    return Decoded(array, image.mode, tuple(marks), shows_colour(array))
