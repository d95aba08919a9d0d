"""``metadata.csv``, ``.jsonl`` or ``.parquet`` beside images: rows by the file they speak of.

The convention of Hugging Face's ``imagefolder``: a column ``file_name`` holds the path of an image relative to the
metadata file, every other column says something of that image.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path

from gsu_cli.data.metadata_rows import KEY, NAMES, Row, rows_of
from gsu_cli.data.parquet_files import rows_in
from gsu_cli.data.part_names import some
from gsu_cli.data.walk import File
from gsu_cli.errors import DataError


def read_metadata(root: Path, files: Iterable[File]) -> dict[str, Row]:
    """Path below ``root`` -> its row, from all metadata files among ``files``; empty where there are none.

    Raises:
        DataError: a file is unreadable, a row is wrong, or an image has two; the message names the line or row.
    """
    rows: dict[str, Row] = {}
    for file in (file for file in files if file.name.endswith(NAMES) and file.parts[-1] in NAMES):
        path, before = root.joinpath(*file.parts), len(rows)
        at = "row" if path.suffix == ".parquet" else "line"
        for line, row in rows_in(path) if path.suffix == ".parquet" else rows_of(path):
            name = row.pop(KEY, None)
            if not isinstance(name, str) or not name.strip():
                found = f"no {KEY}" if name is None else repr(name)
                raise DataError(f"{at} {line} of {path} must name an image in column {KEY}", found=found)
            where = posixpath.normpath("/".join((*file.parts[:-1], name.strip().replace("\\", "/"))))
            if where in rows:
                raise DataError(f"{at} {line} of {path} must name an image for the first time", found=name)
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
