"""Folders of cells: whole under their final name, held by one process at a time, nothing left of a dead one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from gsu_cli.run.record import Record, write_record
from gsu_cli.tables.store import Store, content_key, files_in


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cells")


def test_a_cell_is_done_when_its_record_says_so(store: Store) -> None:
    assert store.read("a") is None
    for status in ("failed", "done"):
        with store.working_on("a") as part:
            write_record(part, Record("unlearn", status=status))  # type: ignore[arg-type]
            assert not store.is_done("a")
            store.keep("a", part)
        assert store.is_done("a") == (status == "done")
    assert [path.name for path in store.folder.iterdir()] == ["a"]
    assert [path.name for path in store.path("a").iterdir()] == ["record.json"]


def test_a_record_that_cannot_be_read_is_none(store: Store) -> None:
    store.path("a").mkdir(parents=True)
    (store.path("a") / "record.json").write_text('{"verb": "unl', encoding="utf-8")
    assert store.read("a") is None


def test_a_failure_is_kept(store: Store) -> None:
    store.fail("a", Record("unlearn", status="failed", error="killed"))
    record = store.read("a")
    assert record is not None
    assert (record.status, record.error) == ("failed", "killed")


def test_a_failure_does_not_replace_a_cell_that_another_process_ended(store: Store) -> None:
    with store.working_on("a") as part:
        write_record(part, Record("unlearn", status="done"))
        store.keep("a", part)
    store.fail("a", Record("unlearn", status="failed", error="killed"))
    assert store.is_done("a")


def hold(folder: Path, seconds: float) -> None:
    with Store(folder).working_on("a") as part:
        (part / "half").write_text("", encoding="utf-8")
        (part / "inner").mkdir()
        time.sleep(seconds)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside threads: the child only sleeps
def test_what_a_killed_process_leaves_is_emptied_and_a_living_one_is_waited_for(store: Store) -> None:
    fork = multiprocessing.get_context("fork")
    for seconds in (60.0, 0.5):
        other = fork.Process(target=hold, args=(store.folder, seconds))
        other.start()
        while not (store.folder / "a.part/inner").exists():
            time.sleep(0.01)
        if seconds == 60:
            assert other.pid
            os.kill(other.pid, signal.SIGKILL)
        started = time.monotonic()
        with store.working_on("a") as part:
            assert [path.name for path in part.iterdir()] == [".lock"]
        other.join()
        waited = time.monotonic() - started
        assert waited < 30
        assert other.exitcode == (-9 if seconds == 60 else 0)


def test_the_key_hears_of_all_that_decides() -> None:
    config = {"method": {"lr": 1e-3}, "seed": 1}
    key = content_key(config, {"dataset": "d"})
    assert key == content_key({"seed": 1, "method": {"lr": 1e-3}}, {"dataset": "d"})
    assert len({key, content_key(config | {"seed": 2}, {"dataset": "d"}), content_key(config, {"dataset": "e"})}) == 3
    assert len(key) == 16


def test_a_checkpoint_given_as_its_folder_and_a_file_by_its_bare_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trained").mkdir()
    for name in ("trained/model.safetensors", "trained/record.json", "indices", "mnist"):
        (tmp_path / name).write_text("1", encoding="utf-8")
    config = {"checkpoint": {"path": "trained", "name": "mnist"}, "forget": {"sample": "indices"}, "dataset": ["mnist"]}
    found = files_in(config)
    assert sorted(found) == ["indices", "trained/model.safetensors"]
    (tmp_path / "trained/model.safetensors").write_text("2", encoding="utf-8")
    assert files_in(config) != found


def test_files_that_a_config_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1", encoding="utf-8")
    config = {
        "x": {"path": str(tmp_path / "a")},
        "y": [str(tmp_path / "b"), "~", "x" * 5000, 3, None],
        "z": str(tmp_path),
    }
    found = files_in(config)
    assert list(found) == [str(tmp_path / "a")]
    (tmp_path / "a").write_text("2", encoding="utf-8")
    assert files_in(config) != found
