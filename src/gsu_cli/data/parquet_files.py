"""Parquet files found, grouped by part, and opened; pyarrow reads them and is imported here alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gsu_cli.data.part_names import kind_of, some
from gsu_cli.data.recognise import hint
from gsu_cli.errors import DataError, UsageError, did_you_mean, unreadable
from gsu_cli.run.stand_ins import StandIn, stand_in_at

SHARD = re.compile(r"(?P<part>.*?)-(?P<i>\d{5})-of-(?P<n>\d{5})(-[0-9a-f]+)?")


def find_files(path: Path) -> dict[str, list[Path]]:
    """Part -> its files in the order of their names; one part called "" where names say none.

    Raises:
        DataError: there is no file, shards are missing, only some files name a part, or folders repeat a part.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*.parquet")) if path.is_dir() else []
    files = [file for file in files if not any(word.startswith(".") for word in file.relative_to(path).parts)]
    if not files:
        found = f"none in {path}" if path.is_dir() else f"nothing at {path}"
        rule = "`dataset.path` must be a Parquet file, or a folder with some"
        raise DataError(rule, found=found, way_out=hint(path, besides="parquet"))
    if path.is_file():
        return {"": files}
    parts: dict[str, list[Path]] = {}
    for file in files:
        parts.setdefault(_part(file, path), []).append(file)
    if "" in parts and len(parts) > 1:
        raise DataError(
            f"all Parquet files in {path} must begin with the name of their part, train or test, or none",
            found=some(file.name for file in parts[""]),
        )
    for part, shards in parts.items():
        homes = sorted({str(file.parent.relative_to(path)) for file in shards})
        if part and len(homes) > 1:
            raise DataError(
                f"{path} must hold one data set",
                found=f"{part} in the folders {some(homes)}",
                way_out=f"Type dataset.path={path / homes[0]}.",
            )
        _refuse_missing(shards)
    return parts


def _part(file: Path, root: Path) -> str:
    """``train`` for ``train-00000-of-00002.parquet``, ``train_0.parquet``, ``train/0.parquet``."""
    words = [re.split(r"[-_.]", file.stem)[0], file.stem, *reversed(file.relative_to(root).parts[:-1])]
    return next((word for word in words if kind_of(word)), "")


def _refuse_missing(files: Sequence[Path]) -> None:
    for file in files:
        match = SHARD.fullmatch(file.stem)
        have = {m["i"] for m in (SHARD.fullmatch(f.stem) for f in files) if m}
        if match and len(have) < int(match["n"]):
            gone = [f"{i:05}" for i in range(int(match["n"])) if f"{i:05}" not in have]
            raise DataError(f"{file.parent} must hold all {int(match['n'])} files of a part", found=f"no {some(gone)}")


