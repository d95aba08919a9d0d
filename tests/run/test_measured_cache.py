"""What recurs is worked out once, to the last bit; nothing about the folder can change a number or end a run."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import torch

from gsu_cli.run import measured_cache as module
from gsu_cli.run import surroundings
from gsu_cli.run.measured_cache import cache_in, cached_tensors, is_caching
from gsu_cli.surgery.ranks import Ranks, among
from gsu_cli.surgery.vectors import Vector


class Made:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Vector:
        self.times += 1
        third = torch.tensor([1 / 3, float("-inf"), -0.0])
        return {"x": third, "y": torch.tensor([[True, False]]), "z": torch.tensor([2**62, self.times])}


def same(a: Vector, b: Vector) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a)


@pytest.fixture
def made() -> Made:
    return Made()


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_the_second_run_reads_what_the_first_worked_out(made: Made, tmp_path: Path) -> None:
    with cache_in(tmp_path / "a" / "b") as cache:
        first = cached_tensors("features", made, images="00")
    assert (cache.read, cache.worked_out) == (0, 1)
    with cache_in(tmp_path / "a" / "b") as cache:
        again = cached_tensors("features", made, images="00")
    assert (cache.read, cache.worked_out) == (1, 0)
    assert same(first, again)
    assert made.times == 1
    assert not is_caching()


def test_other_content_another_kind_or_other_code_is_worked_out(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cache_in(tmp_path):
        cached_tensors("features", made, images="00")
        cached_tensors("features", made, images="01")
        cached_tensors("verdicts", made, images="00")
        assert made.times == 3
        for name, value in (("_code", "changed"), ("_processor", "another")):
            with monkeypatch.context() as patch:
                patch.setattr(surroundings, name, lambda value=value: value)
                cached_tensors("features", made, images="00")
        monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
        cached_tensors("features", made, images="00")
        assert made.times == 6


def test_nothing_is_kept_without_a_folder_or_among_several_ranks(made: Made, tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        two = Ranks()
        two.size = 2  # type: ignore[misc]
        with among(two if folder else Ranks()), cache_in(folder) as cache:
            cached_tensors("features", made, images="00")
            cached_tensors("features", made, images="00")
            assert not is_caching()
        assert (cache.read, cache.worked_out) == (0, 0)
    assert made.times == 4
    assert files(tmp_path) == []


@pytest.mark.parametrize("damage", ["cut", "a bit", "of another", "text", "folder"])
def test_a_damaged_file_is_said_and_worked_out_anew(
    damage: str, made: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with cache_in(tmp_path):
        first = cached_tensors("features", made, images="00")
        (path,) = files(tmp_path)
        cached_tensors("features", made, images="01")
        (other,) = set(files(tmp_path)) - {path}
        whole = path.read_bytes()
        broken = {
            "cut": whole[:-3],
            "a bit": whole[:-1] + bytes([whole[-1] ^ 1]),
            "of another": other.read_bytes(),
            "text": b"{}",
        }
        path.unlink()
        if damage == "folder":
            path.mkdir()
        else:
            path.write_bytes(broken[damage])
        made.times = 0
        with caplog.at_level(logging.WARNING):
            again = cached_tensors("features", made, images="00")
        assert same(first, again)
        assert made.times == 1
        assert f"{path} is damaged; what it and others like it held is worked out anew" in caplog.text
        if damage != "folder":
            cached_tensors("features", made, images="00")
            assert made.times == 1, "it was mended"


def test_a_folder_that_cannot_be_written_keeps_nothing_and_says_so_once(
    made: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING), cache_in(tmp_path / "file" / "folder") as cache:
        cached_tensors("features", made, images="00")
        cached_tensors("features", made, images="01")
    assert (made.times, cache.worked_out) == (2, 2)
    assert caplog.text.count("keeps nothing for the next run") == 1


def test_beyond_the_limit_what_was_not_read_for_longest_goes_and_nothing_else(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers = [tmp_path / "model.safetensors", tmp_path / "notes"]
    for path in strangers:
        path.write_bytes(bytes(2_000_000))
        os.utime(path, (1, 1))
    with cache_in(tmp_path):
        cached_tensors("features", made, images="00")
        (old,) = set(files(tmp_path)) - set(strangers)
        left = old.with_name(f".{old.name}.17.part")
        left.write_text("half")
        for when, path in enumerate((left, old)):
            os.utime(path, (when, when))
    monkeypatch.setattr(module, "MOST_MB", 2.5 * old.stat().st_size / 1e6)
    with cache_in(tmp_path):
        cached_tensors("features", made, images="01")
        assert old.exists()
        assert not left.exists()
        (newer,) = set(files(tmp_path)) - {*strangers, old}
        os.utime(newer, (2, 2))
        cached_tensors("features", made, images="00")  # read, so the newer is now the one not read for longest
        cached_tensors("features", made, images="02")
    assert old.exists()
    assert not newer.exists()
    assert all(path.exists() for path in strangers)
    assert len(files(tmp_path)) == 4


def test_a_run_looks_through_the_folder_once_and_again_where_it_is_full(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: looks.append(folder) or look(folder))
    with cache_in(tmp_path):
        for k in range(10):
            cached_tensors("features", made, images=str(k))
        assert looks == [tmp_path]
        size = files(tmp_path)[0].stat().st_size
        looks.clear()  # some Pythons look through it for the test
        monkeypatch.setattr(module, "MOST_MB", 10.5 * size / 1e6)  # emptied to 9.45
        for k in range(10, 14):
            cached_tensors("features", made, images=str(k))
    assert looks == 2 * [tmp_path], "the 11th file fills it, and the 13th does again"
    assert len(files(tmp_path)) == 10
