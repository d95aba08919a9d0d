"""Classes and parts that do not agree are said, whatever the files are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.folder import Folder
from gsu_cli.data.npz import Npz
from gsu_cli.data.one_sided import alike, one_sided, unchecked
from gsu_cli.errors import DataError


def dataset(train: list[int], heldout: list[int], names: dict[int, str]) -> Dataset:
    one, other = (Images(torch.zeros(len(y), 1, 2, 2, dtype=torch.uint8), torch.tensor(y)) for y in (train, heldout))
    return Dataset("pets", one, other, names, "")


def test_classes_of_one_part_alone() -> None:
    said = one_sided(dataset([0, 1, 1], [1, 2], {0: "0", 1: "cat", 2: "dog"}))
    assert said.startswith("classes with no training images: dog; with no held-out images: 0. ")
    assert "classes that nothing was trained on count among the retained" in said
    assert said.endswith("What is measured held out is of the classes that have such images")
    untrained = one_sided(dataset([0, 0], [0, 2], {0: "0", 2: "dog"}))
    assert untrained.endswith("Held-out images of classes that nothing was trained on count among the retained")
    assert one_sided(dataset([0, 1], [1, 0], {0: "cat", 1: "dog"})) == ""


def test_names_that_differ_in_capitals() -> None:
    said = alike(dataset([0, 1], [0, 1], {0: "Cat", 1: "cat", 2: "dog"}))
    assert said == "classes whose names differ in capitals alone count as several: Cat and cat"
    assert alike(dataset([0], [0], {0: "cat", 1: "dog"})) == ""


def test_attributes_that_no_held_out_image_has() -> None:
    """A rare one falls out of a tenth by chance: judges of it could not be checked, which was said at the end alone."""
    plain = dataset([0, 0, 0], [0, 0], {0: "face"})
    has = torch.tensor([[True, True], [False, True], [False, False]])
    parts = [replace(images, attributes=has[:n]) for images, n in ((plain.train, 3), (plain.heldout, 2))]
    both = replace(plain, train=parts[0], heldout=parts[1], attribute_names=("hat", "smile"))
    assert unchecked(both) == unchecked(plain) == ""
    lacking = replace(both, heldout=replace(parts[1], attributes=has[1:]))
    assert unchecked(lacking).startswith("attributes that no held-out image has: hat. ")


def images(*places: Path) -> None:
    for place in places:
        place.mkdir(parents=True)
        for i in range(3):
            Image.fromarray(np.full((4, 4), i, dtype=np.uint8)).save(place / f"{i}.png")


def test_parts_within_classes_are_no_classes(tmp_path: Path) -> None:
    """The images of cat/test were trained on."""
    images(*(tmp_path / kind / part for kind in ("cat", "dog") for part in ("train", "test")))
    with pytest.raises(DataError) as refused:
        Folder(str(tmp_path), "pets").load()
    said = "found classes that hold parts: cat/test, cat/train. Move the images so that train/cat is in place of"
    assert said in str(refused.value)


def test_folders_of_other_names_within_classes_are_of_the_class(tmp_path: Path) -> None:
    images(tmp_path / "cat" / "train", tmp_path / "cat" / "more", tmp_path / "dog")
    assert Folder(str(tmp_path), "pets").load().class_names == {0: "cat", 1: "dog"}


def test_flat_arrays_are_told_the_line_that_makes_squares(tmp_path: Path) -> None:
    for width, line in ((64, "images.reshape(-1, 8, 8)"), (192, "images.reshape(-1, 3, 8, 8)")):
        np.savez(tmp_path / "x.npz", images=np.zeros((6, width), dtype=np.uint8), labels=np.arange(6) % 2)
        with pytest.raises(DataError) as refused:
            Npz(str(tmp_path / "x.npz"), "pets").load()
        assert line in str(refused.value)


def test_tensors_of_torch_are_told_how_a_data_set_reads_them(tmp_path: Path) -> None:
    torch.save({"images": torch.zeros(2)}, tmp_path / "data.pt")
    with pytest.raises(DataError, match=r"np\.savez\(path, images=x, labels=y\), which dataset=npz reads"):
        Npz(str(tmp_path / "data.pt"), "pets").load()
