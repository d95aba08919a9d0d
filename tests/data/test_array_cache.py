"""The cache of arrays: made once, whole or not there, never trusted when damaged, never changed by a reader."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gsu_cli.data.array_cache import cached
from gsu_cli.errors import DataError, OutputError

SHAPE = (5, 2, 3)
CONTENT = np.arange(30, dtype=np.uint8).reshape(SHAPE)


class Counting:
    """Fills with `CONTENT`, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, array: NDArray[np.uint8]) -> None:
        self.calls += 1
        array[:] = CONTENT


def test_the_second_time_nothing_is_made(tmp_path: Path) -> None:
    fill = Counting()
    first, second = (cached(tmp_path / "new", "a", SHAPE, fill) for _ in range(2))
    assert fill.calls == 1
    for tensor in (first, second):
        assert (tensor.dtype, tuple(tensor.shape)) == (torch.uint8, SHAPE)
        assert np.array_equal(tensor.numpy(), CONTENT)
    assert os.listdir(tmp_path / "new") == ["a.u8"], "no temporary file stays"
    cached(tmp_path / "new", "b", SHAPE, fill)
    assert fill.calls == 2, "another key is another array"


def test_a_writer_into_the_tensor_changes_no_file(tmp_path: Path) -> None:
    mine = cached(tmp_path, "a", SHAPE, Counting())
    before = (tmp_path / "a.u8").read_bytes()
    mine += 1
    assert (tmp_path / "a.u8").read_bytes() == before
    assert np.array_equal(cached(tmp_path, "a", SHAPE, Counting()).numpy(), CONTENT)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[7] ^= 1
    path.write_bytes(raw)


def spoil_digest(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("damage", [shorten, lengthen, flip, spoil_digest, lambda path: path.write_bytes(b"")])
def test_a_damaged_file_is_made_again(
    tmp_path: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    fill = Counting()
    cached(tmp_path, "a", SHAPE, fill)
    damage(tmp_path / "a.u8")
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(cached(tmp_path, "a", SHAPE, fill).numpy(), CONTENT)
    assert fill.calls == 2
    assert "a.u8 was damaged and is made again" in caplog.text
    cached(tmp_path, "a", SHAPE, fill)
    assert fill.calls == 2


@pytest.mark.parametrize("error", [DataError("no"), KeyboardInterrupt()])
def test_a_failed_fill_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def fail(array: NDArray[np.uint8]) -> None:
        array[:2] = 1
        raise error

    with pytest.raises(type(error)):
        cached(tmp_path, "a", SHAPE, fail)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, start: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"a\.u8 must be writable.*found the disk is full.*dataset\.cache_dir=FOLDER"):
        cached(tmp_path, "a", SHAPE, Counting())
    assert os.listdir(tmp_path) == []


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"must be writable.*dataset\.cache_dir=FOLDER"):
        cached(tmp_path / "file", "a", SHAPE, Counting())


def test_two_processes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process comes and is done while the first one fills; both have the whole array, before and after."""
    theirs: list[torch.Tensor] = []

    def fill(array: NDArray[np.uint8]) -> None:
        array[:2] = CONTENT[:2]
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: 1)
            theirs.append(cached(tmp_path, "a", SHAPE, Counting()))
        array[2:] = CONTENT[2:]

    mine = cached(tmp_path, "a", SHAPE, fill)
    for tensor in (mine, *theirs, cached(tmp_path, "a", SHAPE, fill)):
        assert np.array_equal(tensor.numpy(), CONTENT)
    assert len(theirs) == 1, "the third call filled nothing"
    assert os.listdir(tmp_path) == ["a.u8"]
