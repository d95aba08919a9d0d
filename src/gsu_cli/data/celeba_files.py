"""CelebA's text files and the places where people keep them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsu_cli.errors import DataError, unreadable
from gsu_cli.run.stand_ins import stand_in_at

LAYOUTS = ("", "celeba", "CelebA")  # below data_dir; torchvision writes celeba/
SHELVES = ("", "Img", "Anno", "Eval")  # below that; the folders of the authors' drive
IMAGES = ("img_align_celeba", "img_align_celeba.zip")
ATTRIBUTES = ("list_attr_celeba.txt", "list_attr_celeba.csv")  # the copy on Kaggle has commas
PARTITION = ("list_eval_partition.txt", "list_eval_partition.csv")
IDENTITY = ("identity_CelebA.txt", "identity_CelebA.csv")
AGAIN = "Get the file again."


@dataclass(frozen=True)
class Files:
    """Where the parts of CelebA are; ``images`` is a folder or a zip file, ``identity`` may be missing."""

    images: Path
    attributes: Path
    partition: Path
    identity: Path | None


def find_files(data_dir: Path) -> Files:
    """The first of `LAYOUTS` below ``data_dir`` that holds any part of CelebA.

    Raises:
        DataError: there is none, or it lacks a part; the message names it and where CelebA is to be had.
    """
    rule = (
        "dataset=celeba needs img_align_celeba/ or img_align_celeba.zip, list_attr_celeba.txt and "
        "list_eval_partition.txt"
    )
    way_out = (
        "Get them from the authors' page (mmlab.ie.cuhk.edu.hk/projects/CelebA.html) or from the copy on Kaggle "
        "(jessicali9530/celeba-dataset), and point `paths.data_dir` to their folder."
    )
    for layout in LAYOUTS:
        folder = data_dir / layout
        parts = [_first(folder, names) for names in (IMAGES, ATTRIBUTES, PARTITION, IDENTITY)]
        images, attributes, partition, identity = parts
        if images and attributes and partition:
            return Files(images, attributes, partition, identity)
        if any(parts):
            missing = [n[0] for n, p in zip((IMAGES, ATTRIBUTES, PARTITION), parts, strict=False) if p is None]
            raise DataError(rule, found=f"no {' and no '.join(missing)} in {folder}", way_out=way_out)
    raise DataError(rule, found=f"none of them in {data_dir}, its celeba/ or its CelebA/", way_out=way_out)


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    paths = (folder / shelf / name for name in names for shelf in SHELVES)
    return next((path for path in paths if path.exists()), None)


@dataclass(frozen=True, eq=False)
class Attributes:
    """``list_attr_celeba``: a row for each image name, ``values`` is ``(n, k)`` bool, column order ``names``."""

    rows: dict[str, int]
    names: tuple[str, ...]
    values: NDArray[np.bool_]


def read_attributes(path: Path) -> Attributes:
    """Reads ``list_attr_celeba.txt`` (number of rows; names; one row of 1 and -1 an image) or Kaggle's CSV of it.

    Raises:
        DataError: it is unreadable, its counts disagree, or a row is wrong; the message names the line.
    """
    lines = _lines(path)
    comma = path.suffix == ".csv"
    head = 1 if comma else 2
    names = tuple(lines[head - 1].split()) if len(lines) >= head else ()
    names = names[1:] if comma else names  # the first column of the CSV is image_id
    if not names or len(set(names)) < len(names) or any(name in ("1", "-1") for name in names):
        found = repr(lines[head - 1][:40]) if len(lines) >= head else "no such line"
        raise DataError(f"line {head} of {path} must name the attributes, each once", found=found, way_out=AGAIN)
    if not comma and lines[0].strip() != str(len(lines) - head):
        raise DataError(
            f"line 1 of {path} must be the number of its rows, {len(lines) - head}",
            found=repr(lines[0].strip()[:40]),
            way_out=AGAIN,
        )
    rows: dict[str, int] = {}
    values = bytearray()
    for i, line in enumerate(lines[head:]):
        name, *marks = line.split() or [""]
        if len(marks) != len(names) or marks.count("1") + marks.count("-1") != len(names) or name in rows:
            raise DataError(
                f"line {head + i + 1} of {path} must be a new file name and {len(names)} values of 1 or -1",
                found=_what_is_wrong(name, marks, names, seen=name in rows),
                way_out=AGAIN,
            )
        rows[name] = i
        values.extend(mark == "1" for mark in marks)
    return Attributes(rows, names, np.frombuffer(values, dtype=np.bool_).reshape(-1, len(names)))


def read_numbers(path: Path) -> dict[str, int]:
    """Image name -> number: ``list_eval_partition`` (0 train, 1 valid, 2 test) and ``identity_CelebA``.

    Raises:
        DataError: it is unreadable, or a row is not a new name and a whole number; the message names the line.
    """
    lines = _lines(path)
    head = 1 if path.suffix == ".csv" else 0
    numbers: dict[str, int] = {}
    for i, line in enumerate(lines[head:]):
        words = line.split()
        if len(words) != 2 or not words[1].isdecimal() or words[0] in numbers:
            raise DataError(
                f"line {head + i + 1} of {path} must be a new file name and a whole number",
                found=repr(line.strip()[:40]),
                way_out=AGAIN,
            )
        numbers[words[0]] = int(words[1])
    return numbers


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(path, error, DataError, way_out=AGAIN) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} must be a readable text file", found=str(error), way_out=AGAIN) from None
    if other := stand_in_at(path):
        raise DataError(f"{path} must be a list of CelebA", found=other.what, way_out=other.way_out)
    if path.suffix == ".csv":
        text = text.replace(",", " ")
    return text.rstrip().splitlines()


def _what_is_wrong(name: str, marks: list[str], names: tuple[str, ...], *, seen: bool) -> str:
    if seen:
        return f"{name} for the second time"
    if len(marks) != len(names):
        return f"{len(marks)} values"
    wrong = next((mark, attribute) for mark, attribute in zip(marks, names, strict=True) if mark not in ("1", "-1"))
    return f"{wrong[0]!r} for {wrong[1]}"
