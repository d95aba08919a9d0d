"""Names of metadata files beside images, and the rows of one that is text, each with its line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path

from gsu_cli.errors import DataError, unreadable
from gsu_cli.run.stand_ins import stand_in_at

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
KEY = "file_name"

Row = dict[str, object]


def rows_of(path: Path) -> Iterable[tuple[int, Row]]:
    """Line, counted from 1, and columns of each row of a ``.csv`` or ``.jsonl``.

    Raises:
        DataError: the file is unreadable or a row is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise unreadable(path, error, DataError) from None
    except UnicodeDecodeError as error:
        rule = f"{path} must be a readable text file"
        raise DataError(rule, found=str(error), way_out="Save it as UTF-8.") from None
    if other := stand_in_at(path):
        raise DataError(f"{path} must be a table", found=other.what, way_out=other.way_out)
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
