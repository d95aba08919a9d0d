"""``samples.png``: the same noise through every model, with what the judge sees written below each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gsu_cli.run.files import atomic

CELL, GAP, LABEL, MARGIN, HEAD = 56, 6, 15, 92, 26  # pixels
INK, PAPER, HIT = (40, 40, 40), (255, 255, 255), (214, 39, 40)


def choose(hits: Tensor, columns: int, rows: int) -> tuple[Tensor, Tensor]:
    """Samples to show: the first in which the judge saw the feature, and the first others.

    Of each at most ``rows * columns``. The order is that of sampling, so nothing is picked for its looks.
    """
    return hits.nonzero()[: rows * columns, 0], (~hits).nonzero()[: rows * columns, 0]


@dataclass(frozen=True)
class Line:
    """One row of pictures: whose, uint8 ``(n, c, h, w)``, what stands below each, and which have a red frame."""

    name: str
    pixels: Tensor
    texts: Sequence[str]
    framed: Sequence[bool]


@dataclass(frozen=True)
class Block:
    """Lines of pictures under one heading; the k-th pictures of all of them belong together."""

    title: str
    lines: Sequence[Line]


def contact_sheet(
    path: Path,
    samples: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    names: Mapping[int, str],
    targets: Sequence[int],
    *,
    what: str,
    columns: int = 16,
    rows: int = 2,
    before: Sequence[Block] = (),
    most: Sequence[int] = (),
    most_title: str = "",
) -> None:
    """Writes the sheet: a block for samples that showed the feature before, one for the others, one for what changed.

    Args:
        path: of the PNG, written atomically.
        samples: subject -> uint8 ``(n, c, h, w)``, the same noise in each; the first is the original.
        labels: subject -> ``(n,)`` what the judge names, in red where it is a target.
        names: label -> name.
        targets: labels that were to be forgotten.
        what: their description for the headings.
        columns, rows: of each block, per subject.
        before: blocks of other pictures, to stand first.
        most: samples whose picture changed most, though none of them showed the feature.
        most_title: heading of theirs.
    """
    first = next(iter(samples))
    hits = torch.isin(labels[first], torch.tensor(list(targets), dtype=torch.int64))
    shown, others = choose(hits, columns, rows)

    def block(title: str, index: Tensor, who: Sequence[str]) -> Block:
        lines = []
        for name in who:
            own = labels[name][index].tolist()
            texts, framed = [names.get(label, str(label)) for label in own], [label in targets for label in own]
            lines.append(Line(name, samples[name][index], texts, framed))
        return Block(title, lines)

    everyone = list(samples)
    blocks = [*before]
    if len(targets) and len(shown):
        title = f"samples of the {first} that show {what}: {int(hits.sum()):,} of {len(hits):,}"
        blocks.append(block(title, shown, everyone))
    if len(others):
        none = "the first samples" + (f"; none shows {what}" if len(targets) else "")
        blocks.append(block("other samples" if len(targets) and len(shown) else none, others, everyone))
    if len(most):
        pair = [name for name in (first, "unlearned") if name in samples]
        blocks.append(block(most_title, torch.tensor(list(most[:columns]), dtype=torch.int64), pair))
    sheet(path, blocks, columns)


def sheet(path: Path, blocks: Sequence[Block], columns: int = 16) -> None:
    """Writes blocks of pictures one below the other, atomically.

    Args:
        path: of the PNG.
        blocks: with a heading each.
        columns: pictures in a line; what is longer goes on below.
    """
    line = CELL + LABEL + GAP
    height = GAP
    for block in blocks:
        parts = -(-len(block.lines[0].pixels) // columns)
        height += HEAD + parts * (len(block.lines) * line + GAP) + GAP
    whole = Image.new("RGB", (MARGIN + columns * (CELL + GAP) + GAP, height), PAPER)
    pen = ImageDraw.Draw(whole)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    as_ink = is_mostly_dark([one.pixels for block in blocks for one in block.lines])
    y = GAP
    for block in blocks:
        pen.text((GAP, y + 4), block.title, fill=INK, font=font)
        y += HEAD
        for start in range(0, len(block.lines[0].pixels), columns):
            for one in block.lines:
                pen.text((GAP, y + CELL // 2 - 6), one.name, fill=INK, font=small)
                for k, image in enumerate(one.pixels[start : start + columns]):
                    x = MARGIN + k * (CELL + GAP)
                    whole.paste(_picture(image, as_ink), (x, y))
                    hit = one.framed[start + k]
                    if hit:
                        pen.rectangle((x - 2, y - 2, x + CELL + 1, y + CELL + 1), outline=HIT, width=2)
                    text = fitted(one.texts[start + k], CELL + GAP - 2, small)
                    pen.text((x + CELL // 2, y + CELL + 1), text, anchor="ma", fill=HIT if hit else INK, font=small)
                y += line
            y += GAP
        y += GAP
    with atomic(path) as temporary:
        whole.save(temporary, format="PNG", compress_level=3)  # a 16th of the time of `optimize`, a sixth more bytes


def fitted(text: str, width: float, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """``text``, or as much of it as fits ``width`` pixels with an ellipsis.

    >>> font = ImageFont.load_default(11)
    >>> fitted("Eyeglasses", 60, font), fitted("Mouth_Slightly_Open", 60, font)
    ('Eyeglasses', 'Mouth_Sli…')
    """
    if font.getlength(text) <= width:
        return text
    return next(part for n in range(len(text), -1, -1) if font.getlength(part := f"{text[:n]}…") <= width or n == 0)


def is_mostly_dark(images: Sequence[Tensor]) -> bool:
    """Whether most pixels of grey images ``(n, 1, h, w)`` are darker than a half: figures on a dark ground, as digits.

    >>> digits, photographs = torch.zeros(2, 1, 3, 3), torch.full((2, 1, 3, 3), 140)
    >>> is_mostly_dark([digits]), is_mostly_dark([photographs])
    (True, False)
    """
    grey = [one.flatten() for one in images if len(one) and one.shape[1] == 1]
    return bool(grey) and bool(torch.cat(grey).float().median() < 128)


def _picture(pixels: Tensor, as_ink: bool) -> Image.Image:
    """uint8 ``(c, h, w)`` -> a square of ``CELL`` pixels; grey images, if asked for, dark on light as ink on paper."""
    array = pixels.permute(1, 2, 0).numpy()
    if array.shape[2] == 1:
        array = 255 - array[:, :, 0] if as_ink else array[:, :, 0]
    return Image.fromarray(array).convert("RGB").resize((CELL, CELL), Image.Resampling.BICUBIC)
