"""Avatars: cartoon faces with five independent attributes, made once, so that attributes need no download."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from gsu_cli.checks import as_int, quoted
from gsu_cli.data.array_cache import cached, key_of
from gsu_cli.data.avatar_layers import SHARES, SIZE, draw_layers, plans, stack
from gsu_cli.data.base import Dataset, Images, OnProgress
from gsu_cli.errors import DataError, UsageError

HELD_OUT = 8  # one in so many
DRAWN_BY = ("dicebear-core", "dicebear-styles", "resvg-py")
SIZES = (64, 32, 16)  # pixels of a side; the smaller ones are means of squares of the full ones
PART = 500  # images that are scaled at once
LAYOUT = 1  # counts up when other faces are made for the same seed, so that no cached ones are taken for them
EXPECTED_MD5 = "1be364edd57de773ae429c72118c2eb0"  # of the pixels of the default set


class Avatars:
    """Faces of 64 x 64 RGB pixels, or fewer, with the attributes glasses, smile, hat, beard and long_hair.

    Every attribute is independent of the others and of skin, hair, clothes and their colours. The last eighth of the
    images is held out.

    Args:
        cache_dir: folder in which the images are kept.
        n: images in all.
        seed: of the random faces.
        size: pixels of the square, 64, 32 or 16. The weights and the judge that ship know 64.
        name: what this data set is called in records and messages.
    """

    def __init__(
        self, cache_dir: str | Path, n: int = 8_000, seed: int = 0, size: int = SIZE, name: str = "avatars"
    ) -> None:
        for key, value, least in (("n", n, 2 * HELD_OUT), ("seed", seed, 0)):
            as_int(f"dataset.{key}", value, least)
        if isinstance(size, bool) or size not in SIZES:
            raise UsageError(
                "`dataset.size` must be 64, 32 or 16, since pixels are means of squares", found=quoted(size)
            )
        self.size = size
        self.cache_dir, self.n, self.seed, self.name = Path(cache_dir).expanduser(), n, seed, name

    def load(self, on_progress: OnProgress | None = None) -> Dataset:
        """The data set, its pixels mapped from the cache.

        Raises:
            DataError: the packages that draw are missing, or draw something else.
            OutputError: the cache cannot be written.
        """
        chosen = list(plans(self.n, seed=self.seed))

        def fill(out: NDArray[np.uint8]) -> None:
            layers = draw_layers()
            for i, plan in enumerate(chosen):
                out[i] = stack(layers, plan)
                if on_progress is not None and (i % 100 == 99 or i + 1 == self.n):
                    on_progress(i + 1, self.n)

        key = key_of("avatars", n=self.n, seed=self.seed, layout=LAYOUT, drawn_by=_versions())
        pixels = _scaled(cached(self.cache_dir, key, (self.n, 3, SIZE, SIZE), fill), self.size)
        attributes = torch.tensor([plan.attributes for plan in chosen])
        labels = torch.zeros(self.n, dtype=torch.int64)
        cut = self.n - self.n // HELD_OUT
        train, heldout = (
            Images(pixels[part], labels[part], attributes[part]) for part in (slice(None, cut), slice(cut, None))
        )
        scaled = "" if self.size == SIZE else f", scaled to {self.size} x {self.size}"
        return Dataset(
            self.name,
            train,
            heldout,
            {0: "face"},
            f"{self.n:,} avatars made by dicebear (style avataaars by Pablo Stanley), seed {self.seed}{scaled}",
            attribute_names=tuple(SHARES),
            note=_note(pixels) if (self.n, self.seed, self.size) == (8_000, 0, SIZE) else "",
        )


def _scaled(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Images ``(n, 3, 64, 64)`` uint8 of ``size`` pixels a side, each the rounded mean of a square; 64: as they are."""
    if size == SIZE:
        return pixels
    parts = (F.avg_pool2d(part.float(), SIZE // size).round().to(torch.uint8) for part in pixels.split(PART))
    return torch.cat(list(parts))


def _versions() -> list[str]:
    try:
        return [version(package) for package in DRAWN_BY]
    except PackageNotFoundError as e:
        raise DataError(
            f"dataset=avatars needs the packages {', '.join(DRAWN_BY)}",
            found=f"no {e.name}",
            way_out=f"Type pip install {' '.join(DRAWN_BY)}",
        ) from None


def _note(pixels: torch.Tensor) -> str:
    """The shipped weights were trained on known pixels: say so when these are others."""
    found = hashlib.md5(pixels.numpy().data, usedforsecurity=False).hexdigest()
    if found == EXPECTED_MD5:
        return ""
    return "these avatars differ from those that the shipped weights were trained on: another version of dicebear?"
