"""What is wrong with people's copies of CelebA: one sentence that names the file, the line or the image. A row each."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from celeba_world import NAMES, Faces, jpg
from gsu_cli.data.celeba import Celeba
from gsu_cli.errors import DataError, UsageError


def set_row(faces: Faces, row: str) -> None:
    faces.rows[4] = row


def cut(raw: bytes, n: int = 60) -> bytes:
    return raw[:-n]


def marks(value: str = "-1", n: int = 40) -> str:
    return " ".join(["000005.jpg", *[value] * n])


ATTR, PART = "list_attr_celeba.txt", "list_eval_partition.txt"
FACES: list[tuple[Callable[[Faces], object], str]] = [
    (lambda f: f.head.__setitem__(0, "13"), rf"line 1 of .*{ATTR} must be the number of its rows, 12; found '13'"),
    (lambda f: f.head.pop(0), rf"line 2 of .*{ATTR} must name the attributes, each once; found '000001\.jpg"),
    (lambda f: f.head.pop(1), rf"line 2 of .*{ATTR} must name the attributes"),
    (lambda f: f.head.__setitem__(1, "Male Male"), rf"line 2 of .*{ATTR} must name the attributes, each once"),
    (lambda f: f.rows.pop(), r"must be the number of its rows, 11; found '12'"),
    (lambda f: (f.rows.clear(), f.head.clear()), rf"line 2 of .*{ATTR} must name the attributes.*found no such line"),
    (lambda f: (f.rows.clear(), f.head.__setitem__(0, "0")), r"12 without a row in list_attr_celeba\.txt"),
    (lambda f: set_row(f, marks("0")), rf"line 7 of .*{ATTR} must be .* 40 values .*found '0' for 5_o_Clock_Shadow"),
    (lambda f: set_row(f, marks(n=39)), rf"line 7 of .*{ATTR} must be .* 40 values of 1 or -1; found 39 values"),
    (lambda f: set_row(f, ""), rf"line 7 of .*{ATTR} must be .*found 0 values"),
    (lambda f: set_row(f, f.rows[3]), rf"line 7 of .*{ATTR} must be .*found 000004\.jpg for the second time"),
    (lambda f: f.partition.__setitem__(2, "000003.jpg"), rf"line 3 of .*{PART} must be .*found '000003\.jpg'"),
    (lambda f: f.partition.__setitem__(2, "000003.jpg x"), rf"line 3 of .*{PART} must be a new file name and a whole"),
    (lambda f: f.partition.append(f.partition[0]), rf"line 13 of .*{PART} must be a new file name"),
    (lambda f: f.partition.__setitem__(2, "000003.jpg 3"), rf"{PART} must put .* 0, 1 or 2; found 3 for 000003\.jpg"),
    (
        lambda f: f.partition.__setitem__(slice(None), [f"{n} 0" for n in NAMES]),
        r"into 1 or 2, to hold out; found 12 and 0 of the 12 images\. .*a partition of your own",
    ),
    (
        lambda f: (f.jpgs.pop("000002.jpg"), f.jpgs.pop("000009.jpg")),
        r"each of the 12 rows .*; found 2 without an image in .*\(the first is 000002\.jpg\)\. .*dataset\.partial=true",
    ),
    (
        lambda f: f.jpgs.__setitem__("000099.jpg", jpg(1)),
        rf"each of the 13 images its rows; found 1 without a row in {ATTR} \(the first is 000099\.jpg\)",
    ),
    (lambda f: f.partition.pop(), rf"found 1 without a row in {PART} \(the first is 000012\.jpg\)"),
    (lambda f: f.jpgs.clear(), r"must hold the (images|folder)"),
    (lambda f: setattr(f, "identity", ["000001.jpg who"]), r"line 1 of .*identity_CelebA\.txt must be"),
]
IMAGES: list[tuple[bytes, str]] = [
    (cut(jpg(6)), "image file is truncated"),
    (jpg(6)[:20], ""),
    (b"", "no image of a known format"),
    (b"<html>quota exceeded</html>", "a web page"),
    (jpg(6, size=(100, 100)), r"100 x 100 pixels, which is not 178 x 218 or a scaling of it"),
]


def load(folder: Path, **options: Any) -> None:
    Celeba(folder, **{"cache_dir": folder / "cache", "size": 8, **options}).load()


def fails(folder: Path, said: str, **options: Any) -> None:
    with pytest.raises(DataError, match=said):
        load(folder, **options)
    assert not list(folder.rglob("*.u8"))
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("spoil", "said"), FACES, ids=[said for _, said in FACES])
def test_files_that_disagree(tmp_path: Path, spoil: Callable[[Faces], object], said: str, zipped: bool) -> None:
    faces = Faces()
    spoil(faces)
    fails(faces.write(tmp_path, zipped), said)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("raw", "why"), IMAGES, ids=[why for _, why in IMAGES])
def test_an_image_that_cannot_be_read_is_named(tmp_path: Path, raw: bytes, why: str, zipped: bool) -> None:
    faces = Faces()
    faces.jpgs["000007.jpg"] = raw
    folder = faces.write(tmp_path, zipped)
    fails(folder, rf"000007\.jpg in .*img_align_celeba.* must be an aligned CelebA image; found .*{why}")
    faces.jpgs["000008.jpg"] = b""
    fails(faces.write(tmp_path, zipped), r"000007\.jpg in .* \(and 1 more\)\. Get it again")


def test_a_damaged_member_of_a_zip_file_is_named(tmp_path: Path) -> None:
    folder = Faces().write(tmp_path, zipped=True)
    path = folder / "img_align_celeba.zip"
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("img_align_celeba/000003.jpg").header_offset + 100
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)
    fails(folder, r"000003\.jpg in .* must be .*; found Bad CRC-32")


@pytest.mark.parametrize("inside", ["", "faces/", "img_align_celeba_png/"])
def test_a_zip_file_without_the_folder(tmp_path: Path, inside: str) -> None:
    folder = Faces().write(tmp_path, zipped=True, inside=inside)
    fails(folder, r"img_align_celeba\.zip must hold the folder img_align_celeba/ with the images; found __MACOSX/")


def test_a_zip_file_that_is_none(tmp_path: Path) -> None:
    folder = Faces().write(tmp_path, zipped=True)
    path = folder / "img_align_celeba.zip"
    for raw in (path.read_bytes()[:-30], b""):
        path.write_bytes(raw)
        fails(folder, r"img_align_celeba\.zip must be a whole zip file; found File is not a zip file\. Get it again")
    path.write_bytes(b"<html>quota exceeded</html>")
    fails(folder, r"img_align_celeba\.zip must be a whole zip file; found a web page\. Get the file again")


@pytest.mark.parametrize("missing", ["img_align_celeba.zip", ATTR, PART])
def test_a_missing_file_is_named_with_where_to_get_it(tmp_path: Path, missing: str) -> None:
    folder = Faces().write(tmp_path / "celeba", zipped=True)
    (folder / missing).unlink()
    name = missing.removesuffix(".zip")
    fails(
        tmp_path,
        rf"found no {re.escape(name)} in .*celeba\. Get them from the authors' page .* Kaggle .*paths\.data_dir",
    )


def test_no_file_at_all(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        fails(
            folder, r"dataset=celeba needs img_align_celeba/ .*; found none of them in .*, its celeba/ or its CelebA/"
        )


def test_a_text_file_that_is_none(tmp_path: Path) -> None:
    folder = Faces().write(tmp_path)
    (folder / ATTR).write_bytes(b"\xff\xfe\x00")
    fails(folder, rf"{ATTR} must be a readable text file; found .*codec")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cache_dir": None}, "`dataset.cache_dir` must be a folder; found nothing"),
        ({"cache_dir": " "}, "`dataset.cache_dir` must be a folder; found nothing"),
        ({"size": 0}, "`dataset.size` must be a whole number in 1..512; found 0"),
        ({"size": 1000}, "`dataset.size`"),
        ({"size": "big"}, "`dataset.size`"),
        ({"size": None}, "`dataset.size`"),
        ({"crop": 179}, "`dataset.crop` must be a whole number in 1..178; found 179"),
        ({"crop": True}, "`dataset.crop`"),
        ({"limit": 0}, "`dataset.limit` must be a whole number >= 1; found 0"),
        ({"limit": 1.5}, "`dataset.limit`"),
        ({"partial": "some"}, "`dataset.partial` must be true or false; found some"),
    ],
    ids=str,
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load(tmp_path, **options)
