"""One folder per run, under whatever circumstances."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from forked import Forked
from gsu_cli.errors import OutputError
from gsu_cli.run.cells import LONGEST_CELL, cell_name
from gsu_cli.run.folders import cache_dir, claim, measured_dir

Run = Callable[..., tuple[int, str, str]]


def runs(root: Path) -> list[str]:
    """Every folder with a record, relative to `root`."""
    return sorted(str(path.parent.relative_to(root)) for path in root.rglob("record.json"))


def test_a_run(in_process: Run, tmp_path: Path) -> None:
    assert in_process("unlearn", "dataset=mnist")[0] == 0
    (found,) = runs(tmp_path)
    assert re.fullmatch(r"outputs/unlearn/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d", found)
    assert sorted(path.name for path in (tmp_path / found).iterdir()) == [".hydra", "record.json"]


def test_a_full_disk_names_the_setting_that_chose_the_folder(in_process: Run, tmp_path: Path) -> None:
    for words, key in (("hydra.run.dir=here", "hydra.run.dir"), ("paths.output_dir=results", "paths.output_dir")):
        code, _, err = in_process("unlearn", "dataset=mnist", words, "do=full_below")
        assert code == 1
        assert err.endswith(f"Free space or choose another folder with {key}=FOLDER\n"), err


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_link_that_leads_nowhere_is_no_other_run(in_process: Run, tmp_path: Path, below: str) -> None:
    (tmp_path / "link").symlink_to("gone")
    code, _, err = in_process("unlearn", "dataset=mnist", f"hydra.run.dir=link{below}")
    assert (code, err.count("\n")) == (1, 1), err
    assert "a link to gone, which is not there" in err


def test_a_full_disk_that_python_does_not_name_is_that_of_the_run(in_process: Run, tmp_path: Path) -> None:
    code, _, err = in_process("unlearn", "dataset=mnist", "hydra.run.dir=here", "do=full_somewhere")
    assert (code, err) == (
        1,
        "gsu: the disk must have room for the results; found none left at here. Free space or choose another folder "
        "with hydra.run.dir=FOLDER\n",
    )


def test_a_refused_line_leaves_no_folder_but_a_failure_leaves_its_record(in_process: Run, tmp_path: Path) -> None:
    assert in_process("unlearn", "dataset=mnist", "do=refused")[0] == 2
    assert runs(tmp_path) == []
    assert in_process("unlearn", "dataset=mnist", "do=refused_with_results")[0] == 2
    assert len(runs(tmp_path)) == 1, "something was made"
    assert in_process("unlearn", "dataset=mnist", "do=failed")[0] == 1
    assert in_process("unlearn", "dataset=mnist", "do=inapplicable")[0] == 2
    assert len(runs(tmp_path)) == 3


def test_root_of_outputs(in_process: Run, tmp_path: Path) -> None:
    assert in_process("unlearn", "dataset=mnist", "paths.output_dir='my results/here'")[0] == 0
    assert runs(tmp_path)[0].startswith("my results/here/unlearn/")


@pytest.mark.parametrize(
    "line", ["--cfg all", "--cfg job --resolve", "--info", "--help", "--hydra-help", "method=nope"]
)
def test_looking_creates_nothing(in_process: Run, tmp_path: Path, line: str) -> None:
    in_process("unlearn", "dataset=mnist", *line.split())
    assert not (tmp_path / "outputs").exists()


def test_listing_creates_nothing(in_process: Run, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    assert in_process("show")[0] == 0
    assert set(tmp_path.rglob("*")) == before


def test_same_name_wanted_one_after_the_other(in_process: Run, tmp_path: Path) -> None:
    for _ in range(3):
        assert in_process("train")[0] == 0
    assert runs(tmp_path) == ["outputs/same", "outputs/same-2", "outputs/same-3"]


def test_four_processes_at_once(in_process: Run, tmp_path: Path) -> None:
    started = [Forked(lambda: in_process("train")[0], tmp_path, tmp_path) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    assert runs(tmp_path) == ["outputs/same", "outputs/same-2", "outputs/same-3", "outputs/same-4"]


def test_claims_race_for_one_name(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(claim, [tmp_path / "12-00-00"] * 200))
    assert len(set(names)) == 200


def test_claim_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match=r"must be writable; found .*file"):
        claim(tmp_path / "file" / "below")


def test_a_named_folder_takes_one_run(in_process: Run, tmp_path: Path) -> None:
    line = ["unlearn", "dataset=mnist", "hydra.run.dir=mine"]
    assert in_process(*line)[0] == 0
    (tmp_path / "mine/.hydra/config.yaml").write_text("untouched", encoding="utf-8")
    code, _, err = in_process(*line)
    assert (code, err.count("\n")) == (2, 1)
    assert "the output folder must not hold another run; found mine." in err
    assert (tmp_path / "mine/.hydra/config.yaml").read_text(encoding="utf-8") == "untouched"
    assert in_process(*line, "resume=true")[0] == 0


def test_a_named_folder_survives_a_refused_line(in_process: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert in_process("unlearn", "dataset=folder", "hydra.run.dir=mine")[0] == 2
    assert (tmp_path / "mine").is_dir()


@pytest.mark.parametrize("name", ["model.safetensors", "summary.md", "samples.png", "gsu.log", "RECORDS.JSON"])
def test_what_somebody_left_in_a_named_folder_is_not_overwritten(in_process: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("my own", encoding="utf-8")
    (tmp_path / "mine" / "slurm-1.out").write_text("of the scheduler", encoding="utf-8")
    code, _, err = in_process("train", "hydra.run.dir=mine")
    assert (code, err.count("\n")) == (2, 1)
    assert f"must hold no files that a run may overwrite; found {name} in mine. Name another folder" in err
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == sorted([name, "slurm-1.out"])
    assert (tmp_path / "mine" / name).read_text(encoding="utf-8") == "my own"


def test_a_folder_with_other_things_takes_a_run(in_process: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "slurm-1.out").write_text("of the scheduler", encoding="utf-8")
    assert in_process("train", "hydra.run.dir=mine")[0] == 0
    assert (tmp_path / "mine" / "slurm-1.out").read_text(encoding="utf-8") == "of the scheduler"


@pytest.mark.parametrize("above", ["", "there/"])
def test_a_refused_line_leaves_no_empty_folders_above_its_own(in_process: Run, tmp_path: Path, above: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "kept").touch()
    before = set(tmp_path.rglob("*"))
    for line in ("dataset=folder", f"hydra.run.dir={above}new/a/b dataset=folder"):
        assert in_process("unlearn", *line.split())[0] == 2
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "seed=0"),
        (["seed=3"], "seed=0"),
        (["+seed=3", "a=1"], "a=1/seed=0"),
        (["method=ascent", "method.lr=1e-5"], "method=ascent,method.lr=1e-5/seed=0"),
    ],
)
def test_cell_names(overrides: list[str], name: str) -> None:
    assert cell_name(overrides, 0) == name


def test_cell_names_are_short_plain_and_distinct() -> None:
    values = ["a/b", "a_b", "'a b'", "$(rm x)", "[1]", "1", "../..", "ä", "x" * 300, "x" * 301]
    odd = [[f"p={value}"] for value in values] + [["~p"]]
    names = [cell_name(overrides, 0) for overrides in odd]
    assert len(set(names)) == len(odd)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9._=,+-]+/seed=0", name)
        assert len(name) <= LONGEST_CELL + len("/seed=0")


def test_cache_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_dir() == "/elsewhere/gsu"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_dir() == "/home/somebody/.cache/gsu"
    monkeypatch.delenv("GSU_MEASURED_DIR")
    assert measured_dir() == "/home/somebody/.cache/gsu/measured"
    for value, expected in (("/scratch/m", "/scratch/m"), ("", None), (" ", None)):
        monkeypatch.setenv("GSU_MEASURED_DIR", value)
        assert measured_dir() == expected


LONG = [
    "dataset=idx",
    "dataset.name=strokes",
    f"dataset.path=/data/{'deep/' * 20}strokes",
    "checkpoint.path=/a/model.st",
]


def test_a_cell_of_a_long_line_shows_what_was_swept() -> None:
    names = [
        cell_name([*LONG, f"method.lr={lr}", f"n={n}"], 0, ["method.lr", "n"]) for lr in (1e-3, 1e-4) for n in (1, 2)
    ]
    assert [name.rpartition("-")[0] for name in names] == [
        *("method.lr=0.001,n=1", "method.lr=0.001,n=2", "method.lr=0.0001,n=1", "method.lr=0.0001,n=2")
    ]
    assert cell_name([*LONG, "a=1"], 0, ["a"]) != cell_name([*LONG, "b=2", "a=1"], 0, ["a"]), "what is fixed counts too"


def test_long_swept_values_lose_their_middle() -> None:
    paths = [f"/runs/{'x' * 150}/{k}/model.safetensors" for k in (1, 2)]
    names = [cell_name([*LONG[:3], f"checkpoint.path={path}"], 0, ["checkpoint.path"]) for path in paths]
    assert all(name.startswith("checkpoint.path=_runs_xx") for name in names)
    assert ["1_model.safetensors-" in names[0], "2_model.safetensors-" in names[1]] == [True, True]
    assert all(len(name) <= LONGEST_CELL + len("/seed=0") for name in names)
    many = cell_name([f"key{k}={'v' * 30}" for k in range(12)], 0)
    assert len(many) <= LONGEST_CELL + len("/seed=0")
    digits = "forget.sample=[" + ",".join(map(str, range(100))) + "]"
    assert re.match(r"forget\.sample=0,1,2,.*\.\..*98,99-", cell_name([digits], 0, ["forget.sample"]))


def test_a_sweep_names_its_cells_by_what_it_sweeps(in_process: Run, tmp_path: Path) -> None:
    line = ["unlearn", "-m", "dataset=folder", f"dataset.path=/data/{'deep/' * 25}x", "method.shots=1,2"]
    assert in_process(*line)[0] == 0
    cells = sorted(path.split("/")[-2] for path in runs(tmp_path))
    assert [cell.rpartition("-")[0] for cell in cells] == ["method.shots=1", "method.shots=2"]


def test_an_experiment_file_may_say_what_is_swept(in_process: Run, tmp_path: Path) -> None:
    (tmp_path / "conf/experiment").mkdir()
    text = "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {method.shots: '1,2'}}}\n"
    (tmp_path / "conf/experiment/two.yaml").write_text(text, encoding="utf-8")
    assert in_process("unlearn", "dataset=folder", f"dataset.path=/data/{'deep/' * 25}x", "+experiment=two")[0] == 0
    assert [path.split("/")[-2].rpartition("-")[0] for path in runs(tmp_path)] == ["method.shots=1", "method.shots=2"]
