"""Ctrl-C, the SIGTERM of batch systems, closed terminals and pipes, in real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c(environment: dict[str, str], tmp_path: Path, sent: signal.Signals) -> None:
    line = ["gsu", "unlearn", "dataset=mnist", "do=wait"]
    before = signal.signal(sent, signal.SIG_DFL)  # what started the tests may ignore it
    process = subprocess.Popen(
        line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    signal.signal(sent, before)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(sent)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.startswith("gsu: interrupted. What was finished is in outputs/unlearn/")
    assert err.count("\n") == 1


def test_a_line_interrupted_before_its_record_can_be_typed_again(in_process: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").touch()
    for _ in range(2):
        code, _, err = in_process("unlearn", "dataset=mnist", "do=interrupt", "hydra.run.dir=mine")
        assert (code, err) == (130, "gsu: interrupted. Nothing was written.\n")
    assert [path.name for path in tmp_path.rglob("mine/**/*")] == ["notes.txt"]


EARLY = """
import importlib.abc, signal, sys

class Typed(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Typed())
from gsu_cli.cli import main
sys.exit(main(["--help"]))
"""


@pytest.mark.parametrize("module", ["gsu_cli.cli.dispatch", "gsu_cli.cli.pages", "dataclasses", "gsu_cli.errors"])
def test_ctrl_c_while_the_parts_of_the_command_are_loaded(environment: dict[str, str], module: str) -> None:
    early = [sys.executable, "-c", EARLY.format(module=module)]
    found = subprocess.run(early, env=environment, capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "gsu: interrupted.\n")


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


@pytest.mark.parametrize(
    ("closed", "line", "code"),
    [
        (">&-", "--help", 0),
        (">&-", "unlearn dataset=mnist do=pages", 0),
        ("2>&-", "unlearn dataset=mnits", 2),
        ("<&- >&- 2>&-", "unlearn dataset=mnist do=pages", 0),
    ],
)
def test_streams_that_are_closed(
    environment: dict[str, str], tmp_path: Path, closed: str, line: str, code: int
) -> None:
    """As a daemon may start it: Python has no stdout then, and ``print`` alone bears that."""
    found = subprocess.run(
        ["sh", "-c", f"gsu {line} {closed}"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (found.returncode, found.stdout, found.stderr) == (code, "", "")
    for path in tmp_path.rglob("*.*"):
        assert path.is_dir() or "line 1" not in path.read_text(encoding="utf-8"), "what is printed is in no file"
