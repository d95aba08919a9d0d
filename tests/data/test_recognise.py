"""From the data set that was chosen to the one that the files are for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gsu_cli.data import recognise
from gsu_cli.data.celeba import Celeba
from gsu_cli.data.cifar import Cifar
from gsu_cli.data.folder import Folder
from gsu_cli.data.idx import Idx
from gsu_cli.data.mnist import Mnist
from gsu_cli.data.npz import Npz
from gsu_cli.data.parquet import Parquet
from gsu_cli.data.recognise import hint
from gsu_cli.errors import DataError


def touch(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b"")


FILES = {
    "npz": "pets.npz",
    "parquet": "data/train-00000-of-00001.parquet",
    "cifar": "cifar-100-python/train",
    "idx": "MNIST/raw/train-images-idx3-ubyte.gz",
    "celeba": "celeba/list_attr_celeba.txt",
    "folder": "cat/001.PNG",
}
SOURCES: dict[str, Callable[[str], Any]] = {
    "npz": lambda path: Npz(path, "x"),
    "parquet": lambda path: Parquet(path, "x"),
    "cifar": Cifar,
    "idx": lambda path: Idx(path, "x"),
    "folder": lambda path: Folder(path, "x"),
    "celeba": lambda path: Celeba(path, path),
}


@pytest.mark.parametrize("there", FILES)
@pytest.mark.parametrize("chosen", SOURCES)
def test_from_each_to_each(tmp_path: Path, there: str, chosen: str) -> None:
    if there != chosen:
        touch(tmp_path, FILES[there])
        with pytest.raises(DataError, match=f"There is .*{Path(FILES[there]).name}: dataset={there} reads "):
            SOURCES[chosen](str(tmp_path)).load()


def test_a_file_instead_of_its_folder(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(1))
    with pytest.raises(DataError, match="dataset=npz reads"):
        Folder(str(tmp_path / "a.npz"), "x").load()
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="dataset=folder reads image files"):
        Npz(str(tmp_path / "a.png"), "x").load()


def test_archives_and_nothing(tmp_path: Path) -> None:
    assert hint(tmp_path / "nowhere", besides="npz") == ""
    touch(tmp_path, "cifar-10-python.tar.gz")
    assert hint(tmp_path, besides="cifar").endswith("cifar-10-python.tar.gz: unpack it first.")


@pytest.mark.parametrize(("name", "said"), [("a.npy", "np.savez"), ("b.mat", "np.savez"), ("c.arrow", "to_parquet")])
def test_what_no_data_set_reads_says_how_one_comes_to(tmp_path: Path, name: str, said: str) -> None:
    touch(tmp_path, name)
    with pytest.raises(DataError, match=f"There is .*{name}: .*{said}"):
        Folder(str(tmp_path), "x").load()


def test_metadata_in_parquet_are_of_a_folder_of_images(tmp_path: Path) -> None:
    touch(tmp_path, "metadata.parquet")
    assert "dataset=folder reads image files" in hint(tmp_path, besides="npz")


def test_mnist_falls_back_and_says_what_it_saw(tmp_path: Path) -> None:
    touch(tmp_path, "mnist.npz")
    assert "mnist.npz: dataset=npz reads" in Mnist(tmp_path, download=False).load().note


def test_a_large_folder_is_not_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds within a folder, too: a hint must not take long."""
    for i in range(4):
        touch(tmp_path, f"{i}.txt")
    touch(tmp_path, "pets.npz")
    monkeypatch.setattr(recognise, "MOST", 5)
    assert "pets.npz" in hint(tmp_path, besides="mnist")
    monkeypatch.setattr(recognise, "MOST", 4)
    assert hint(tmp_path, besides="mnist") == ""


def test_a_mistyped_path_is_answered_with_what_lies_beside_it(tmp_path: Path) -> None:
    for name in ("pets", "cars", "fashion.npz"):
        touch(tmp_path, name)
    lines = (("folder", "petz", "pets"), ("npz", "fashon.npz", "fashion.npz"), ("idx", "car", "cars"))
    for kind, typed, there in lines:
        with pytest.raises(DataError, match=rf"Did you mean '.*/{there}'\?$"):
            SOURCES[kind](str(tmp_path / typed)).load()
    with pytest.raises(DataError, match=r"found no folder \S+/x\.$"):
        SOURCES["folder"](str(tmp_path / "x")).load()
