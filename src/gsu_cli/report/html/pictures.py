"""``samples.png`` of runs, made small enough to travel inside a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError, features

from gsu_cli.report.groups import setting
from gsu_cli.report.keys import ABSENT, NOT_RECORDED, key, varied
from gsu_cli.report.numbers import digits
from gsu_cli.report.roles import asked, claim, claim_words
from gsu_cli.run.record import Record

MOST_BYTES = 2_500_000  # of all pictures of a page, as embedded
WIDEST = 1100  # pixels; a sheet of 16 columns is 1,090 wide
QUALITY = 70  # of WebP; the labels below each image stay legible


@dataclass(frozen=True)
class Picture:
    """A picture ready for a page: ``source`` is a data URI, ``alt`` says what it shows."""

    source: str
    alt: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True)
class Gallery:
    """Pictures by the index of their run; how many were left out for size; what could not be read, with the reason."""

    pictures: dict[int, Picture]
    left_out: int
    unreadable: list[str]


def gallery(runs: Sequence[tuple[Path, Record]], most: int) -> Gallery:
    """Pictures of at most ``most`` runs and `MOST_BYTES`; one of each setting before a second seed of any."""
    more = varied([record for _, record in runs])
    order: list[tuple[int, int]] = []
    seen: dict[str, int] = {}
    for i, (path, record) in enumerate(runs):
        if record.outputs.get("samples") and path.is_dir() and (path / "samples.png").is_file():
            turn = seen[setting(record)] = seen.get(setting(record), -1) + 1
            order.append((turn, i))
    pictures: dict[int, Picture] = {}
    unreadable: list[str] = []
    left_out = spent = 0
    for _, i in sorted(order):
        if len(pictures) >= most:
            left_out += 1
            continue
        path, record = runs[i]
        try:
            picture = _embed(path / "samples.png", record, more)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as e:
            unreadable.append(f"{path / 'samples.png'}: {e}")
            continue
        if spent + len(picture.source) > MOST_BYTES:
            left_out += 1
            continue
        spent += len(picture.source)
        pictures[i] = picture
    return Gallery(dict(sorted(pictures.items())), left_out, unreadable)


def _embed(path: Path, record: Record, more: Sequence[str]) -> Picture:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    if image.width > WIDEST:
        image = image.resize((WIDEST, max(1, round(image.height * WIDEST / image.width))), Image.Resampling.LANCZOS)
    kind = "webp" if features.check("webp") else "png"  # a Pillow built without it still makes a page
    out = io.BytesIO()
    image.save(
        out, format=kind.upper(), **({"quality": QUALITY, "method": 4} if kind == "webp" else {"optimize": True})
    )
    source = f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
    return Picture(source, describe(record, more), name(record, more), image.width, image.height)


def name(record: Record, more: Sequence[str] = ()) -> str:
    """A run in a few words: "mnist, forget class 1, ascent, seed 1"; with the settings ``more`` that it has."""
    parts = [key(record, "dataset")]
    if (what := key(record, "forget")) != NOT_RECORDED:
        parts.append(f"forget {what}")
    if (method := key(record, "method")) != NOT_RECORDED:
        parts.append(method)
    parts += [f"{k.removeprefix('method.')}={v}" for k in more if (v := key(record, k)) not in (ABSENT, NOT_RECORDED)]
    return ", ".join([*parts, f"seed {key(record, 'seed')}"] if record.seeds else parts)


def describe(record: Record, more: Sequence[str] = ()) -> str:
    """What a samples sheet shows, for those who cannot see it."""
    said = []
    for judge in asked(record):
        before, after = (claim(record, who, judge) for who in ("original", "unlearned"))
        if before is not None and after is not None:
            said.append(
                f"{claim_words(record)} by the {record.judge_label(judge)} judge "
                f"{digits(before)} before, {digits(after)} after"
            )
    subjects = dict.fromkeys(m.subject for m in record.measurements if m.subject != "data")
    who = ", ".join(subjects) or "the models"
    return f"Samples at the same latents by {who}: {name(record, more)}. {'; '.join(said)}".strip()
