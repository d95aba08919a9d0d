"""Sweeps in processes of others: one thread each, the same folders, and what Slurm is asked for."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from gsu_cli.cli.app import App
from gsu_cli.cli.error_messages import explain

LINE = ["unlearn", "-m", "dataset=mnist", "do=nothing,bad_data"]

# a cluster of one machine: sbatch runs each task of the array at once, and sacct says that all is done
CLUSTER = {
    "sbatch": """
cp "$1" submitted.sh
for task in 0 1; do
    export SLURM_JOB_ID=$((8 + task)) SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$task SLURM_CPUS_PER_TASK=3
    export SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_JOB_NODELIST=here
    bash submitted.sh >/dev/null 2>&1 &  # it begins before its input is in place, as on a cluster
done
echo "Submitted batch job 7"
""",
    "srun": 'while [ "${1#-}" != "$1" ]; do case "$1" in --output|--error) shift;; esac; shift; done\nexec "$@"\n',
    "sacct": 'printf "JobID|State|NodeList\\n7_0|COMPLETED|here\\n7_1|COMPLETED|here\\n"\n',
    "scontrol": "echo here\n",
}


def sweep(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in environment.items() if key != "OMP_NUM_THREADS"}
    return subprocess.run(
        ["gsu", *words], cwd=folder, env=kept, capture_output=True, text=True, timeout=120, check=False
    )


def threads(folder: Path) -> list[str]:
    found = [json.loads(path.read_text()) for path in folder.glob("outputs/unlearn/sweeps/*/*/*/seed=0/record.json")]
    return [record["threads"] for record in found if "threads" in record]


@pytest.mark.parametrize(
    ("launcher", "option"),
    [("joblib", "hydra.launcher.n_jobs=2"), ("submitit_local", "hydra.launcher.timeout_min=5")],
)
def test_workers_do_not_fight_for_cores(
    launcher: str, option: str, program: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    found = sweep([*LINE, f"hydra/launcher={launcher}", option], tmp_path, environment)
    assert found.returncode == 1
    assert "gsu: 1 cell of the sweep failed." in found.stderr
    assert len(list(tmp_path.rglob("error.txt"))) == 1
    (own,) = threads(tmp_path)
    assert int(own) == max(1, (os.cpu_count() or 1) // 2 if launcher == "joblib" else 1)


@pytest.mark.slow
def test_ray(program: Path, environment: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    words = [*LINE, "hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"]
    found = sweep(words, tmp_path, environment)
    assert found.returncode == 1, found.stderr
    assert "gsu: 1 cell of the sweep failed." in found.stderr
    assert len(list(tmp_path.rglob("error.txt"))) == 1
    assert threads(tmp_path) == ["1"]


def test_slurm(program: Path, environment: dict[str, str], tmp_path: Path) -> None:
    for name, text in CLUSTER.items():
        (program.parent / name).write_text(f"#!/bin/bash\n{text}", encoding="utf-8")
        (program.parent / name).chmod(0o755)
    asked = ["partition=short", "cpus_per_task=3", "mem_gb=4", "timeout_min=90", "array_parallelism=2"]
    words = [*LINE, "hydra/launcher=submitit_slurm", *(f"hydra.launcher.{word}" for word in asked)]
    found = sweep(words, tmp_path, environment)
    assert "gsu: 1 cell of the sweep failed." in found.stderr, found.stderr
    assert found.returncode == 1
    script = (tmp_path / "submitted.sh").read_text()
    for line in ("partition=short", "cpus-per-task=3", "mem=4GB", "time=90", "array=0-1%2", "job-name=unlearn"):
        assert f"#SBATCH --{line}\n" in script
    assert threads(tmp_path) == ["3"], "as many as Slurm gave"


@pytest.mark.parametrize(
    ("word", "extra"),
    [
        ("hydra/launcher=joblib", "joblib"),
        ("hydra/launcher=submitit_slurm", "submitit"),
        ("hydra/launcher=ray", "ray"),
        ("hydra/sweeper=optuna", "optuna"),
    ],
)
def test_a_plugin_that_is_not_installed(word: str, extra: str, app: App) -> None:
    from hydra.errors import MissingConfigException

    group, _, choice = word.partition("=")
    error = MissingConfigException(f"Could not find '{group}/{choice}'", f"{group}/{choice}", ["basic"])
    assert explain(error, app).sentence == (
        f"`{word}` needs a package that is optional; found none. Type pip install 'gsu-cli[{extra}]'"
    )


@pytest.mark.parametrize(
    ("launcher", "found"),
    [
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], "one that was killed (SIGKILL), and joblib ended"),
        (["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"], "which was killed. Look at "),
    ],
)
def test_a_worker_that_is_killed_is_told_and_its_record_says_failed(
    launcher: list[str], found: str, program: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    done = sweep([*LINE[:-1], "do=killed,nothing", *launcher], tmp_path, environment)
    assert done.returncode == 1
    assert f"gsu: the processes of a sweep must live until its cells are done; found {found}"[:70] in done.stderr
    assert found in done.stderr
    (cell,) = tmp_path.rglob("*do=killed/seed=0/record.json")
    record = json.loads(cell.read_text())
    assert record["status"] == "failed"
    assert record["error"].startswith("ProcessError: the processes of a sweep must live")
