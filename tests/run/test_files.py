"""A file under its final name is whole, whatever happens while it is written."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from gsu_cli.errors import OutputError
from gsu_cli.run.files import atomic, atomic_folder, sha256_of, write_text
from gsu_cli.run.folder_words import chosen_with


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "result.txt"
    file.write_text("old")
    return file


def assert_untouched(old: Path) -> None:
    assert old.read_text() == "old"
    assert os.listdir(old.parent) == [old.name], "no temporary file stays"


def test_the_way_out_names_what_chose_the_folder(tmp_path: Path) -> None:
    chosen_with(tmp_path / "out", "paths.output_dir=FOLDER")
    chosen_with(tmp_path / "out/here", "hydra.run.dir=FOLDER")
    for folder, words in (
        ("out/here/deep", " with hydra.run.dir=FOLDER"),
        ("out/there", " with paths.output_dir=FOLDER"),
        ("elsewhere", ""),
    ):
        (tmp_path / folder).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / folder).write_text("a file in its place")
        with pytest.raises(OutputError) as caught:
            write_text(tmp_path / folder / "x.txt", "x")
        assert caught.value.way_out == f"Choose another folder{words}", "a full disk is not the reason"


def test_new_content_replaces_old(old: Path) -> None:
    write_text(old, "néw")
    assert old.read_bytes() == "néw".encode()
    assert os.listdir(old.parent) == [old.name]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "x")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "x"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interrupt_leaves_the_old_file_and_nothing_else(old: Path, error: type[BaseException]) -> None:
    def write() -> None:
        with atomic(old) as temporary:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(error):
        write()
    assert_untouched(old)


@pytest.mark.parametrize(
    ("code", "why"), [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "disk quota exceeded"), (errno.EIO, "input")]
)
def test_a_full_disk_is_one_sentence(old: Path, monkeypatch: pytest.MonkeyPatch, code: int, why: str) -> None:
    def full(fd: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=f"result.txt must be writable; found {why}"):
        write_text(old, "new")
    assert_untouched(old)


def test_a_file_in_the_place_of_a_folder(old: Path) -> None:
    """Removing the temporary file fails, too; that must not hide the reason."""
    with pytest.raises(OutputError, match="must be writable"):
        write_text(old / "record.json", "x")
    assert_untouched(old)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="must be writable"):
        write_text(tmp_path / "taken", "x")
    assert os.listdir(tmp_path) == ["taken"]


def test_sha256_of_a_file_larger_than_a_block(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "x").write_bytes(data)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(data).hexdigest()


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    write_text(tmp_path / "model" / "unet" / "weights", "old")
    return tmp_path / "model"


def written(folder: Path) -> None:
    with atomic_folder(folder) as temporary:
        write_text(temporary / "unet" / "weights", "new")


def test_a_folder_gives_way_to_another(old_folder: Path) -> None:
    written(old_folder)
    assert (old_folder / "unet" / "weights").read_text() == "new"
    assert os.listdir(old_folder.parent) == [old_folder.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.EIO, "input")])
@pytest.mark.parametrize("at", [1, 2])
def test_a_folder_that_cannot_be_replaced_stays(
    old_folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, at: int
) -> None:
    """At the first renaming, of the old one, or at the second, of the new one."""
    calls, replace = [], Path.replace

    def fails(path: Path, target: Path) -> Path:
        if path.parent == old_folder.parent:
            calls.append(path)
            if len(calls) == at:
                raise error
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises((OutputError, KeyboardInterrupt)):
        written(old_folder)
    assert (old_folder / "unet" / "weights").read_text() == "old"
    assert os.listdir(old_folder.parent) == [old_folder.name], "no temporary folder stays"
