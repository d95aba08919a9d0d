"""What lies below a line: a working directory, words that are text, packages that load. Each is one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gsu_cli.cli.broken_packages import as_library_error

LINE = [sys.executable, "-m", "gsu_cli.cli", "show"]
NOT_THERE = "import ctypes\nctypes.CDLL('libnot_there.so.3')\n"
NO_ROOM = "raise ImportError('libtorch_cuda.so: failed to map segment from shared object')\n"


def test_a_working_directory_that_was_removed(environment: dict[str, str], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    shell = f"cd {gone}; rmdir {gone}; exec {' '.join(LINE)}"
    typed = subprocess.run(["sh", "-c", shell], env=environment, capture_output=True, text=True, check=False)
    said = "gsu: the working directory must exist; found one that was removed. Move to another one with cd.\n"
    assert (typed.returncode, typed.stdout, typed.stderr) == (1, "", said)


def test_a_word_that_is_no_text(gsu: Callable[..., Any]) -> None:
    typed = gsu("train", os.fsdecode(b"dataset.path=gr\xf6sse"))
    assert typed.returncode == 2
    assert "every word must be text in the locale's encoding; found dataset.path=gr\\udcf6sse. Set " in typed.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ImportError('no such symbol')", "ImportError: no such symbol, from torch. Install it again: "),
        ("import no_such_one", "No module named 'no_such_one', from torch. Install it again: "),
        (NO_ROOM, "failed to map segment from shared object, from torch. Raise the limit on memory: ulimit -v"),
        (NOT_THERE, "found OSError: libnot_there.so.3: cannot open shared object file"),
    ],
)
def test_a_package_that_does_not_load(environment: dict[str, str], tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text(source, "utf-8")
    path = os.pathsep.join([str(tmp_path), environment.get("PYTHONPATH", "")])
    line = [*LINE[:-1], "train", "dataset=mnist"]
    typed = subprocess.run(
        line, env={**environment, "PYTHONPATH": path}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert typed.returncode == 1, typed.stderr
    assert "Traceback" not in typed.stderr
    assert "gsu: the packages that gsu needs must load; found " in typed.stderr
    assert said in typed.stderr
    assert not (tmp_path / "outputs").exists()


def test_an_import_within_gsu_that_fails_is_a_defect() -> None:
    for error in (ModuleNotFoundError("no", name="gsu_cli.nowhere"), ValueError("no"), OSError(2, "no")):
        assert as_library_error(error) is None
