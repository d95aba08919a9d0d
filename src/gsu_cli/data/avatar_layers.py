"""The parts of an avatar as transparent layers, each made once; a face is a stack of them.

Made by dicebear (style ``avataaars``) and resvg, which are deterministic. The style shows either hair or a hat; laid
on top of each other as layers, hair below the brim stays visible, so that the two are independent attributes.

Licence of the style: "Free for personal and commercial use" (Pablo Stanley, https://avataaars.com); dicebear: MIT.
"""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import product
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from gsu_cli.errors import DataError

SIZE = 64  # pixels
FRAME = "48 4 184 184"  # of the style's canvas of 280 x 280: the head and the hair
MOUTH = "translate(66.4 131) scale(1.6)"  # larger than life around the same middle: at 64 pixels a smile must show
BRIM = 22  # rows that a hat hides of the hair beneath it
BACKGROUND = (237, 242, 247)
SVG = "{http://www.w3.org/2000/svg}"
PLAIN: dict[str, Any] = {
    "seed": "gsu",
    "topProbability": 0,
    "facialHairProbability": 0,
    "accessoriesProbability": 0,
    "eyesVariant": ["default"],
    "eyebrowsVariant": ["defaultNatural"],
    "mouthVariant": ["serious"],
    "clothesVariant": ["shirtCrewNeck"],
}
SKINS = ("614335", "edb98a")
HAIR_COLOURS = ("2c1b18", "c93305", "e8e1e1")  # none near a skin: a beard must show on each
CLOTHES_COLOURS = ("262e33", "5199e4", "929598")
HATS = ("winterHat03",)
HAT_COLOURS = ("25557c", "ff5c5c")
SHORT_HAIR = ("shortFlat", "theCaesar")
LONG_HAIR = ("straight02", "miaWallace")
BEARDS = ("beardMajestic",)
GLASSES = ("kurt", "wayfarers")
FRAME_COLOUR = "262e33"
SHARES = {"glasses": 0.4, "smile": 0.5, "hat": 0.3, "beard": 0.3, "long_hair": 0.4}
"""Attribute -> probability; all independent."""

Layer = tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """One avatar: its attributes in order of ``SHARES``, and the layers from the bottom up."""

    attributes: tuple[bool, ...]
    layers: tuple[Layer, ...]


def plans(n: int, *, seed: int) -> Iterator[Plan]:
    """``n`` random avatars; the first ones stay the same whatever ``n`` is."""
    rng = Random(seed)  # random() alone is used: its values are the same in every version of Python
    for _ in range(n):
        has = {name: rng.random() < share for name, share in SHARES.items()}

        def pick(choices: tuple[str, ...]) -> str:
            return choices[int(rng.random() * len(choices))]

        skin, hair, cloth = pick(SKINS), pick(HAIR_COLOURS), pick(CLOTHES_COLOURS)
        short, long, beard = pick(SHORT_HAIR), pick(LONG_HAIR), pick(BEARDS)
        hat, hat_colour, glasses = pick(HATS), pick(HAT_COLOURS), pick(GLASSES)
        under = "hair under hat" if has["hat"] else "hair"
        layers: list[Layer] = [
            ("skin", skin),
            ("clothes", cloth),
            ("face",),
            (under, long if has["long_hair"] else short, hair),
        ]
        layers += [("hat", hat, hat_colour)] * has["hat"]
        layers += [("beard", beard, hair)] * has["beard"]
        layers += [("mouth", "smile" if has["smile"] else "serious")]  # above the beard, which would cover it
        layers += [("glasses", glasses)] * has["glasses"]
        yield Plan(tuple(has.values()), tuple(layers))


def draw_layers() -> dict[Layer, np.ndarray]:
    """Every layer that a plan can name: ``(4, 64, 64)`` float32 in [0, 1], red, green, blue, opacity.

    Raises:
        DataError: the installed style makes something else.
    """
    from dicebear import Style  # here, because only this data set needs it

    style = Style(json.loads(files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8")))

    def layer(parts: set[str], **options: Any) -> np.ndarray:
        return _draw(style, parts, options)

    found: dict[Layer, np.ndarray] = {("face",): layer({"nose", "eyes", "eyebrows"})}
    for skin in SKINS:
        found["skin", skin] = layer({"skin"}, skinColor=[skin])
    for colour in CLOTHES_COLOURS:
        found["clothes", colour] = layer({"clothes"}, clothesColor=[colour])
    for mouth in ("smile", "serious"):
        found["mouth", mouth] = layer({"mouth"}, mouthVariant=[mouth])
    for hair, colour in product((*SHORT_HAIR, *LONG_HAIR), HAIR_COLOURS):
        generated = layer({"top"}, topVariant=[hair], topProbability=100, hairColor=[colour])
        found["hair", hair, colour] = generated
        found["hair under hat", hair, colour] = generated.copy()
        found["hair under hat", hair, colour][3, :BRIM] = 0
    for hat, colour in product(HATS, HAT_COLOURS):
        found["hat", hat, colour] = layer({"top"}, topVariant=[hat], topProbability=100, hatColor=[colour])
    for beard, colour in product(BEARDS, HAIR_COLOURS):
        found["beard", beard, colour] = layer(
            {"facialHair"}, facialHairVariant=[beard], facialHairProbability=100, facialHairColor=[colour]
        )
    for glasses in GLASSES:
        found["glasses", glasses] = layer(
            {"accessories"}, accessoriesVariant=[glasses], accessoriesProbability=100, accessoriesColor=[FRAME_COLOUR]
        )
    return found


def _draw(style: Any, parts: set[str], options: dict[str, Any]) -> np.ndarray:
    """The named parts of one avatar alone, on a transparent ground."""
    import resvg_py
    from dicebear import Avatar

    root = ET.fromstring(Avatar(style, {**PLAIN, **options}).to_string())  # noqa: S314  # text of our own dependency
    root.set("viewBox", FRAME)
    group = root.findall(f"{SVG}g")[-1]
    kept = 0
    for element in list(group):
        # components are <use href="#top-...">; what remains besides the background is the head
        name = element.get("href", "#skin").lstrip("#").split("-")[0]
        if element.tag == f"{SVG}rect" or name not in parts:
            group.remove(element)
        else:
            kept += 1
            if name == "mouth":
                element.set("transform", MOUTH)
    if kept < len(parts):
        raise DataError(
            f"the avatar style must have the parts {', '.join(sorted(parts))}",
            found="another picture",
            way_out="Install the version of dicebear-styles that gsu-cli asks for",
        )
    png = resvg_py.svg_to_bytes(
        svg_string=ET.tostring(root, encoding="unicode"), width=SIZE, height=SIZE, skip_system_fonts=True
    )
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), dtype=np.float32) / 255
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def stack(layers: dict[Layer, np.ndarray], plan: Plan) -> np.ndarray:
    """The avatar of a plan, ``(3, 64, 64)`` uint8."""
    x = np.empty((3, SIZE, SIZE), np.float32)
    x[:] = np.array(BACKGROUND, np.float32)[:, None, None] / 255
    for key in plan.layers:
        colour, opacity = layers[key][:3], layers[key][3]
        x += opacity * (colour - x)
    return np.asarray(np.rint(x * 255), dtype=np.uint8)
