"""The log of a line that was interrupted before it made anything: its folder is gone when torch logs at exit."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gsu_cli.cli.log_file import LogFile


def test_a_folder_that_is_gone_is_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.Logger("of its own")
    log.addHandler(LogFile(tmp_path / "gone" / "gsu.log", delay=True))
    log.info("FakeTensor cache stats:")
    assert capsys.readouterr().err == ""
    assert not (tmp_path / "gone").exists()


def test_it_still_writes(tmp_path: Path) -> None:
    handler = LogFile(tmp_path / "gsu.log", delay=True)
    handler.handle(logging.makeLogRecord({"msg": "written"}))
    handler.close()
    assert (tmp_path / "gsu.log").read_text("utf-8") == "written\n"
