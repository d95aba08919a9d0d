"""``metadata.csv`` and ``metadata.jsonl`` beside images: rows by the file they speak of.

The convention of Hugging Face's ``imagefolder``: a column ``file_name`` holds the path of an image relative to the
metadata file, every other column says something of that image.
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gsu_cli.data.part_names import some
from gsu_cli.data.walk import File
from gsu_cli.errors import DataError

NAMES = ("metadata.csv", "metadata.jsonl")
KEY = "file_name"

Row = dict[str, object]


def read_metadata(root: Path, files: Iterable[File]) -> dict[str, Row]:
    """Path below ``root`` -> its row, from all metadata files among ``files``; empty where there are none.

    Raises:
        DataError: a file is unreadable, a row is wrong, or an image has two; the message names the line.
    """
    rows: dict[str, Row] = {}
    for file in (file for file in files if file.name.endswith(NAMES) and file.parts[-1] in NAMES):
        path, before = root.joinpath(*file.parts), len(rows)
        for line, row in _rows(path):
            name = row.pop(KEY, None)
            if not isinstance(name, str) or not name.strip():
                found = f"no {KEY}" if name is None else repr(name)
                raise DataError(f"line {line} of {path} must name an image in column {KEY}", found=found)
            where = posixpath.normpath("/".join((*file.parts[:-1], name.strip().replace("\\", "/"))))
            if where in rows:
                raise DataError(f"line {line} of {path} must name an image for the first time", found=name)
            rows[where] = row
        if len(rows) == before:
            raise DataError(
                f"{path} must have a row for each image", found="none", way_out="Add the rows or remove the file."
            )
    return rows


def columns_of(names: list[str], rows: Mapping[str, Row], where: Path) -> dict[str, list[object]]:
    """Column -> the value for each of the images ``names``, None where a row has none.

    Raises:
        DataError: an image has no row, or a row no image; up to ten are named.
    """
    without = [name for name in names if name not in rows]
    if without:
        raise DataError(
            f"each image in {where} must have a row in its metadata file",
            found=f"{len(without):,} of {len(names):,} without one: {some(without)}",
            way_out="Add the rows or move the images away.",
        )
    keys = dict.fromkeys(key for name in names for key in rows[name])
    return {key: [rows[name].get(key) for name in names] for key in keys}


def refuse_missing(images: Iterable[str], rows: Mapping[str, Row], where: Path) -> None:
    """Raises a `DataError` for rows of images that are not there."""
    missing = sorted(set(rows) - set(images))
    if missing:
        raise DataError(
            f"each row of the metadata in {where} must have its image",
            found=f"{len(missing):,} of {len(rows):,} without one: {some(missing)}",
            way_out="Get the images or remove the rows.",
        )


def _rows(path: Path) -> Iterable[tuple[int, Row]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        way_out = "Save it as UTF-8." if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(f"{path} must be a readable text file", found=str(error), way_out=way_out) from None
    return _comma(path, text) if path.suffix == ".csv" else _jsonl(path, text)


def _comma(path: Path, text: str) -> Iterable[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = [word.strip() for word in next(reader, [])]
        if KEY not in head or len(set(head)) < len(head) or not all(head):
            rule = f"line 1 of {path} must name the columns, each once, {KEY} among them"
            other = len(head) == 1 and re.search(rf"\b{KEY}\b", head[0])
            way_out = "Separate the columns by commas." if other else f"Call the column of the images' paths {KEY}."
            raise DataError(rule, found=", ".join(map(repr, head)) or "nothing", way_out=way_out)
        for values in reader:
            if values and len(values) != len(head):
                rule = f"line {reader.line_num} of {path} must have {len(head)} values"
                raise DataError(rule, found=f"{len(values)} of them")
            if values:
                yield reader.line_num, dict(zip(head, values, strict=True))
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} of {path} must be CSV", found=str(error)) from None


def _jsonl(path: Path, text: str) -> Iterable[tuple[int, Row]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"line {number} of {path} must be JSON", found=str(error)) from None
        if not isinstance(row, dict):
            raise DataError(f"line {number} of {path} must be a JSON object", found=repr(row)[:40])
        yield number, row
