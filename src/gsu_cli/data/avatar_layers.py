"""The avatars' parts, each drawn once, and laid over one another with numpy.

A face of the style ``avataaars`` is a stack of parts (skin, clothes, mouth, nose, eyes, brows, hair, beard, glasses)
that know nothing of each other. dicebear writes each part in each colour as an SVG of its own, resvg draws it, and a
face is those drawings laid on top of each other: some 100 drawings make any number of faces, thousands a second.

In the style a hat takes the place of the hair. Here it is a part of its own above the hair, so that hats and long hair
are independent: long hair is seen below a hat.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image

from gsu_cli.errors import DataError

STYLE = "avataaars"
WIDTH, LEFT, TOP = 92, 14, 2  # pixels of the whole drawing at size 64, and where the square that is kept begins
BASE = 64  # size those three are given for
PARTS = ("skin", "clothes", "mouth", "nose", "eyes", "eyebrows", "hair", "facialHair", "hat", "accessories")
COMPONENT = {"hair": "top", "hat": "top"}  # the style's own name of a part, where it is another
COLOUR = {"skin": "skin", "clothes": "clothes", "hair": "hair", "hat": "hat", "facialHair": "facialHair",
          "accessories": "accessories"}  # fmt: skip


@dataclass(frozen=True, order=True)
class Layer:
    """One part in one form and colour; "" where the part has no choice of it."""

    part: str
    variant: str = ""
    colour: str = ""


class Painter:
    """Draws layers and remembers them.

    Args:
        size: pixels of the square face.

    Raises:
        DataError: the packages that draw are not installed.
    """

    def __init__(self, size: int) -> None:
        try:
            import dicebear
            import dicebear_styles  # noqa: F401  # data alone
            import resvg_py
        except ImportError as e:
            raise DataError(
                "dataset=avatars needs dicebear-core, dicebear-styles and resvg-py to draw",
                found=str(e),
                way_out="`pip install dicebear-core dicebear-styles resvg-py`.",
            ) from e
        self.size, self._dicebear, self._resvg = size, dicebear, resvg_py
        text = files("dicebear_styles").joinpath(f"{STYLE}.json").read_text("utf-8")
        self.definition: dict[str, Any] = json.loads(text)
        self._styles: dict[str, Any] = {}
        self._drawn: dict[Layer, np.ndarray[Any, Any]] = {}

    def layer(self, layer: Layer) -> np.ndarray[Any, Any]:
        """Premultiplied RGBA in [0, 1], ``(size, size, 4)`` float32."""
        if layer not in self._drawn:
            self._drawn[layer] = self._draw(layer)
        return self._drawn[layer]

    def face(self, layers: list[Layer], background: tuple[int, int, int]) -> np.ndarray[Any, Any]:
        """The layers over a plain background, ``(3, size, size)`` uint8; the order of ``layers`` is that of `PARTS`."""
        canvas = np.tile(np.asarray(background, np.float32) / 255, (self.size, self.size, 1))
        for layer in sorted(layers, key=lambda part: PARTS.index(part.part)):
            rgba = self.layer(layer)
            canvas = rgba[:, :, :3] + canvas * (1 - rgba[:, :, 3:])  # Porter and Duff's "over"
        return np.rint(canvas * 255).astype(np.uint8).transpose(2, 0, 1)

    def _style(self, part: str) -> Any:
        if part not in self._styles:
            name = COMPONENT.get(part, part)
            elements = self.definition["canvas"]["elements"]
            own = elements[:2] if part == "skin" else [e for e in elements if e["name"] == name]  # two paths are skin
            canvas = {**self.definition["canvas"], "elements": own}
            self._styles[part] = self._dicebear.Style({**self.definition, "canvas": canvas})
        return self._styles[part]

    def _draw(self, layer: Layer) -> np.ndarray[Any, Any]:
        name = COMPONENT.get(layer.part, layer.part)
        options: dict[str, Any] = {"seed": "gsu"}  # decides nothing: every choice is made below
        if layer.variant:
            options |= {f"{name}Variant": [layer.variant]}
            if "probability" in self.definition["components"][name]:
                options |= {f"{name}Probability": 100}
        if layer.colour:
            options |= {f"{COLOUR[layer.part]}Color": [layer.colour]}
        svg = self._dicebear.Avatar(self._style(layer.part), options).to_string()
        width = round(WIDTH * self.size / BASE)
        png = bytes(self._resvg.svg_to_bytes(svg_string=svg, width=width, skip_system_fonts=True))
        with Image.open(io.BytesIO(png)) as image:
            rgba = np.asarray(image.convert("RGBA"), np.float32) / 255
        top, left = round(TOP * self.size / BASE), round(LEFT * self.size / BASE)
        rgba = rgba[top : top + self.size, left : left + self.size].copy()
        rgba[:, :, :3] *= rgba[:, :, 3:]
        return rgba
