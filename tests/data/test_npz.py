"""dataset=npz: the forms of MedMNIST and of Keras, and what is no such file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gsu_cli.data.npz import Npz
from gsu_cli.errors import DataError, UsageError

GREY = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
RGB = np.stack([GREY, GREY + 1, GREY + 2], axis=-1)


def medmnist(path: Path, images: Any = GREY, labels: Any = None) -> Path:
    """Three parts, labels ``(n, 1)`` uint8, as MedMNIST's files are."""
    labels = np.array([[0], [1], [2], [0], [1], [2]], dtype=np.uint8) if labels is None else labels
    arrays = {}
    for part, n in (("train", 6), ("val", 2), ("test", 3)):
        arrays |= {f"{part}_images": images[:n], f"{part}_labels": labels[:n]}
    np.savez_compressed(path, **arrays)
    return path


def test_medmnist(tmp_path: Path) -> None:
    path = medmnist(tmp_path / "bloodmnist.npz")
    dataset = Npz(str(path), "blood").load()
    assert dataset.shape == (1, 4, 4)
    assert torch.equal(dataset.train.pixels[:, 0], torch.from_numpy(GREY))
    assert (dataset.train.labels.tolist(), dataset.heldout.labels.tolist()) == ([0, 1, 2, 0, 1, 2], [0, 1, 2])
    assert dataset.class_names == {0: "0", 1: "1", 2: "2"}
    assert dataset.source == f"arrays in {path}, held out as in test"
    assert dataset.remarks[0].startswith("the 2 images of val are not used")
    in_folder = Npz(str(tmp_path), "blood", names=["a", "b", "c"], heldout=["val", "test"], classes=["b", "c"]).load()
    assert in_folder.class_names == {1: "b", 2: "c"}
    assert in_folder.heldout.labels.tolist() == [1, 1, 2], "val, then test"


def test_colours_in_either_order_of_axes(tmp_path: Path) -> None:
    last = Npz(str(medmnist(tmp_path / "a.npz", RGB)), "x").load()
    first = Npz(str(medmnist(tmp_path / "b.npz", np.ascontiguousarray(RGB.transpose(0, 3, 1, 2)))), "x").load()
    assert last.shape == (3, 4, 4)
    assert last.train.pixels[1, :, 0, 0].tolist() == [16, 17, 18]
    assert last.digest() == first.digest()


def test_several_labels_are_attributes(tmp_path: Path) -> None:
    labels = np.array([[0, 1], [1, 1], [0, 0], [1, 0], [0, 0], [1, 1]], dtype=np.uint8)
    path = medmnist(tmp_path / "chestmnist.npz", labels=labels)
    dataset = Npz(str(path), "chest", names=["mass", "nodule"]).load()
    assert (dataset.class_names, dataset.attribute_names) == ({0: "image"}, ("mass", "nodule"))
    assert dataset.train.attributes is not None
    assert torch.equal(dataset.train.attributes, torch.from_numpy(labels).bool())
    assert Npz(str(path), "chest").load().attribute_names == ("label_0", "label_1")
    with pytest.raises(DataError, match="`dataset.names` must name each of 2 attributes; found 1"):
        Npz(str(path), "chest", names="mass").load()


def test_one_hot_labels_are_classes(tmp_path: Path) -> None:
    dataset = Npz(str(medmnist(tmp_path / "x.npz", labels=np.eye(3)[[0, 1, 2, 2, 1, 0]])), "x").load()
    assert (dataset.train.labels.tolist(), dataset.attribute_names) == ([0, 1, 2, 2, 1, 0], ())


