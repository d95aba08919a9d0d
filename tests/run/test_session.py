"""A session: the record says how the run ended, and never stands before the error that ended it."""

# ruff: noqa: PT012  # what happens inside a session is the subject
from __future__ import annotations

import json
import shutil
import time
from math import nan
from pathlib import Path

import pytest

from gsu_cli.errors import CheckpointError, DataError, GsuError, NonFiniteError, OutputError, UsageError
from gsu_cli.run.record import FILE, Record, read_record
from gsu_cli.run.session import Session


def session(folder: Path, **config: object) -> Session:
    return Session(folder, "train", config={"x": 1, **config}, command=["gsu", "train"], seeds={"train": 0})


def test_running_then_done(tmp_path: Path) -> None:
    with session(tmp_path) as s:
        running = read_record(tmp_path)
        assert (running.status, running.error, running.verb) == ("running", None, "train")
        assert running.started
        assert running.versions["torch"]
        s.record.outputs["model"] = {"path": "x"}
    done = read_record(tmp_path)
    assert (done.status, done.error, done.outputs) == ("done", None, {"model": {"path": "x"}})
    assert done.seconds["total"] >= 0
    assert done.peak_memory_mb is not None
    assert done.peak_memory_mb > 10


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_run_whose_results_are_written_is_done_though_nobody_reads_what_it_prints(
    tmp_path: Path, error: BaseException
) -> None:
    """``gsu train ... | head`` trained a model and called it failed, so no table showed it."""
    with pytest.raises(type(error)), session(tmp_path) as s:
        s.record.outputs["model"] = {"path": "x"}
        s.complete()
        raise error
    done = read_record(tmp_path)
    assert (done.status, done.error, done.outputs) == ("done", None, {"model": {"path": "x"}})


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (UsageError("`x` must be 1", found=2), "failed", "UsageError: `x` must be 1; found 2."),
        (ValueError("odd"), "failed", "ValueError: odd"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
        (SystemExit(3), "failed", "SystemExit: 3"),
    ],
)
def test_errors_pass_through_and_are_recorded(tmp_path: Path, error: BaseException, status: str, text: str) -> None:
    with pytest.raises(type(error)) as caught, session(tmp_path) as s:
        s.record.training["losses"] = [1.0]
        raise error
    assert caught.value is error
    record = read_record(tmp_path)
    assert (record.status, record.error) == (status, text)
    assert record.training == {"losses": [1.0]}, "what was done so far"


def test_a_refused_line_leaves_the_record_of_the_run_that_it_would_resume(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), session(tmp_path):
        raise KeyboardInterrupt
    before = (tmp_path / "record.json").read_bytes()
    with pytest.raises(UsageError), session(tmp_path, x=2):
        assert read_record(tmp_path).status == "running"
        raise UsageError("`x` must be 1", found=2)
    assert (tmp_path / "record.json").read_bytes() == before
    with pytest.raises(ValueError, match="odd"), session(tmp_path):
        raise ValueError("odd")
    assert read_record(tmp_path).status == "failed"


def test_stages_add_up_also_when_they_fail(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="odd"), session(tmp_path) as s:
        for _ in range(2):
            with s.stage("step"):
                time.sleep(0.02)
        with s.stage("load"):
            pass
        with s.stage("broken"):
            time.sleep(0.02)
            raise ValueError("odd")
    seconds = read_record(tmp_path).seconds
    assert seconds["step"] >= 0.04
    assert seconds["broken"] >= 0.02
    assert seconds["load"] < 0.02
    assert seconds["total"] >= seconds["step"] + seconds["load"] + seconds["broken"]


def test_a_folder_that_vanished_is_made_again(tmp_path: Path) -> None:
    with session(tmp_path / "run"):
        shutil.rmtree(tmp_path / "run")
    assert read_record(tmp_path / "run").status == "done"


def test_an_unwritable_record_does_not_hide_the_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="the reason"), session(tmp_path / "run"):
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "run").write_text("a file in its place")
        raise ValueError("the reason")
    assert "record.json could not say how the run ended" in caplog.text


def test_an_unwritable_record_is_an_error_of_a_run_that_has_no_other(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="must be writable"), session(tmp_path / "run"):
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "run").write_text("a file in its place")


def test_a_folder_that_cannot_be_made_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="must be writable"), session(tmp_path / "file" / "run"):
        pytest.fail("it started")


def test_a_run_with_a_number_that_is_none_has_failed(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError, match=r"found nan at `update\.cosine`"), session(tmp_path) as s:
        s.record.update = {"cosine": nan, "shots": 1}
    record = read_record(tmp_path)
    assert (record.status, record.update) == ("failed", {"cosine": None, "shots": 1})
    assert record.error is not None
    assert "update.cosine" in record.error


def test_a_failed_run_is_recorded_whatever_it_holds(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="diverged"), session(tmp_path) as s:
        s.record.training = {"losses": [2.0, nan]}
        raise ValueError("diverged")
    record = read_record(tmp_path)
    assert (record.error, record.training) == ("ValueError: diverged", {"losses": [2.0, None]})


def test_a_config_with_nan_starts_so_that_its_owner_can_refuse_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError), session(tmp_path, lr=nan):
        raise UsageError("`method.lr` must be a finite number > 0", found=nan)
    assert read_record(tmp_path).config == {"x": 1, "lr": "nan"}


def test_the_file_has_every_field(tmp_path: Path) -> None:
    with session(tmp_path):
        pass
    assert set(json.loads((tmp_path / FILE).read_text())) == set(vars(Record("train")))


@pytest.mark.parametrize("kind", [UsageError, DataError, CheckpointError])
def test_a_refused_line_leaves_the_record_of_the_run_before(tmp_path: Path, kind: type[GsuError]) -> None:
    with session(tmp_path) as s:
        s.record.notes.append("of the run before")
    with pytest.raises(kind), session(tmp_path):
        raise kind("a folder must be there")
    assert read_record(tmp_path).notes == ["of the run before"]
