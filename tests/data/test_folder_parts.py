"""dataset=folder: which folders are parts and which are classes; nothing is passed over in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from gsu_cli.data.folder import Folder
from gsu_cli.data.part_names import kind_of
from gsu_cli.errors import DataError, UsageError


def paint(folder: Path, n: int, value: int = 0, mode: str = "L") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        Image.new(mode, (4, 4), (value + i) % 256 if mode == "L" else (value + i, 9, 9)).save(folder / f"{i:03}.png")


def divided(root: Path, **parts: int) -> Path:
    for k, (part, n) in enumerate(parts.items()):
        for j, name in enumerate(("cat", "dog")):
            paint(root / part / name, n, value=100 * k + 30 * j)
    return root


@pytest.mark.parametrize("other", ["val", "valid", "validation", "dev", "Test", "testing", "test_set"])
def test_two_parts_are_no_classes(tmp_path: Path, other: str) -> None:
    dataset = Folder(str(divided(tmp_path, **{"Training": 3, other: 2})), "x").load()
    assert dataset.class_names == {0: "cat", 1: "dog"}
    assert (dataset.train.labels.tolist(), dataset.heldout.labels.tolist()) == ([0] * 3 + [1] * 3, [0] * 2 + [1] * 2)
    assert dataset.source.endswith(f"held out as in {other}")
    assert dataset.remarks == ()


def test_the_part_that_is_not_used_is_said_and_can_be_held_out(tmp_path: Path) -> None:
    divided(tmp_path, train=3, val=2, test=4)
    dataset = Folder(str(tmp_path), "x").load()
    assert len(dataset.heldout) == 8
    (said,) = dataset.remarks
    assert said.startswith("the 4 images of val are not used; dataset.heldout=val holds them out instead")
    by_val = Folder(str(tmp_path), "x", heldout="valid").load()
    assert len(by_val.heldout) == 4
    assert "the 8 images of test are not used" in by_val.remarks[0]
    both = Folder(str(tmp_path), "x", heldout=["val", "test"]).load()
    assert (len(both.heldout), both.remarks) == (12, ())
    with pytest.raises(
        UsageError, match="`dataset.heldout` must name parts .* test, val; found 'tset'. Did you mean 'test'"
    ):
        Folder(str(tmp_path), "x", heldout="tset").load()


def test_a_part_to_train_on_alone_is_divided(tmp_path: Path) -> None:
    dataset = Folder(str(divided(tmp_path, train=10)), "x").load()
    assert (len(dataset.train), len(dataset.heldout)) == (18, 2)
    assert "10 % of each class held out" in dataset.source
    with pytest.raises(UsageError, match="`dataset.heldout` must name parts"):
        Folder(str(tmp_path / "train"), "x", heldout="test").load()


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train", "car"):
        paint(tmp_path / name, 3)
    assert Folder(str(tmp_path), "x").load().class_names == {0: "car", 1: "train"}


def test_parts_beside_classes_are_refused(tmp_path: Path) -> None:
    divided(tmp_path, train=3)
    paint(tmp_path / "eel", 3)
    with pytest.raises(DataError, match="found train with folders of images inside, and eel without"):
        Folder(str(tmp_path), "x").load()


def test_without_a_part_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold a part to train on, called train; found only test, val"):
        Folder(str(divided(tmp_path, val=2, test=2)), "x").load()


def test_an_archive_unpacked_one_level_down(tmp_path: Path) -> None:
    divided(tmp_path / "pets", train=2, test=2)
    with pytest.raises(DataError, match=r"found one folder, pets/, with test, train inside. Type dataset.path=.*pets"):
        Folder(str(tmp_path), "x").load()


def test_what_is_passed_over_is_said(tmp_path: Path) -> None:
    divided(tmp_path, train=3, test=2)
    paint(tmp_path / "extra", 2)
    paint(tmp_path, 1)
    paint(tmp_path / "train", 2)
    paint(tmp_path / "train" / "cat" / "more", 1)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / ".DS_Store").write_text("")
    remarks = Folder(str(tmp_path), "x").load().remarks
    assert remarks == (
        "beside the parts, and not used: extra/ (2 images), 000.png",
        "images beside the class folders are not used (2): train/000.png, train/001.png",
        "images in folders inside a class folder are of its class (1): train/cat/more/000.png",
        "files of other kinds are not used (1): train/cat/notes.txt",
        "hidden files and folders are not used (1): .DS_Store",
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("attributes.csv", "Call attributes.csv metadata.csv."),
        ("tags.xlsx", "Save tags.xlsx as metadata.csv, or as metadata.jsonl with an object in each line."),
        ("metadata.csv", ""),
    ],
)
def test_a_table_of_another_name_is_told_what_it_must_be_called(tmp_path: Path, table: str, said: str) -> None:
    """Beside metadata that are read other tables may be anything."""
    paint(tmp_path / "cat", 3)
    (tmp_path / "notes.txt").write_text("no table")
    (tmp_path / "zzz.csv" if table == "metadata.csv" else tmp_path / "a.txt").write_text("")
    (tmp_path / table).write_text("file_name,hat\ncat/000.png,1\ncat/001.png,0\ncat/002.png,0\n")
    remarks = [remark for remark in Folder(str(tmp_path), "x").load().remarks if "metadata file alone" in remark]
    assert remarks == ([f"labels and attributes are read from a metadata file alone. {said}"] if said else [])


def test_links_are_followed_and_end(tmp_path: Path) -> None:
    paint(tmp_path / "store", 3)
    root = tmp_path / "pets"
    paint(root / "cat", 3)
    (root / "dog").symlink_to(tmp_path / "store")
    (root / "cat" / "up").symlink_to(root)
    dataset = Folder(str(root), "x").load()
    assert len(dataset.train) + len(dataset.heldout) == 6


def test_parts_without_classes_are_no_classes(tmp_path: Path) -> None:
    """Images without labels, in train and test: a class called test was there to forget."""
    paint(tmp_path / "train", 3)
    paint(tmp_path / "test", 3)
    with pytest.raises(DataError, match=r"train must hold one sub-folder of images for each class, .* and 3 images"):
        Folder(str(tmp_path), "x").load()
    paint(tmp_path / "bus", 3)
    assert Folder(str(tmp_path), "x").load().class_names == {0: "bus", 1: "test", 2: "train"}


def test_a_part_without_labels_beside_two_that_have_some_is_not_used(tmp_path: Path) -> None:
    for place in ("train/a", "train/b", "val/a", "val/b", "test"):
        paint(tmp_path / place, 3)
    dataset = Folder(str(tmp_path), "x").load()
    assert (len(dataset.train), len(dataset.heldout)) == (6, 6)
    assert dataset.remarks == ("beside the parts, and not used: test/ (3 images)",)


def test_words_for_parts() -> None:
    assert kind_of("Validation") == "val"
    assert kind_of("trainer") is None
    assert [kind_of(word) for word in ("eval", "evaluation", "Eval_set")] == ["test"] * 3


@pytest.mark.parametrize(("name", "way_out"), [(b"\xe6\x97", "Set PYTHONUTF8=1"), (b"a\x07", "Remove or rename it")])
def test_names_that_are_no_text_say_how_they_become_one(tmp_path: Path, name: bytes, way_out: str) -> None:
    (tmp_path / "train").mkdir()
    os.mkdir(os.fsencode(tmp_path / "train") + b"/" + name)
    with pytest.raises(DataError, match=f"must be printable; found .* {way_out}"):
        Folder(str(tmp_path), "x").load()


def test_one_class_folder_says_so_and_how_its_folders_become_classes(tmp_path: Path) -> None:
    """An archive unpacked one level down: the classes inside were silently one class."""
    for name in ("cat", "dog", "bird", "fish"):
        paint(tmp_path / "up" / "pets" / name, 3)
    *_, said = Folder(str(tmp_path / "up"), "x").load().remarks
    words = "all images are of one class, pets; for its 4 folders (bird, cat, dog and 1 more) as classes type "
    assert said == f"{words}dataset.path={tmp_path / 'up' / 'pets'}"
    assert len(Folder(str(tmp_path / "up" / "pets"), "x").load().class_names) == 4
    paint(tmp_path / "alone" / "all", 5)
    (alone,) = Folder(str(tmp_path / "alone"), "x").load().remarks
    assert alone == "all images are of one class, all: no class can be forgotten and another kept"


@pytest.mark.parametrize("table", ["train.csv", "train/train.csv"])
def test_a_folder_called_train_beside_a_table_of_labels_is_no_class(tmp_path: Path, table: str) -> None:
    """As competitions hand images out: all were of one class, "train", and the table was passed over."""
    paint(tmp_path / "train", 5)
    (tmp_path / table).write_text("id,label\n000,cat\n", "utf-8")
    with pytest.raises(DataError, match=f"found the images of train/ beside {table}. Call {table} metadata.csv"):
        Folder(str(tmp_path), "x").load()
    (tmp_path / table).unlink()
    assert Folder(str(tmp_path), "x").load().class_names == {0: "train"}
