"""Ctrl-C, the SIGTERM of batch systems and closed pipes, in real processes."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c(environment: dict[str, str], tmp_path: Path, sent: signal.Signals) -> None:
    line = ["gsu", "unlearn", "dataset=mnist", "do=wait"]
    process = subprocess.Popen(
        line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(sent)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.startswith("gsu: interrupted. What was finished is in outputs/unlearn/")
    assert err.count("\n") == 1


def test_a_reader_that_has_seen_enough(environment: dict[str, str], tmp_path: Path) -> None:
    for line in ("unlearn dataset=mnist do=pages", "unlearn dataset=mnist --cfg job"):
        process = subprocess.Popen(
            ["gsu", *line.split()], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 141
        process.stderr.close()
