"""Avatars: cartoon faces drawn on the spot, with five independent attributes that are true by construction.

The style is ``avataaars``, a remix of "Avataaars" by Pablo Stanley, free for personal and commercial use
(https://avataaars.com/), drawn by dicebear (MIT) and resvg (MPL-2.0). No network, no download, no person's likeness.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gsu_cli.data.array_cache import cached
from gsu_cli.data.avatar_layers import Layer, Painter
from gsu_cli.data.base import Dataset, Images
from gsu_cli.errors import UsageError
from gsu_cli.run.seeds import derive

ATTRIBUTES = ("glasses", "smile", "hat", "beard", "long_hair")
RATES = {"glasses": 0.4, "smile": 0.5, "hat": 0.3, "beard": 0.3, "long_hair": 0.5}
VARIANTS: dict[str, dict[bool, tuple[str, ...]]] = {  # attribute -> has it -> forms, equally often
    "glasses": {True: ("prescription01", "prescription02", "wayfarers", "sunglasses"), False: ()},
    "smile": {True: ("smile",), False: ("serious", "sad")},
    "hat": {True: ("winterHat03", "winterHat04"), False: ()},
    "beard": {True: ("beardLight", "beardMedium"), False: ()},
    # long: falls below the ears on both sides, also from under a hat
    "long_hair": {
        True: ("bob", "straight02", "straightAndStrand"),
        False: ("shortFlat", "shortRound", "theCaesar", "sides"),
    },
}
PART = {"glasses": "accessories", "smile": "mouth", "hat": "hat", "beard": "facialHair", "long_hair": "hair"}
EYES, BROWS = ("default", "happy", "side"), ("default", "raisedExcited", "flatNatural")
SKIN = ("#ffdbb4", "#edb98a", "#d08b5b", "#ae5d29", "#614335")
HAIR = ("#2c1b18", "#724133", "#d6b370", "#c93305", "#e8e1e1")
CLOTHES = ("#262e33", "#65c9ff", "#25557c", "#ff5c5c", "#a7ffc4", "#ffffff")
HATS = ("#3c4f5c", "#65c9ff", "#ff488e", "#a7ffc4")
FRAMES = ("#262e33", "#25557c", "#a51c30", "#f4f4f4")
BACKGROUND = (223, 231, 238)
CONTRAST = {"hair": 60, "accessories": 90}  # least distance to the skin in RGB: what cannot be seen is no evidence
RECIPE = 1  # raised when the same arguments mean other faces
KNOWN = {  # sha256 of the pixels of the default set: what shipped weights were trained on
    (8000, 1000, 64, 0): "",
}


class Avatars:
    """``n`` training and ``heldout`` held-out faces; attributes are drawn independently of each other.

    A face depends on the seed and its own number alone, so a smaller set is the beginning of a larger one.

    Args:
        n: training images.
        heldout: held-out images.
        size: pixels of the square images.
        seed: which faces; part of what the data set is, so it is no run seed.
        cache_dir: where the pixels are kept; None draws anew each time.
        name: what this data set is called in records and messages.

    Raises:
        UsageError: a number is out of range.
    """

    def __init__(
        self,
        n: int = 8000,
        heldout: int = 1000,
        size: int = 64,
        seed: int = 0,
        cache_dir: str | Path | None = None,
        name: str = "avatars",
    ) -> None:
        for key, value, low, high in (
            ("n", n, 2, 1_000_000),
            ("heldout", heldout, 1, 1_000_000),
            ("size", size, 16, 512),
            ("seed", seed, 0, 2**62),
        ):  # fmt: skip
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise UsageError(f"`dataset.{key}` must be a whole number in {low}..{high}", found=repr(value))
        self.n, self.heldout, self.size, self.seed, self.name = n, heldout, size, seed, name
        self.cache_dir = None if cache_dir is None else Path(cache_dir).expanduser()

    def load(self, on_progress: Callable[[int, int], None] | None = None) -> Dataset:
        """Draws the faces, or maps those drawn before.

        Args:
            on_progress: called with (done, all) while drawing.

        Raises:
            DataError: the packages that draw are not installed.
            OutputError: the cache cannot be written.
        """
        total = self.n + self.heldout
        # held-out faces have numbers of their own, far behind, so that ``n`` does not move them
        numbers = [*range(self.n), *range(10_000_000, 10_000_000 + self.heldout)]
        faces = [choose(self.seed, number) for number in numbers]
        key = {
            "recipe": RECIPE,
            "n": self.n,
            "heldout": self.heldout,
            "size": self.size,
            "seed": self.seed,
            **versions(),
        }

        def fill(out: np.ndarray[Any, Any]) -> None:
            painter = Painter(self.size)
            for i, (_, layers) in enumerate(faces):
                out[i] = painter.face(layers, BACKGROUND)
                if on_progress is not None and (i % 100 == 99 or i + 1 == total):
                    on_progress(i + 1, total)

        shape = (total, 3, self.size, self.size)
        pixels = cached(self.cache_dir, self.name, key, shape, fill)
        flags = torch.tensor([[has[a] for a in ATTRIBUTES] for has, _ in faces])
        labels = torch.zeros(total, dtype=torch.int64)
        n = self.n
        return Dataset(
            self.name,
            Images(pixels[:n], labels[:n], flags[:n]),
            Images(pixels[n:], labels[n:], flags[n:]),
            {0: "face"},
            f"{total:,} faces drawn by dicebear {version('dicebear-core')}, style avataaars by Pablo Stanley "
            "(free for personal and commercial use)",
            attribute_names=ATTRIBUTES,
            note=self._note(pixels),
        )

    def _note(self, pixels: torch.Tensor) -> str:
        """Says so when the default faces are not those that the shipped weights have seen."""
        known = KNOWN.get((self.n, self.heldout, self.size, self.seed))
        if known is None or hashlib.sha256(pixels.numpy().data).hexdigest() == known:
            return ""
        found = ", ".join(f"{package} {number}" for package, number in versions().items())
        return (
            f"these faces differ from those that shipped weights were trained on (drawn with {found}): numbers do not "
            "compare with published ones to the last digit"
        )


def choose(seed: int, number: int) -> tuple[dict[str, bool], list[Layer]]:
    """Attributes and layers of a face; every choice has a random number of its own.

    >>> has, layers = choose(0, 0)
    >>> sorted(has) == sorted(ATTRIBUTES), choose(0, 0) == (has, layers)
    (True, True)
    """

    def uniform(what: str) -> float:
        return derive(seed, "avatar", number, what) / 2**63

    def one_of(what: str, choices: Sequence[str]) -> str:
        return choices[int(uniform(what) * len(choices))]

    has = {name: uniform(name) < rate for name, rate in RATES.items()}
    form = {PART[a]: one_of(f"{a} form", VARIANTS[a][yes]) for a, yes in has.items() if VARIANTS[a][yes]}
    skin = one_of("skin", SKIN)
    hair = one_of("hair colour", _seen(HAIR, skin, CONTRAST["hair"]))
    colours = {
        "hair": hair,
        "facialHair": hair,
        "hat": one_of("hat colour", HATS),
        "accessories": one_of("frame colour", _seen(FRAMES, skin, CONTRAST["accessories"])),
        "skin": skin,
        "clothes": one_of("clothes colour", CLOTHES),
    }
    form |= {
        "skin": "",
        "clothes": "shirtCrewNeck",
        "nose": "default",
        "eyes": one_of("eyes", EYES),
        "eyebrows": one_of("eyebrows", BROWS),
    }
    return has, [Layer(part, variant, colours.get(part, "")) for part, variant in sorted(form.items())]


def versions() -> dict[str, str]:
    """Of the packages whose drawing the pixels are."""
    return {package: version(package) for package in ("dicebear-core", "dicebear-styles", "resvg_py")}


def _seen(colours: Sequence[str], skin: str, least: float) -> list[str]:
    return [colour for colour in colours if _distance(colour, skin) >= least]


def _distance(one: str, other: str) -> float:
    a, b = (bytes.fromhex(colour[1:]) for colour in (one, other))
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5
