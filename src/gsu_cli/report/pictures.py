"""``samples.png``: the same latents through every subject, with what the judge sees written below each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gsu_cli.run.files import atomic

CELL, GAP, LABEL, MARGIN, HEAD = 56, 6, 15, 92, 26  # pixels
INK, PAPER, HIT = (40, 40, 40), (255, 255, 255), (214, 39, 40)


def choose(hits: Tensor, columns: int, rows: int) -> tuple[Tensor, Tensor]:
    """Latents to show: the first in which the judge saw the feature, and the first others.

    Of each at most ``rows * columns``. The order is that of drawing, so nothing is picked for its looks.
    """
    return hits.nonzero()[: rows * columns, 0], (~hits).nonzero()[: rows * columns, 0]


def contact_sheet(
    path: Path,
    drawings: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    names: Mapping[int, str],
    targets: Sequence[int],
    *,
    what: str,
    columns: int = 16,
    rows: int = 2,
) -> None:
    """Writes the sheet: a block for latents that showed the feature before, a block for the others.

    Args:
        path: of the PNG, written atomically.
        drawings: subject -> uint8 ``(n, c, h, w)``, the same latents in each; the first is the original.
        labels: subject -> ``(n,)`` what the judge names, in red where it is a target.
        names: label -> name.
        targets: labels that were to be forgotten.
        what: their description for the headings.
        columns, rows: of each block, per subject.
    """
    first = next(iter(drawings))
    hits = torch.isin(labels[first], torch.tensor(list(targets), dtype=torch.int64))
    shown, others = choose(hits, columns, rows)
    blocks = [(f"latents at which the {first} draws {what}: {int(hits.sum()):,} of {len(hits):,}", shown)]
    blocks += [("other latents" if len(shown) else f"the first latents; none draws {what}", others)]
    if not len(targets):
        blocks = [("the first latents", others)]
    blocks = [(title, index) for title, index in blocks if len(index)]
    line = CELL + LABEL + GAP
    group = len(drawings) * line + GAP  # the same latents through every subject
    height = GAP + sum(HEAD + -(-len(index) // columns) * group + GAP for _, index in blocks)
    sheet = Image.new("RGB", (MARGIN + columns * (CELL + GAP) + GAP, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    y = GAP
    for title, index in blocks:
        pen.text((GAP, y + 4), title, fill=INK, font=font)
        y += HEAD
        for part in index.split(columns):
            for name, images in drawings.items():
                pen.text((GAP, y + CELL // 2 - 6), name, fill=INK, font=small)
                for k, i in enumerate(part.tolist()):
                    x = MARGIN + k * (CELL + GAP)
                    sheet.paste(_picture(images[i]), (x, y))
                    label = int(labels[name][i])
                    hit = label in targets
                    if hit:
                        pen.rectangle((x - 2, y - 2, x + CELL + 1, y + CELL + 1), outline=HIT, width=2)
                    text = fitted(names.get(label, str(label)), CELL + GAP - 2, small)
                    pen.text((x + CELL // 2, y + CELL + 1), text, anchor="ma", fill=HIT if hit else INK, font=small)
                y += line
            y += GAP
        y += GAP
    with atomic(path) as temporary:
        sheet.save(temporary, format="PNG", optimize=True)


def fitted(text: str, width: float, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """``text``, or as much of it as fits ``width`` pixels with an ellipsis.

    >>> font = ImageFont.load_default(11)
    >>> fitted("Eyeglasses", 60, font), fitted("Mouth_Slightly_Open", 60, font)
    ('Eyeglasses', 'Mouth_Sli…')
    """
    if font.getlength(text) <= width:
        return text
    return next(part for n in range(len(text), -1, -1) if font.getlength(part := f"{text[:n]}…") <= width or n == 0)


def _picture(pixels: Tensor) -> Image.Image:
    """uint8 ``(c, h, w)`` -> a square of ``CELL`` pixels; grey images dark on light, as ink on paper."""
    array = pixels.permute(1, 2, 0).numpy()
    image = Image.fromarray(255 - array[:, :, 0] if array.shape[2] == 1 else array)
    return image.convert("RGB").resize((CELL, CELL), Image.Resampling.BICUBIC)
