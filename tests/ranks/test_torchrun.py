"""Lines under torchrun: one record and one voice, and an end that is told once when a process goes first."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

DIGITS = ["dataset=mnist", "dataset.download=false"]
UNLEARN = ["unlearn", *DIGITS, "forget.class=1", "evaluation.samples=2100"]
LOST = "gsu: all processes must live until the work is done; found one that ended"


def words(n: int, *line: str) -> list[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}"]
    return [*torchrun, "-m", "gsu_cli.cli", *line] if n else [sys.executable, "-m", "gsu_cli.cli", *line]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder), "OMP_NUM_THREADS": "1"}


def run(n: int, *line: str, cwd: Path) -> tuple[int, list[str]]:
    """Exit code, and what gsu said on either stream; ``n`` 0 is a plain line."""
    scratch = cwd / "scratch"
    scratch.mkdir(exist_ok=True)
    done = subprocess.run(
        words(n, *line), cwd=cwd, env=environment(scratch), capture_output=True, text=True, timeout=500
    )
    assert not list(scratch.glob("gsu-*"))  # folders of the silent ones
    return done.returncode, [text for text in (done.stdout + done.stderr).splitlines() if "torch" not in text]


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return found


@pytest.mark.slow
def test_unlearning_and_measuring_again_is_one_process_s_to_the_bit(tmp_path: Path) -> None:
    for n, folder in ((0, "alone"), (3, "shared")):
        code, said = run(n, *UNLEARN, f"hydra.run.dir={folder}", cwd=tmp_path)
        assert code == 0, said
        assert sum("Forgot class 1" in line for line in said) == 1
    code, said = run(2, "evaluate", "run=alone", "hydra.run.dir=again", cwd=tmp_path)
    assert code == 0, said
    alone, shared, again = (record(tmp_path / folder) for folder in ("alone", "shared", "again"))
    for field in ("outputs", "update", "measurements", "judges", "transitions", "verdict"):
        assert shared[field] == alone[field]
    assert again["measurements"] == alone["measurements"]
    assert [r["device"]["processes"] for r in (alone, shared, again)] == [1, 3, 2]
    assert {p.name for p in (tmp_path / "shared").iterdir()} == {p.name for p in (tmp_path / "alone").iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_dies(victim: int, tmp_path: Path) -> None:
    line = words(2, "train", *DIGITS, "training.epochs=500", "hydra.run.dir=run")
    (tmp_path / "scratch").mkdir()
    with subprocess.Popen(
        line, cwd=tmp_path, env=environment(tmp_path / "scratch"), stderr=subprocess.PIPE, text=True
    ) as torchrun:
        until = time.monotonic() + 200
        while not (tmp_path / "run" / "state.safetensors").exists():
            assert time.monotonic() < until
            assert torchrun.poll() is None
            time.sleep(0.2)
        os.kill(_child(torchrun.pid, victim), signal.SIGKILL)
        _, err = torchrun.communicate(timeout=200)
    assert torchrun.returncode != 0
    assert err.count("gsu:") == 1
    assert LOST in err
    assert record(tmp_path / "run")["status"] == "failed"


def _child(parent: int, rank: int) -> int:
    """The process of a rank, among the children of torchrun."""
    for one in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if f"RANK={rank}".encode() in Path(f"/proc/{one}/environ").read_bytes().split(b"\0"):
            return int(one)
    raise AssertionError("no such process")


MINE = """
import os
from gsu_cli.errors import DataError

class Mine:
    name = "mine"
    knob = None

    def __call__(self, task):
        if os.environ["RANK"] == "1":
            raise DataError("the disk of this machine must hold out", found="rust")
        from gsu_cli.gradients import mean_loss
        for seed in range(10_000):
            mean_loss(task.model, task.split.retain_images, seed=seed)
"""


@pytest.mark.slow
def test_an_error_of_one_reaches_the_user_once(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    code, said = run(2, *UNLEARN, "method._target_=mine.Mine", "hydra.run.dir=run", cwd=tmp_path)
    assert code != 0
    gsu = [line for line in said if line.startswith("gsu:")]
    assert gsu == ["gsu: process 2 of 2: the disk of this machine must hold out; found rust."]
    assert record(tmp_path / "run")["status"] == "failed"
    code, said = run(2, "unlearn", *DIGITS, "forget.class=77", cwd=tmp_path)
    assert [line for line in said if line.startswith("gsu:")] == [
        "gsu: `forget.class` must be one of 0..9 for mnist; found 77."
    ]


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("second_of_two")
def test_many_runs_are_not_shared(type_line: Any, tmp_path: Path) -> None:
    for line, what in ((["unlearn", "-m", "forget.class=1,2"], "a sweep"), (["reproduce"], "`gsu reproduce`")):
        typed = type_line(*line, cwd=tmp_path)
        assert typed.code == 2
        assert typed.err.startswith(
            f"gsu: a line under torchrun must be one run, which its processes share, and {what} is many."
        )
    assert type_line("show", "methods", cwd=tmp_path).code == 0
    assert type_line("unlearn", "--cfg", "job", "dataset=mnist", cwd=tmp_path).code == 0


@pytest.mark.usefixtures("second_of_two")
def test_an_audit_that_is_not_shared_says_so(type_line: Any, tmp_path: Path) -> None:
    typed = type_line("audit", "run=nowhere", cwd=tmp_path)
    note, refused = typed.err.splitlines()
    assert note == "NOTE  `gsu audit` computes in one process: the other that torchrun started has ended"
    assert refused.startswith("gsu: ")
    assert "NOTE" not in type_line("audit", "--cfg", "job", "run=nowhere", cwd=tmp_path).err
