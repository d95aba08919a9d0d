"""torchrun inside a cell: jobs of a launcher, each of which starts two processes that share one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

SEEDS = (1, 2)
TRAIN = ["train", "dataset=mnist", "dataset.download=false", "model.hidden=[8]", "training.epochs=1", "device=cpu"]


def cell(folder: Path, seed: int) -> list[str]:
    """The line of one job, as docs/cluster.md has it."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return [*torchrun, "-m", "gsu_cli.cli", *TRAIN, f"seed={seed}", f"hydra.run.dir={folder}/{seed}"]


def by_submitit(lines: Sequence[list[str]], folder: Path) -> None:
    """An array of jobs, each in a process that submitit starts and waits for, as on a node of a cluster."""
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(folder=folder / "logs", cluster="local")
    executor.update_parameters(timeout_min=10)
    with executor.batch():
        jobs = [executor.submit(submitit.helpers.CommandFunction(line, verbose=False)) for line in lines]
    for job in jobs:
        job.result()


def by_joblib(lines: Sequence[list[str]], folder: Path) -> None:
    """Workers that joblib keeps, one line after the other in each."""
    joblib = pytest.importorskip("joblib")
    calls = (joblib.delayed(subprocess.run)(line, check=True, capture_output=True) for line in lines)
    joblib.Parallel(n_jobs=2)(calls)


@pytest.mark.slow
@pytest.mark.parametrize("launch", [by_submitit, by_joblib])
def test_each_cell_is_a_run_that_two_processes_share(
    launch: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GSU_DATA_DIR", str(tmp_path / "no data here"))
    monkeypatch.chdir(tmp_path)
    assert callable(launch)
    launch([cell(tmp_path / "runs", seed) for seed in SEEDS], tmp_path)
    records = [json.loads((tmp_path / f"runs/{seed}/record.json").read_text()) for seed in SEEDS]
    assert [r["status"] for r in records] == ["done", "done"]
    assert [r["device"]["processes"] for r in records] == [2, 2]
    assert [r["seeds"]["train"] for r in records] == list(SEEDS)
    weights = [r["outputs"]["model"]["sha256"] for r in records]
    assert weights[0] != weights[1]
    alone = subprocess.run(cell(tmp_path / "again", 1), capture_output=True, env=dict(os.environ), check=False)
    assert alone.returncode == 0, alone.stderr
    again = json.loads((tmp_path / "again/1/record.json").read_text())
    assert again["outputs"]["model"]["sha256"] == weights[0], "a launcher changes no weight"
