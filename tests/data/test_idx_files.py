"""IDX: what is read is what was written, and every kind of damage is named."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gsu_cli.data.idx import Idx
from gsu_cli.data.idx_format import read_idx
from gsu_cli.errors import DataError, UsageError

Writer = Callable[..., Path]


def test_gzipped_and_plain_files_are_the_same_data(tmp_path: Path, write_set: Writer) -> None:
    plain = Idx(str(write_set(tmp_path / "a")), "tiny").load()
    packed = Idx(str(write_set(tmp_path / "b", gz=True)), "tiny").load()
    assert plain.digest() == packed.digest()
    assert plain.shape == (1, 3, 3)
    assert (len(plain.train), len(plain.heldout)) == (40, 20)
    assert plain.train.pixels.dtype == torch.uint8
    assert plain.train.labels[:11].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


def test_pixels_arrive_row_by_row(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(struct.pack(">IIII", 0x803, 1, 2, 3) + bytes(range(6)))
    assert read_idx(file, "images").tolist() == [[[0, 1, 2], [3, 4, 5]]]


def test_digest_moves_with_one_pixel_and_one_label(tmp_path: Path, write_set: Writer) -> None:
    dataset = Idx(str(write_set(tmp_path)), "tiny").load()
    before = dataset.digest()
    assert before == "145361719c3bc839fac2a6241fd734126d4a7bddb5d2c96956cb444b108113a6"
    dataset.train.pixels[3, 0, 1, 1] ^= 1
    assert dataset.digest() != before
    dataset.train.pixels[3, 0, 1, 1] ^= 1
    assert dataset.digest() == before
    dataset.heldout.labels[0] = 5
    assert dataset.digest() != before


def test_names_of_relatives(tmp_path: Path, write_set: Writer) -> None:
    write_set(tmp_path / "raw", prefix="emnist-letters-", test="test", gz=True)
    write_set(tmp_path / "raw", prefix="emnist-digits-", test="test", gz=True, per_class=5)
    with pytest.raises(DataError, match=r"must hold one IDX data set; found 'emnist-digits', 'emnist-letters'.*prefix"):
        Idx(str(tmp_path), "letters").load()
    letters = Idx(str(tmp_path), "letters", prefix="emnist-letters").load()
    turned = Idx(str(tmp_path), "letters", prefix="emnist-letters-", transpose=True).load()
    assert len(letters.train) == 40
    assert torch.equal(turned.train.pixels, letters.train.pixels.transpose(2, 3))
    assert turned.digest() != letters.digest()


def test_classes_restrict_and_keep_their_values(tmp_path: Path, write_set: Writer) -> None:
    dataset = Idx(str(write_set(tmp_path)), "tiny", classes=[8, "1"]).load()
    assert set(dataset.train.labels.tolist()) == set(dataset.heldout.labels.tolist()) == {1, 8}
    assert dataset.class_names == {1: "1", 8: "8"}
    assert dataset.left_out == (0, 2, 3, 4, 5, 6, 7, 9)
    assert dataset.source.endswith("classes 1, 8 only")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([11], "`dataset.classes` must be one of 0..9 for tiny; found 11."),
        ([1, "x", 12], "`dataset.classes` must be one of 0..9 for tiny; found 'x', 12."),
        ([], "`dataset.classes` must name at least one class; found nothing. Choose one of 0..9."),
        ("", "`dataset.classes` must name at least one class; found nothing. Choose one of 0..9."),
        ([3, 3], "`dataset.classes` must name each class once; found [3, 3]."),
        ([True], "`dataset.classes` must be one of 0..9 for tiny; found True."),
        (1.5, "`dataset.classes` must be one of 0..9 for tiny; found 1.5."),
    ],
)
def test_bad_classes(tmp_path: Path, write_set: Writer, classes: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Idx(str(write_set(tmp_path)), "tiny", classes=classes).load()
    assert str(caught.value) == message


def header(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


WHOLE = header(0x803, 2, 2, 2) + bytes(8)
# Without a time stamp: these bytes name the tests, and every worker must find the same names.
PACKED = gzip.compress(WHOLE, mtime=0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "header of 16 bytes; found a file of 0 bytes"),
        (b"<html>404 Not Found</html>", "magic number 0x00000803 .*; found a web page"),
        (header(0x801, 2, 2, 2) + bytes(8), "found 0x00000801"),
        (header(0xD03, 2, 2, 2) + bytes(32), "found 0x00000d03"),
        (WHOLE[:-1], r"8 bytes after its header.*; found 7 bytes \(truncated\)"),
        (WHOLE + b"x", r"; found 9 bytes \(too long\)"),
        (header(0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1), r"; found 0 bytes \(truncated\)"),
        (header(0x803, 0, 28, 28), "at least one image"),
        (PACKED[:-9], "whole gzip file"),
        (PACKED[:-8] + bytes(8), "whole gzip file; found CRC"),
        (PACKED[:12] + b"\xff" * 20, "whole gzip file"),
        (PACKED + b"rubbish", "whole gzip file"),
    ],
)
def test_damage_is_named_with_the_file(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_idx(file, "images")
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "t10k-labels-idx1-ubyte").unlink(), "all four files.*; found no t10k-labels"),
        (
            lambda f: (f / "train-labels-idx1-ubyte").write_bytes(header(0x801, 3) + bytes(3)),
            "40 images.*; found 3 labels",
        ),
        (
            lambda f: (f / "t10k-images-idx3-ubyte").write_bytes(header(0x803, 20, 2, 2) + bytes(80)),
            r"one size; found \(3, 3\) and \(2, 2\)",
        ),
    ],
)
def test_files_that_do_not_belong_together(
    tmp_path: Path, write_set: Writer, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(write_set(tmp_path))
    with pytest.raises(DataError, match=said):
        Idx(str(tmp_path), "tiny").load()


def test_missing_folder_path_and_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`dataset.path` must be a folder with IDX files.*; found no folder"):
        Idx(str(tmp_path / "nowhere"), "tiny").load()
    with pytest.raises(DataError, match="; found none in"):
        Idx(str(tmp_path), "tiny").load()
    with pytest.raises(UsageError, match="`dataset.name` must be set"):
        Idx(str(tmp_path), "")


def test_labels_of_qmnist(tmp_path: Path, write_set: Callable[..., Path]) -> None:
    write_set(tmp_path, prefix="qmnist-", test="test", classes=3)
    wide = np.stack([np.arange(12) % 3, np.full(12, 4), np.arange(12) + 70_000], axis=1).astype(">i4")
    for part, n in (("train", 12), ("test", 6)):
        (tmp_path / f"qmnist-{part}-labels-idx1-ubyte").unlink()
        raw = struct.pack(">4sII", bytes((0, 0, 0x0C, 2)), n, 3) + wide[:n].tobytes()
        (tmp_path / f"qmnist-{part}-labels-idx2-int.gz").write_bytes(gzip.compress(raw))
    dataset = Idx(str(tmp_path), "qmnist").load()
    assert dataset.train.labels.tolist() == [0, 1, 2] * 4
    assert dataset.heldout.labels.dtype == torch.int64
    (tmp_path / "qmnist-test-labels-idx2-int.gz").write_bytes(raw[:-4])
    with pytest.raises(DataError, match=r"must hold 72 bytes after its header, as its sizes \(6, 3\) say; found 68"):
        Idx(str(tmp_path), "qmnist").load()