def test_keras_and_undivided_files(tmp_path: Path) -> None:
    y = np.array([0, 1, 0, 1, 0, 1])
    np.savez(tmp_path / "mnist.npz", x_train=GREY, y_train=y, x_test=GREY[:2], y_test=y[:2])
    keras = Npz(str(tmp_path), "x").load()
    assert (len(keras.train), len(keras.heldout)) == (6, 2)
    np.savez(tmp_path / "own.npz", images=GREY, labels=y, extra=y)
    own = Npz(str(tmp_path / "own.npz"), "x", heldout_fraction=0.3).load()
    assert (len(own.train), len(own.heldout)) == (4, 2)
    assert own.remarks == ("arrays that are not used: extra",)
    with pytest.raises(UsageError, match="`dataset.heldout`"):
        Npz(str(tmp_path / "own.npz"), "x", heldout="test").load()
    with pytest.raises(DataError, match=r"found 2 in .*: mnist.npz, own.npz"):
        Npz(str(tmp_path), "x").load()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"images": GREY / 255},
            r"8 bits, uint8; found float64 from 0 to 0.3725. Save them as bytes: \(255 \* images\).round\(\)",
        ),
        (
            {"images": GREY / 127.5 - 1},
            r"found float64 from -1 to -0.2549. Save them as bytes: \(127.5 \* \(images \+ 1\)\)",
        ),
        ({"images": GREY * 2.0}, r"Save them as bytes: images.round\(\).astype\('uint8'\)"),
        ({"images": GREY * 3.0}, "found float64 from 0 to 285. Scale them to 0 and 255, and save them as bytes"),
        ({"images": GREY * np.nan}, "found float64 with nan or inf. Remove these images, or mend them"),
        ({"images": GREY > 9}, r"found bool. Save them as bytes: \(255 \* images\).astype\('uint8'\)"),
        (
            {"images": GREY.astype("u2") * 257},
            r"found uint16 from 0 to 2.442e\+04. Save them as bytes: \(images / 257\)",
        ),
        ({"images": GREY.astype("i4")}, r"found int32 from 0 to 95. Save them as bytes: images.astype"),
        ({"images": GREY.astype("i4") - 1}, "found int32 from -1 to 94. Scale them to 0 and 255, and save"),
        ({"images": GREY.astype("c8")}, "found complex64. Save them as bytes from 0 to 255"),
        ({"images": np.zeros((6, 5, 5, 4), np.uint8)}, r"found the shape \(6, 5, 5, 4\), an alpha channel perhaps"),
        ({"images": np.zeros((6, 5, 5, 5), np.uint8)}, r"\(n, 3, h, w\); found the shape \(6, 5, 5, 5\), volumes"),
        (
            {"images": np.zeros((6, 3, 9, 3), np.uint8)},
            r"which axis holds the channels; found the shape \(6, 3, 9, 3\), 3 channels first or 3 last. Save",
        ),
        ({"images": np.zeros((6, 3, 9, 1), np.uint8)}, "3 channels first or 1 last"),
        ({"labels": np.zeros(6) + 0.5}, "must be whole numbers; found float64 with a fraction"),
        (
            {"labels": np.full(6, -1)},
            "must be labels from 0 to 2,147,483,647; found -1. Save classes as whole numbers from 0 on",
        ),
        ({"labels": np.array([0, 1, 0, 1, 0, 2**40])}, "from 0 to 2,147,483,647; found 1,099,511,627,776."),
        (
            {"labels": np.zeros(5, np.int64)},
            r"a label for each of the 6 images; found the shape \(5,\). Save as many labels",
        ),
        ({"labels": np.array(list("abcdef"))}, "must be whole numbers; found <U1"),
        ({"labels": np.full((6, 2), 3)}, "one label for each image, or a column of 0 and 1 .* found 3 among 2 columns"),
        ({"labels": np.array([[1, -1, 1]] * 6)}, r"found -1 among 3 columns. Save yes and no as bytes: \(labels > 0\)"),
        ({"labels": np.array([[1, -1, 0]] * 6)}, "found -1 among 3 columns. Save yes as 1, and no as 0"),
        ({"labels": np.array([{}] * 6, dtype=object)}, "numbers; found arrays of Python objects"),
    ],
)
def test_arrays_that_are_no_images_or_labels(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Npz(str(medmnist(tmp_path / "x.npz", **changes)), "x").load()


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be an .npz file, or a folder with one; found nothing at"):
        Npz(str(tmp_path / "nothing"), "x").load()
    np.savez(tmp_path / "x.npz", train_images=GREY, weights=GREY)
    with pytest.raises(DataError, match=r"images and labels, .* found train_images, weights\. Save them so: np\.savez"):
        Npz(str(tmp_path), "x").load()
    whole = medmnist(tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(whole[:200] + bytes(200) + whole[400:])
    with pytest.raises(DataError, match="must be a whole .npz file"):
        Npz(str(tmp_path), "x").load()
    (tmp_path / "x.npz").write_bytes(b"text")
    with pytest.raises(DataError, match="must be a whole .npz file; found no ZIP archive"):
        Npz(str(tmp_path), "x").load()
    (tmp_path / "x.npy").write_bytes(b"text")
    with pytest.raises(DataError, match="found another kind of file"):
        Npz(str(tmp_path / "x.npy"), "x").load()
