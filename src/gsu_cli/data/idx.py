"""Any folder of IDX files: Fashion-MNIST, KMNIST, EMNIST, or one's own."""

from __future__ import annotations

from pathlib import Path

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.idx_format import find_files, read_part
from gsu_cli.data.labels import restrict
from gsu_cli.data.recognise import hint
from gsu_cli.errors import DataError, UsageError


class Idx:
    """The IDX data set in a folder; train files are the training set, t10k (or test) files the held-out set.

    Args:
        path: the folder with the four files, or its parent where they lie in ``raw/``, as torchvision leaves them.
        name: what this data set is called in records and messages.
        classes: labels to keep; None keeps all.
        prefix: the beginning of the file names, where a folder holds several sets ("emnist-letters").
        transpose: swap rows and columns, as the files of EMNIST need.

    Raises:
        UsageError: no path, no name.
    """

    def __init__(
        self, path: str, name: str, classes: object = None, prefix: str | None = None, transpose: bool = False
    ) -> None:
        for key, value in (("path", path), ("name", name)):
            if value is None or not str(value).strip():
                raise UsageError(f"`dataset.{key}` must be set for dataset=idx", found="nothing")
        self.path, self.name, self.classes = Path(path).expanduser(), str(name), classes
        self.prefix, self.transpose = prefix, transpose

    def load(self) -> Dataset:
        """Reads and checks the four files.

        Raises:
            DataError: the folder holds no set, or a damaged one.
            UsageError: `dataset.classes` names a class that does not occur.
        """
        prefix = None if self.prefix is None else self.prefix.rstrip("-_")
        files = find_files(self.path, prefix) or find_files(self.path / "raw", prefix)
        if files is None:
            raise DataError(
                "`dataset.path` must be a folder with IDX files (train-images*, train-labels*, t10k-images*, "
                "t10k-labels*, gzipped or not)",
                found=f"none in {self.path}" if self.path.is_dir() else f"no folder {self.path}",
                way_out=hint(self.path, besides="idx"),
            )
        train = self._turned(read_part(files["train-images"], files["train-labels"]))
        heldout = self._turned(read_part(files["t10k-images"], files["t10k-labels"]))
        if train.pixels.shape[1:] != heldout.pixels.shape[1:]:
            raise DataError(
                f"the training and held-out images in {self.path} must have one size",
                found=f"{tuple(train.pixels.shape[2:])} and {tuple(heldout.pixels.shape[2:])}",
            )
        labels = sorted(set(train.labels.tolist()) | set(heldout.labels.tolist()))
        names = {label: str(label) for label in labels}
        source = f"IDX files in {files['train-images'].parent}"
        return restrict(Dataset(self.name, train, heldout, names, source), self.classes)

    def _turned(self, images: Images) -> Images:
        if not self.transpose:
            return images
        return Images(images.pixels.transpose(2, 3).contiguous(), images.labels)
