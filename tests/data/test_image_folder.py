"""dataset=folder: listing, splitting and decoding; what is wrong is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gsu_cli.data.folder import Folder
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.errors import DataError, UsageError


def paint(folder: Path, n: int, mode: str = "L", size: tuple[int, int] = (4, 4), start: int = 0) -> None:
    """``n`` PNG images of one colour each; the i-th has value ``start + i`` in its first channel."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        value: Any = start + i if mode == "L" else (start + i, 100, 200)
        Image.new(mode, size, value).save(folder / f"{i:03}.png")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    paint(tmp_path / "dog", 10, start=50)
    paint(tmp_path / "cat", 20)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / ".cache").mkdir()
    return tmp_path


def test_split_by_fraction(pets: Path) -> None:
    dataset = Folder(str(pets), "pets", heldout_fraction=0.2).load()
    assert dataset.class_names == {0: "cat", 1: "dog"}
    assert dataset.train.labels.tolist() == [0] * 16 + [1] * 8
    assert dataset.heldout.labels.tolist() == [0] * 4 + [1] * 2
    assert dataset.shape == (1, 4, 4)
    values = sorted(torch.cat([dataset.train.pixels, dataset.heldout.pixels])[:, 0, 0, 0].tolist())
    assert values == [*range(20), *range(50, 60)], "every image is in exactly one part"
    assert dataset.source == f"images in {pets}, 20 % of each class held out with seed 0"


def test_the_draw_depends_on_the_seed_alone(pets: Path) -> None:
    digests = [Folder(str(pets), "pets", split_seed=seed).load().digest() for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]
    whole = Folder(str(pets), "pets").load()
    dogs = Folder(str(pets), "pets", classes=["dog"]).load()
    assert torch.equal(dogs.train.pixels, whole.train.pixels[whole.train.labels == 1])
    assert (dogs.class_names, dogs.left_out) == ({1: "dog"}, (0,))


def test_train_and_test_folders(tmp_path: Path) -> None:
    for label in ("8", "10"):
        paint(tmp_path / "train" / label, 3)
        paint(tmp_path / "test" / label, 2, start=90)
    dataset = Folder(str(tmp_path), "numbers").load()
    assert dataset.class_names == {8: "8", 10: "10"}
    assert dataset.train.labels.tolist() == [8] * 3 + [10] * 3
    assert dataset.heldout.pixels[:, 0, 0, 0].tolist() == [90, 91, 90, 91]
    s = ForgetSpec.from_values(class_=8).resolve(dataset, generator=torch.Generator())
    assert (s.forget.tolist(), s.heldout_forget.tolist()) == ([0, 1, 2], [0, 1])
    paint(tmp_path / "test" / "9", 1)
    with pytest.raises(DataError, match="same class sub-folders; found only in one of them: 9"):
        Folder(str(tmp_path), "numbers").load()


def test_channels(tmp_path: Path) -> None:
    paint(tmp_path / "grey", 2)
    paint(tmp_path / "red", 2, mode="RGB", start=250)
    by_data = Folder(str(tmp_path), "x").load()
    assert by_data.shape == (3, 4, 4)
    assert by_data.train.pixels[0, :, 0, 0].unique().numel() == 1, "a grey image repeats its channel"
    assert by_data.train.pixels[1, 1:, 0, 0].tolist() == [100, 200]
    grey = Folder(str(tmp_path), "x", channels=1).load()
    value = int(by_data.train.pixels[1, 0, 0, 0])
    assert grey.shape == (1, 4, 4)
    assert abs(int(grey.train.pixels[1, 0, 0, 0]) - (0.299 * value + 0.587 * 100 + 0.114 * 200)) <= 1
    assert Folder(str(tmp_path), "x", channels=3, classes=["grey"]).load().shape == (3, 4, 4)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for i in range(2):
        Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "a" / f"{i}.png")
    assert Folder(str(tmp_path), "x").load().train.pixels.unique().tolist() == [255]


def test_sizes(pets: Path) -> None:
    paint(pets / "eel", 3, size=(8, 4))
    with pytest.raises(
        DataError,
        match=r"4 x 4 pixels, as 30 of 33 have; found 8 x 4 in eel/000.png, 8 x 4 in eel/001.*dataset.size",
    ):
        Folder(str(pets), "pets").load()
    assert Folder(str(pets), "pets", size=2).load().shape == (1, 2, 2)


def damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:50])


def deepen(file: Path) -> None:
    Image.new("I;16", (4, 4), 40000).save(file)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (damage, r"found 1 that is not: dog/003\.png \("),
        (lambda f: f.write_bytes(b"no image"), r"found 1 that is not: dog/003\.png \("),
        (lambda f: f.write_bytes(b""), r"found 1 that is not: dog/003\.png \("),
        (deepen, r"8 bits a channel; found 1 that is not: dog/003\.png \(mode I;16, more"),
    ],
)
def test_a_corrupt_image_is_named(pets: Path, spoil: Callable[[Path], object], said: str) -> None:
    spoil(pets / "dog" / "003.png")
    with pytest.raises(DataError, match=said):
        Folder(str(pets), "pets").load()


def test_folders_that_are_not_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a folder of class sub-folders; found no folder"):
        Folder(str(tmp_path / "nowhere"), "x").load()
    with pytest.raises(
        DataError, match="one sub-folder of images for each class, or .*metadata.csv; found no sub-folder"
    ):
        Folder(str(tmp_path), "x").load()


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl"])
def test_a_table_of_another_name_beside_the_images_is_named(tmp_path: Path, name: str) -> None:
    for image in "ab":
        Image.new("L", (4, 4)).save(tmp_path / f"{image}.png")
    (tmp_path / name).touch()
    said = f"found no sub-folder, and 2 images beside {name}. Call {name} metadata{Path(name).suffix}."
    with pytest.raises(DataError, match=re.escape(said)):
        Folder(str(tmp_path), "x").load()
    paint(tmp_path / "a", 1)
    with pytest.raises(DataError, match="class 'a' must have at least 2 images.*; found 1"):
        Folder(str(tmp_path), "x").load()
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match="b must hold images"):
        Folder(str(tmp_path), "x").load()


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": None},
        {"name": " "},
        {"size": 0},
        {"size": "big"},
        {"size": True},
        {"channels": 2},
        {"heldout_fraction": 0},
        {"heldout_fraction": 1.0},
        {"heldout_fraction": float("nan")},
        {"heldout_fraction": "some"},
        {"split_seed": None},
    ],
    ids=str,
)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"`dataset.{next(iter(wrong))}` must be"):
        Folder(**{"path": "x", "name": "x", **wrong})


def test_class_that_is_not_there(pets: Path) -> None:
    with pytest.raises(UsageError, match=r"one of 0 \(cat\), 1 \(dog\) for pets; found 'doge'. Did you mean 'dog'"):
        Folder(str(pets), "pets", classes=["doge"]).load()
