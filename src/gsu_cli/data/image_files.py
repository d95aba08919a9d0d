"""Image files, decoded once into one uint8 tensor, several at a time."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from gsu_cli.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"})
GREY_MODES = frozenset({"1", "L", "LA", "La"})
ALPHA_MODES = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})
DEEP_MODES = ("I", "F")  # "I", "I;16", "F": more than 8 bits a channel, which conversion would clip to white


def decode(paths: list[Path], *, size: int | None, channels: int | None) -> Tensor:
    """``(n, c, h, w)`` uint8 in the order of ``paths``.

    Transparent pixels are laid on white, EXIF rotation is applied, and of an animation the first frame is taken.

    Args:
        paths: image files.
        size: scales the shorter side to this many pixels (bilinear) and crops the middle square; None keeps sizes,
            which must then agree.
        channels: 1 turns colours into luminance (ITU-R 601), 3 repeats greys; None is 1 if every file is grey, else 3.

    Raises:
        DataError: files that cannot be decoded, or sizes that differ; the message names the file.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(partial(_decode_one, size=size, channels=channels), paths))
    failed = [(path, result) for path, result in zip(paths, results, strict=True) if isinstance(result, str)]
    if failed:
        more = f" (and {len(failed) - 1} more files)" if len(failed) > 1 else ""
        raise DataError(
            f"{failed[0][0]} must be an image of 8 bits a channel",
            found=f"{failed[0][1]}{more}",
            way_out="Replace or remove it.",
        )
    arrays = [result for result in results if isinstance(result, np.ndarray)]
    for path, array in zip(paths, arrays, strict=True):
        if array.shape[:2] != arrays[0].shape[:2]:
            (h, w), (h_0, w_0) = array.shape[:2], arrays[0].shape[:2]
            raise DataError(
                f"all images must have one size, and {paths[0]} has {w_0} x {h_0} pixels",
                found=f"{w} x {h} in {path}",
                way_out="Set `dataset.size` to scale and crop them, for example dataset.size=32.",
            )
    c = max(array.shape[2] for array in arrays)
    pixels = torch.empty((len(arrays), c, *arrays[0].shape[:2]), dtype=torch.uint8)
    for i, array in enumerate(arrays):
        pixels[i] = torch.from_numpy(array).permute(2, 0, 1)  # one grey channel broadcasts over three
    return pixels


def _decode_one(path: Path, *, size: int | None, channels: int | None) -> np.ndarray | str:
    """``(h, w, 1 or 3)``, or what is wrong: a pool that raised would name the first file alone."""
    try:
        with Image.open(path) as image:
            if image.mode.startswith(DEEP_MODES):
                return f"mode {image.mode}"
            grey = channels == 1 or (channels is None and image.mode in GREY_MODES)
            upright = ImageOps.exif_transpose(image)
            if upright.mode in ALPHA_MODES or "transparency" in upright.info:
                upright = upright.convert("RGBA")
                white = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(white, upright)
            flat = upright.convert("L" if grey else "RGB")
            if size is not None:
                flat = ImageOps.fit(flat, (size, size), Image.Resampling.BILINEAR)
            array = np.array(flat, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return str(error).split("\n")[0]
    return array.reshape(*array.shape[:2], -1)