@dataclass(frozen=True)
class Table:
    """Files with the same columns, one after the other.

    Attributes:
        files: read in this order.
        rows: of each file.
        image: column of the images.
        class_names: column -> names of its labels, where the files say them (Hugging Face's ClassLabel).
    """

    files: tuple[Path, ...]
    rows: tuple[int, ...]
    image: str
    others: tuple[str, ...]
    class_names: dict[str, tuple[str, ...]]

    @staticmethod
    def joined(tables: Sequence[Table]) -> Table:
        """One table of several.

        Raises:
            DataError: their columns differ.
        """
        for table in tables[1:]:
            if (table.image, table.others) != (tables[0].image, tables[0].others):
                raise DataError(
                    f"{tables[0].files[0].name} and {table.files[0].name} must have the same columns",
                    found=" and ".join(
                        f"{t.files[0].name} with {some((t.image, *t.others))}" for t in (tables[0], table)
                    ),
                )
        first = tables[0]
        files = tuple(file for table in tables for file in table.files)
        return Table(files, tuple(n for t in tables for n in t.rows), first.image, first.others, first.class_names)

    @property
    def n(self) -> int:
        return sum(self.rows)

    @cached_property
    def names(self) -> list[str]:
        """Of the images, for messages: ``train-00000-of-00001.parquet row 7``, counted from 0."""
        return [f"{file.name} row {i}" for file, n in zip(self.files, self.rows, strict=True) for i in range(n)]

    def marks(self) -> list[tuple[str, int, int, int]]:
        """What changes when a file does."""
        stats = [(str(file.resolve()), file.stat()) for file in self.files]
        return [(name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in stats]

    def columns(self) -> dict[str, list[object]]:
        """Every column but the images."""
        read = [_read(file, list(self.others)) for file in self.files]
        return {name: [value for table in read for value in table[name].to_pylist()] for name in self.others}

    def images(self) -> Callable[[int], bytes]:
        """Index -> bytes of the encoded image, all in memory.

        Raises:
            DataError: rows without an image.
        """
        data: list[Any] = []
        for file in self.files:
            column = _read(file, [self.image])[self.image]
            for chunk in column.chunks:
                values = chunk.field("bytes") if hasattr(chunk, "field") else chunk  # of a struct, or the bytes
                data += values.to_numpy(zero_copy_only=False).tolist()
        empty = [name for name, value in zip(self.names, data, strict=True) if not value]
        if empty:
            raise DataError(
                f"column {self.image} must hold the bytes of each image",
                found=f"none in {len(empty):,} of {len(data):,} rows: {some(empty)}",
                way_out="Save the bytes, since paths are not followed, or use dataset=folder with a metadata.csv",
            )
        return lambda i: bytes(data[i])


def open_table(files: Sequence[Path], image: str | None) -> Table:
    """The files of one part, their columns checked; no image is read yet.

    Args:
        files: at least one.
        image: value of `dataset.image`.

    Raises:
        DataError: pyarrow is missing, a file is damaged, files differ, or there is no column of images.
        UsageError: ``image`` is no such column, or several are and none is chosen.
    """
    heads = [_head(file) for file in files]
    schemas = [schema for schema, _ in heads]
    for file, schema in zip(files, schemas, strict=True):
        if schema.names != schemas[0].names:
            raise DataError(
                f"{files[0].name} and {file.name} must have the same columns",
                found=f"{some(schemas[0].names)} and {some(schema.names)}",
            )
    first = schemas[0]
    able = [name for name in first.names if _holds_bytes(first.field(name).type)]
    if image is not None and image not in able:
        rule = f"`dataset.image` must be a column of bytes, {some(able) or 'of which there are none'}"
        raise UsageError(rule, found=repr(image), way_out=did_you_mean(str(image), able).strip())
    if not able:
        columns = some(f"{name} ({first.field(name).type})" for name in first.names)
        way_out = "Save each image as bytes, or as a struct of bytes and path, in a column of its own"
        raise DataError(f"{files[0]} must have a column with the bytes of images", found=columns, way_out=way_out)
    if image is None and len(able) > 1:
        way_out = f"Type dataset.image={able[0]}."
        raise UsageError("`dataset.image` must say which column holds the images", found=some(able), way_out=way_out)
    chosen = image or able[0]
    others = tuple(name for name in first.names if name not in able)
    return Table(tuple(files), tuple(n for _, n in heads), chosen, others, _class_names(first))


def rows_in(file: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Number, counted from 1, and columns of each row of a file that holds no images.

    Raises:
        DataError: pyarrow is missing, or the file is damaged.
    """
    return enumerate(_read(file, None, what=file.name).to_pylist(), start=1)


def _holds_bytes(kind: Any) -> bool:
    """Bytes, or Hugging Face's pair of bytes and path."""
    if str(kind) in ("binary", "large_binary", "binary_view"):
        return True
    return str(kind).startswith("struct") and any(f.name == "bytes" and _holds_bytes(f.type) for f in kind)


def _class_names(schema: Any) -> dict[str, tuple[str, ...]]:
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        return {k: tuple(map(str, v["names"])) for k, v in features.items() if v.get("_type") == "ClassLabel"}
    except (TypeError, KeyError, ValueError, AttributeError, RecursionError):
        return {}


def _arrow(what: str = "dataset=parquet") -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(
            f"{what} needs the package pyarrow", found="none", way_out="Type pip install 'gsu-cli[parquet]'"
        ) from None
    return pyarrow


def _head(file: Path) -> tuple[Any, int]:
    arrow = _arrow()
    try:
        with arrow.parquet.ParquetFile(file) as opened:
            return opened.schema_arrow, int(opened.metadata.num_rows)
    except PermissionError as error:
        raise unreadable(file, error, DataError) from None
    except (arrow.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _read(file: Path, columns: list[str] | None, what: str = "dataset=parquet") -> Any:
    arrow = _arrow(what)
    try:
        with arrow.parquet.ParquetFile(file) as opened:
            return opened.read(columns=columns)
    except PermissionError as error:
        raise unreadable(file, error, DataError) from None
    except (arrow.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> DataError:
    other = stand_in_at(file) or StandIn(str(error).split("\n")[0], hint(file, besides="parquet") or "Get it again.")
    return DataError(
        f"{file} must be a whole Parquet file",
        found=other.what,
        way_out=other.way_out,
    )
