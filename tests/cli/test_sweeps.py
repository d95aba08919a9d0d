"""A failing cell does not stop the others, in this process or in workers; the sweep fails at the end."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gsu_cli.errors import OutputError
from gsu_cli.run.record import read_record

Run = Callable[..., tuple[int, str, str]]


def cells(root: Path) -> dict[str, int]:
    """Name of each cell that worked -> the process that wrote its record. All are in one sweep."""
    found = sorted(root.glob("outputs/unlearn/sweeps/*/*/**/record.json"))
    assert len({path.relative_to(root).parts[:5] for path in found}) == 1
    records = {"/".join(path.relative_to(root).parts[5:-1]): json.loads(path.read_text("utf-8")) for path in found}
    return {name: record["pid"] for name, record in records.items() if record.get("status") != "failed"}


def test_one_folder_per_cell(in_process: Run, tmp_path: Path) -> None:
    code, out, err = in_process("unlearn", "-m", "dataset=mnist", "method.lr=1e-5,1e-4", "seed=0,1")
    lrs = ("1e-05", "0.0001")
    begun = [f"run {2 * i + k + 1} of 4: method.lr={lr} seed={k}" for i, lr in enumerate(lrs) for k in (0, 1)]
    assert (code, [line for line in out.splitlines() if line], err) == (0, [*begun, "sweep of 4 cells"], "")
    assert set(cells(tmp_path)) == {f"dataset=mnist,method.lr={lr}/seed={k}" for lr in lrs for k in (0, 1)}


@pytest.mark.parametrize("batch", ["", "hydra.sweeper.max_batch_size=1"])
def test_one_failing_cell(in_process: Run, tmp_path: Path, batch: str) -> None:
    line = ["unlearn", "-m", "dataset=mnist", "do=nothing,bad_data,defect,exit,something", *filter(None, [batch])]
    code, out, err = in_process(*line)
    assert code == 1
    assert out.endswith("\nrun 5 of 5: do=something\nsweep of 5 cells\n"), "what was swept alone, not what all share"
    assert "gsu: cell do=bad_data: `dataset.path` must hold images; found nothing." in err
    assert "Traceback" in err, "the defect"
    assert err.splitlines()[-1].startswith(
        "gsu: 3 cells of the sweep failed. See .hydra/error.txt in each cell's folder below outputs/"
    )
    assert set(cells(tmp_path)) == {"dataset=mnist,do=nothing/seed=0", "dataset=mnist,do=something/seed=0"}
    (noted,) = tmp_path.rglob("*do=bad_data/seed=0/.hydra/error.txt")
    assert noted.read_text(encoding="utf-8").startswith("`dataset.path` must hold images")
    record = read_record(noted.parents[1])
    assert (record.verb, record.status) == ("unlearn", "failed")
    assert record.error == "DataError: `dataset.path` must hold images; found nothing. Choose another."
    assert record.command == ["gsu", "unlearn", "dataset=mnist", "do=bad_data"]


@pytest.mark.parametrize("folder", ["", "hydra.sweep.dir=mine", "hydra.sweep.dir=new/er"])
def test_a_sweep_of_which_every_cell_is_refused_leaves_nothing(in_process: Run, tmp_path: Path, folder: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/slurm-1.out").write_text("of the scheduler", encoding="utf-8")
    before = set(tmp_path.rglob("*"))
    code, out, err = in_process("unlearn", "-m", "dataset=mnist", "do=bad_data", "seed=0,1", *filter(None, [folder]))
    assert (code, out) == (1, "\nrun 1 of 2: seed=0\n\nrun 2 of 2: seed=1\n")
    assert err.count("`dataset.path` must hold images; found nothing. Choose another.") == 2
    assert err.splitlines()[-1] == (
        "gsu: one cell of a sweep at least must run; found all 2 refused. "
        "Mend what the lines above say; nothing is left of them."
    )
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("do", ["defect", "exit", "bad_data,defect", "bad_data,nothing"])
def test_a_sweep_that_did_more_than_refuse_is_kept(in_process: Run, tmp_path: Path, do: str) -> None:
    assert in_process("unlearn", "-m", "dataset=mnist", f"do={do}", "seed=0,1")[0] == 1
    assert len(list(tmp_path.rglob("record.json"))) == 2 * len(do.split(","))


@pytest.mark.parametrize("how", ["interrupt", "interrupt_hidden"])
def test_interrupt_ends_a_sweep_and_prints_what_there_is(in_process: Run, tmp_path: Path, how: str) -> None:
    code, out, err = in_process("unlearn", "-m", "dataset=mnist", f"do=nothing,{how},nothing_else")
    assert code == 130
    assert out.endswith("sweep of 2 cells\n")
    assert re.match(r"gsu: interrupted\. What was finished is in outputs/unlearn/sweeps/\S+\. Typed again, ", err)
    assert err.endswith("a table goes on (`gsu show docs/reproduce.md`).\n"), "how to skip what is done stood nowhere"
    assert set(cells(tmp_path)) == {"dataset=mnist,do=nothing/seed=0"}


def test_a_named_sweep_folder_takes_one_sweep(in_process: Run) -> None:
    line = ["unlearn", "-m", "dataset=mnist", "seed=0,1", "hydra.sweep.dir=mine"]
    assert in_process(*line)[0] == 0
    code, _, err = in_process(*line)
    assert code == 2
    assert "must not hold another run; found mine" in err


def test_a_range_of_floats_says_what_it_runs(in_process: Run) -> None:
    code, _, err = in_process("unlearn", "-m", "dataset=mnist", "method.lr=range(0.1,0.4,0.1)")
    assert code == 0
    assert "method.lr=range(0.1,0.4,0.1) runs 0.1, 0.2, 0.30000000000000004, 0.4; 0.4 was to be left out." in err
    assert err.count("\n") == 1
    assert in_process("unlearn", "-m", "dataset=mnist", "method.shots=range(1,3)")[2] == ""
    assert in_process("unlearn", "-m", "dataset=mnist", "method.lr=range(0.5,2,0.5)")[2] == ""


def test_two_cells_never_share_a_folder(in_process: Run, tmp_path: Path) -> None:
    code, _, err = in_process("unlearn", "-m", "dataset=mnist", "seed=0,1", "hydra.sweep.subdir=same")
    assert code == 1
    assert "each cell of a sweep must have a folder of its own; found a record in " in err
    assert len(list(tmp_path.rglob("record.json"))) == 1


def test_experiment_files_may_sweep(in_process: Run, app_experiment: None, tmp_path: Path) -> None:
    code, out, _ = in_process("unlearn", "dataset=mnist", "+experiment=two_seeds")
    assert code == 0
    assert [line for line in out.splitlines() if line] == [
        "run 1 of 2: seed=3",
        "run 2 of 2: seed=4",
        "sweep of 2 cells",
    ]


@pytest.fixture
def app_experiment(app: object, tmp_path: Path) -> None:
    """An experiment file that sweeps by itself, as the tables of a paper do."""
    (tmp_path / "conf/experiment").mkdir()
    text = "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      seed: 3,4\n"
    (tmp_path / "conf/experiment/two_seeds.yaml").write_text(text, encoding="utf-8")


def test_cells_in_two_processes(gsu: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    line = ["unlearn", "-m", "dataset=mnist", "do=nothing,bad_data", "seed=0,1", "hydra/launcher=joblib"]
    found = gsu(*line, "hydra.launcher.n_jobs=2")
    assert found.returncode == 1
    assert found.stdout == "sweep of 4 cells\n"
    assert "gsu: 2 cells of the sweep failed." in found.stderr
    assert set(cells(tmp_path)) == {"dataset=mnist,do=nothing/seed=0", "dataset=mnist,do=nothing/seed=1"}
    assert len(list(tmp_path.rglob("error.txt"))) == 2


def test_a_cell_is_called_by_what_not_all_share_and_its_record_comes_first(
    in_process: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OutputError(f"{path} must be writable", found="the disk is full")

    monkeypatch.setattr("gsu_cli.cli.job.write_text", full)
    line = ["unlearn", "-m", "dataset=mnist", "method.lr=1e-3", "do=nothing,bad_data"]
    _, _, err = in_process(*line)
    assert "gsu: cell do=bad_data: `dataset.path` must hold images; found nothing." in err
    assert "could not be noted" in err
    (folder,) = tmp_path.rglob("*do=bad_data/seed=0")
    assert read_record(folder).status == "failed"
