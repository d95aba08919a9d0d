"""Standard output or error on a full disk: one sentence and the exit code, and no complaint of Python's as it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
SENTENCE = "gsu: the disk must have room for what is printed; found none left at standard output. Free space or send it"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_output(unbuffered: str) -> None:
    with FULL.open("w") as full:
        done = _gsu("--help", stdout=full, stderr=subprocess.PIPE, unbuffered=unbuffered)
    assert done.returncode == 1
    assert done.stderr.startswith(SENTENCE)
    assert done.stderr.count("\n") == 1


def test_standard_error() -> None:
    with FULL.open("w") as full:
        assert _gsu("nonsense", stdout=subprocess.PIPE, stderr=full).returncode == 2


def _gsu(word: str, *, stdout: object, stderr: object, unbuffered: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gsu_cli.cli", word],
        stdout=stdout,  # type: ignore[call-overload]
        stderr=stderr,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        timeout=60,
    )
