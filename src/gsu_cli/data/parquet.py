"""Parquet files with a column of encoded images, as Hugging Face's data sets are published."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import PIL
import torch
from torch import Tensor

from gsu_cli.data.array_cache import key_of
from gsu_cli.data.base import Dataset, Images, OnProgress
from gsu_cli.data.columns import attributes_of, label_column, labels_of
from gsu_cli.data.decoded import kept
from gsu_cli.data.image_files import DECODING, decode
from gsu_cli.data.labels import restrict
from gsu_cli.data.options import check_draw, check_images, check_named
from gsu_cli.data.parquet_files import Table, find_files, open_table
from gsu_cli.data.part_names import Chosen, choose, draw
from gsu_cli.data.split_column import SPLIT, named_parts, refuse_other_parts
from gsu_cli.errors import DataError


class Parquet:
    """Rows of ``train-*.parquet`` and ``test-*.parquet``: an image as bytes, a label, columns of 0 and 1.

    The part of a file is the first word of its name, or its folder's; test is held out, else val. Files of no part are
    divided by a column ``split``, else at random. Images are in the order of the rows, in files in that of their names.

    Args:
        path: a file, or the folder that holds them at any depth.
        name: what this data set is called in records and messages.
        size: pixels of the square that images are scaled and cropped to; None where all have one size already.
        channels: 1 (grey) or 3 (RGB); None is 1 if every image is grey, and 3 if most are coloured.
        image: column of the images; None is the only one that holds some.
        label: column of the labels; None is the one called "label".
        attributes: columns that are attributes; None is all that say yes or no.
        heldout: the part or parts that are held out; None is test, else val.
        heldout_fraction: share in (0, 1) of each class that is held out, where there is no such part.
        split_seed: seed of that draw.
        classes: labels or names to keep; None keeps all.
        cache_dir: folder in which decoded images are kept; None decodes them each time.

    Raises:
        UsageError: an argument is missing or out of range.
    """

    def __init__(
        self,
        path: str,
        name: str,
        size: int | None = None,
        channels: int | None = None,
        image: str | None = None,
        label: str | None = None,
        attributes: object = None,
        heldout: object = None,
        heldout_fraction: float = 0.1,
        split_seed: int = 0,
        classes: object = None,
        cache_dir: str | Path | None = None,
    ) -> None:
        self.path, self.name = check_named(path, name, "parquet")
        self.size, self.channels = check_images(size, channels)
        self.heldout_fraction, self.split_seed = check_draw(heldout_fraction, split_seed)
        self.image, self.label, self.attributes = image, label, attributes
        self.heldout, self.classes = heldout, classes
        self.cache_dir = None if cache_dir is None else Path(cache_dir).expanduser()

    def load(self, on_progress: OnProgress | None = None) -> Dataset:
        """Reads the columns, and decodes the images where they are not kept yet.

        Raises:
            DataError: pyarrow or the files are missing, files are damaged or differ, or hold no images.
            UsageError: an option names a class, a part or a column that is not there.
            OutputError: the cache cannot be written.
        """
        parts = {part: open_table(files, self.image) for part, files in find_files(self.path).items()}
        trained, held, remarks = tuple(parts), tuple[str, ...](), list[str]()
        how = f"{100 * self.heldout_fraction:g} % of each class held out with seed {self.split_seed}"
        if "" not in parts:
            chosen = choose({part: table.n for part, table in parts.items()}, self.heldout, self.path)
            trained, held, remarks = chosen.train, chosen.heldout, list(chosen.remarks)
            how = chosen.describe() if held else how
        table = Table.joined([parts[part] for part in trained + held])
        columns = table.columns()
        if "" not in parts and SPLIT in columns:
            lies = [part for part in trained + held for _ in range(parts[part].n)]
            refuse_other_parts(zip(table.names, lies, columns[SPLIT], strict=True))
        rows = None
        if "" in parts and (divided := self._by_column(columns, table)):
            chosen, rows = divided
            how, remarks = f"{chosen.describe()} of column {SPLIT}", list(chosen.remarks)
        labels, names = torch.zeros(table.n, dtype=torch.int64), {0: "image"}
        key = label_column(columns, self.label)
        if key is not None:
            labels, names = labels_of(columns.pop(key), table.names, key)
            named = table.class_names.get(key, ())
            names = {label: named[label] if label < len(named) else name for label, name in names.items()}
        else:
            remarks.append("the files have no column label, so all images are of one class")
        attribute_names, attributes, unused = attributes_of(columns, self.attributes, table.names)
        pixels, said = self._pixels(table, on_progress)
        n = sum(parts[part].n for part in trained)
        if rows is None and not held:
            rows = draw(labels, self.heldout_fraction, self.split_seed, names)
        one, other = (
            Images(pixels[i], labels[i], None if attributes is None else attributes[i])
            for i in (rows or (slice(n), slice(n, None)))
        )
        return restrict(
            Dataset(
                self.name,
                one,
                other,
                names,
                f"Parquet files in {self.path}, {how}",
                attribute_names=attribute_names,
                remarks=(*remarks, *unused, *said),
            ),
            self.classes,
        )

    def _by_column(self, columns: dict[str, list[object]], table: Table) -> tuple[Chosen, tuple[Tensor, Tensor]] | None:
        """What a column ``split`` holds out, and the rows of both kinds; None where it does not. It is no attribute."""
        part_of = named_parts(dict(zip(table.names, columns[SPLIT], strict=True)))[0] if SPLIT in columns else None
        if part_of is None:
            if self.heldout is not None:
                choose({"train": 1}, self.heldout, self.path)  # which refuses: there are no parts
            return None
        del columns[SPLIT]
        words = list(part_of.values())
        chosen = choose(Counter(words), self.heldout, self.path)
        if not chosen.heldout:
            return None
        train, heldout = (
            torch.tensor([i for i, word in enumerate(words) if word in part]) for part in (chosen.train, chosen.heldout)
        )
        return chosen, (train, heldout)

    def _pixels(self, table: Table, on_progress: OnProgress | None) -> tuple[Tensor, tuple[str, ...]]:
        key = key_of(
            "parquet",
            files=table.marks(),
            image=table.image,
            size=self.size,
            channels=self.channels,
            decoding=(DECODING, PIL.__version__),
        )

        def decoding() -> tuple[Tensor, tuple[str, ...]]:
            read = table.images()
            if not table.n:
                raise DataError(f"{self.path} must hold images", found="no row")
            return decode(
                table.n,
                lambda i: io.BytesIO(read(i)),
                table.names,
                size=self.size,
                channels=self.channels,
                on_progress=on_progress,
            )

        return kept(self.cache_dir, key, decoding)
