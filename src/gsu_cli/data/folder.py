"""A folder of images in class sub-folders, or with a metadata file: one's own data."""

from __future__ import annotations

import os
from pathlib import Path

import PIL
import torch
from torch import Tensor

from gsu_cli.data.array_cache import key_of
from gsu_cli.data.base import Dataset, Images, OnProgress
from gsu_cli.data.columns import attributes_of
from gsu_cli.data.decoded import kept
from gsu_cli.data.folder_listing import Listing, listing
from gsu_cli.data.image_files import DECODING, decode
from gsu_cli.data.labels import find_labels, restrict
from gsu_cli.data.options import check_draw, check_images, check_named
from gsu_cli.data.recognise import with_hint
from gsu_cli.data.walk import File, Walk, digest, walk
from gsu_cli.errors import DataError


class Folder:
    """Images in ``path/<class>/...``, in ``path/<part>/<class>/...``, or described by a metadata file beside them.

    Parts are folders called train, val (valid, validation, dev) and test; test is held out, else val. Class names are
    the folder names, sorted, and labels count them from 0; folders that are all named by whole numbers ("1", "3", "8")
    keep these as labels. A ``metadata.csv``, ``.jsonl`` or ``.parquet`` may hold labels and attributes instead.
    Training index i is the i-th training file, by class, then by path.

    Args:
        path: the folder.
        name: what this data set is called in records and messages.
        size: pixels of the square that images are scaled and cropped to; None where all have one size already.
        channels: 1 (grey) or 3 (RGB); None is 1 if every image is grey, and 3 if most are coloured.
        heldout: the part or parts that are held out; None is test, else val.
        heldout_fraction: share in (0, 1) of each class that is held out, chosen at random, where there is no such part.
        split_seed: seed of that draw; the draw does not depend on ``classes``.
        classes: labels or names to keep; None keeps all.
        label: column of the metadata with the label; None is the one called "label", else the class folder.
        attributes: columns of the metadata that are attributes; None is all that say yes or no.
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
        heldout_fraction: float = 0.1,
        split_seed: int = 0,
        classes: object = None,
        heldout: object = None,
        label: str | None = None,
        attributes: object = None,
        cache_dir: str | Path | None = None,
    ) -> None:
        self.path, self.name = check_named(path, name, "folder")
        self.size, self.channels = check_images(size, channels)
        self.heldout_fraction, self.split_seed = check_draw(heldout_fraction, split_seed)
        self.classes, self.heldout, self.label, self.attributes = classes, heldout, label, attributes
        self.cache_dir = None if cache_dir is None else Path(cache_dir).expanduser()

    def load(self, on_progress: OnProgress | None = None) -> Dataset:
        """Lists, splits and decodes, classes that are not kept as well: a checkpoint may have been trained on them.

        Raises:
            DataError: the folder is missing or empty, a class has too few images, images are damaged, or metadata and
                images do not fit together.
            UsageError: an option names a class, a part or a column that is not there.
            OutputError: the cache cannot be written.
        """
        found, listed = self._listed()
        names, attributes, unused = attributes_of(listed.columns, self.attributes, [file.name for file in listed.files])
        if self.classes is not None:  # known before anything is decoded
            find_labels(self.classes, listed.names, key="dataset.classes", dataset=self.name)
        order, n = torch.cat([listed.train, listed.heldout]), len(listed.train)
        pixels, said = self._pixels(found, [listed.files[i] for i in order.tolist()], on_progress)
        labels = listed.labels[order]
        values = None if attributes is None else attributes[order]
        dataset = Dataset(
            self.name,
            Images(pixels[:n], labels[:n], None if values is None else values[:n]),
            Images(pixels[n:], labels[n:], None if values is None else values[n:]),
            listed.names,
            f"images in {self.path}, {listed.how}",
            attribute_names=names,
            remarks=(*listed.remarks, *unused, *said),
        )
        return restrict(dataset, self.classes)

    def _listed(self) -> tuple[Walk, Listing]:
        try:
            found = walk(self.path, "a folder of class sub-folders")
            return found, listing(
                found,
                heldout=self.heldout,
                label=self.label,
                fraction=self.heldout_fraction,
                seed=self.split_seed,
            )
        except DataError as error:
            raise with_hint(error, self.path, besides="folder") from None

    def _pixels(self, found: Walk, files: list[File], on_progress: OnProgress | None) -> tuple[Tensor, tuple[str, ...]]:
        root = os.fspath(found.root)
        names = [file.name for file in files]
        key = key_of(
            "folder",
            files=digest(found.root, files),
            size=self.size,
            channels=self.channels,
            decoding=(DECODING, PIL.__version__),
        )
        return kept(
            self.cache_dir,
            key,
            lambda: decode(
                len(files),
                lambda i: os.path.join(root, *files[i].parts),
                names,
                size=self.size,
                channels=self.channels,
                on_progress=on_progress,
            ),
        )
