"""What a real bash offers after Tab: the function called with the variables bash sets, and once through readline."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from gsu_cli.cli import completion

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="completion is tested through a real bash")

TABLE = [
    ("gsu un", ["unlearn "]),
    ("gsu t", ["train "]),
    ("gsu ", ["train ", "unlearn ", "evaluate ", "audit ", "reproduce ", "report ", "show ", "help "]),
    ("gsu help e", ["evaluate "]),
    ("gsu unlearn me", ["method="]),
    ("gsu unlearn dataset=mnist me", ["method=", "method."]),  # with all groups chosen, the keys are known too
    ("gsu unlearn method=", ["ascent ", "fisher_exact ", "fisher_surgery "]),
    ("gsu unlearn method=fisher_s", ["fisher_surgery "]),
    ("gsu unlearn dataset=mnist method.l", ["method.lr="]),
    ("gsu unlearn dataset=mnist method=fisher_surgery method.b", ["method.budget="]),
    ("gsu unlearn dataset=mnist --cfg job method=fisher_surgery method.b", ["method.budget="]),
    ("gsu unlearn -m data", ["dataset="]),
    ("gsu unlearn --mul", ["--multirun "]),
    ("gsu unlearn --cfg ", ["job ", "hydra ", "all "]),
    ("gsu unlearn hydra/launcher=bas", ["basic "]),
    ("gsu unlaern me", []),
    ("gsu unlearn --nonsense me", []),
]

# bash splits the line at COMP_WORDBREAKS; our function reads only COMP_LINE and COMP_POINT, as the table checks
CALL = (
    completion.script(["bash"])
    + """
COMP_LINE=$1 COMP_POINT=$2
_gsu_complete gsu
printf '%s\\n' "${COMPREPLY[@]}"
"""
)


def offered(line: str, point: int, environment: dict[str, str], cwd: Path) -> list[str]:
    found = subprocess.run(
        ["bash", "--norc", "-c", CALL, "bash", line, str(point)],
        env=environment, cwd=cwd, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert found.stderr == ""
    return [answer for answer in found.stdout.split("\n") if answer]


@pytest.mark.parametrize(("line", "answers"), TABLE)
def test_table(line: str, answers: list[str], environment: dict[str, str], tmp_path: Path) -> None:
    assert sorted(offered(line, len(line), environment, tmp_path)) == sorted(answers)
    assert not (tmp_path / "outputs").exists()


def test_only_what_is_left_of_the_cursor_counts(environment: dict[str, str], tmp_path: Path) -> None:
    assert offered("gsu un dataset=mnist", len("gsu un"), environment, tmp_path) == ["unlearn "]


def test_through_readline(environment: dict[str, str], tmp_path: Path) -> None:
    """Type a line with tabs at a prompt; what runs is the completed line."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment | {"TERM": "dumb", "PS1": "$ "})
    try:
        os.write(terminal, b'eval "$(gsu --completion bash)"\n')
        os.write(terminal, b"gsu unl\tdataset=mni\tmethod=fisher_s\t--cfg job -p method\n")
        assert b"budget: 0.01" in _read_until(terminal, b"budget: 0.01")
    finally:
        os.write(terminal, b"\x03exit\n")
        os.close(terminal)
        os.waitpid(process, 0)


def _read_until(terminal: int, wanted: bytes, seconds: float = 120) -> bytes:
    seen, deadline = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536)
    return seen
