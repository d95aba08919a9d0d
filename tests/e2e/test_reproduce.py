"""A table: missing cells run, done ones are skipped, failures are holes, a kill at any moment changes no byte."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import forked
from e2e_world import EVALUATION, World
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.typed_line import quoted
from gsu_cli.verbs import reproduce

Gsu = Callable[..., Any]
TABLES = ("table.md", "table.csv", "table.tex", "table.json", "cells.json")
SUICIDAL = """
import os, pathlib, signal
from gsu_cli.methods.base import Update
class Method:
    name = "suicidal"
    def __init__(self, flag): self.flag = pathlib.Path(flag)
    def __call__(self, task):
        if self.flag.exists():
            self.flag.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        next(task.model.parameters()).data.mul_(1.01)
        return Update(self.name)
"""


@pytest.fixture
def tiny(world: World, tmp_path: Path) -> Callable[..., list[str]]:
    """Words of a ``gsu reproduce`` line for a table of ours: two rows, two seeds, no column that depends on time."""

    def line(**more: Any) -> list[str]:
        base = [
            *world.data,
            f"checkpoint.path={world.vae}",
            *world.judged,
            *EVALUATION,
            "metric=[feature_ratio,heldout_loss_retain]",
        ]
        spec = {
            "name": "tiny",
            "base": " ".join(base),
            "rows": {"class": "forget.class=0,1"},
            "columns": {"plain_ascent": "method=ascent method.lr=1e-3"},
            "seeds": [0, 1],
            "references": ["original"],
            "mean": True,
            "show": ["feature_ratio", "heldout_loss_retain"],
        }
        conf = tmp_path / "conf/table"
        conf.mkdir(parents=True, exist_ok=True)
        (conf / "tiny.yaml").write_text(json.dumps(spec | more), encoding="utf-8")
        return ["reproduce", "--config-dir", str(conf.parent), "table=tiny", "workers=2"]

    return line


def tables(root: Path) -> dict[str, str]:
    folder = root / "outputs/reproduce/tiny"
    return {name: (folder / name).read_text(encoding="utf-8") for name in TABLES}


def cells(root: Path) -> dict[str, float]:
    """Name of each cell's folder -> when its record was written."""
    return {path.parent.name: path.stat().st_mtime for path in root.glob("outputs/reproduce/cells/*/record.json")}


def test_what_is_done_is_not_run_again(tiny: Callable[..., list[str]], gsu: Gsu, tmp_path: Path) -> None:
    looked = gsu(*tiny(), "preview=true")
    assert (looked.code, looked.err) == (0, "")
    assert looked.out == "table tiny: 4 cells, 0 done, 4 to run; about 2 min 0 s with 2 at a time\n"
    assert not (tmp_path / "outputs").exists(), "a preview leaves nothing behind"
    first = gsu(*tiny(seeds=[0]))
    assert (first.code, first.err) == (0, ""), first.err
    before = cells(tmp_path)
    assert len(before) == 2
    second = gsu(*tiny())
    assert second.out.startswith("table tiny: 4 cells, 2 done, 2 to run; about ")
    after = cells(tmp_path)
    assert len(after) == 4
    assert {key: after[key] for key in before} == before
    made = tables(tmp_path)
    assert gsu(*tiny()).out.startswith("table tiny: 4 cells, 4 done, 0 to run\n")
    assert (tables(tmp_path), cells(tmp_path)) == (made, after)
    shown = json.loads(made["table.json"])
    assert [[cell["label"] for cell in row[:2]] for row in shown["rows"]] == [
        ["class 0", "original"], ["class 0", "plain ascent"], ["class 1", "original"], ["class 1", "plain ascent"],
        ["mean", "original"], ["mean", "plain ascent"],
    ]  # fmt: skip
    for row in json.loads(made["cells.json"]):
        record = json.loads((tmp_path / "outputs/reproduce/tiny" / row["folder"] / "record.json").read_text())
        assert (record["status"], record["seeds"]["train"]) == ("done", row["seed"])
        assert record["device"]["threads"] == 1


def test_a_table_holds_the_numbers_of_a_run_typed_by_hand(
    world: World, tiny: Callable[..., list[str]], gsu: Gsu, tmp_path: Path
) -> None:
    assert gsu(*tiny(seeds=[1], rows={"class 1": "forget.class=1"})).code == 0
    (inside,) = tmp_path.glob("outputs/reproduce/cells/*/record.json")
    words = [*world.unlearn("method=ascent", "method.lr=1e-3", "metric=[feature_ratio,heldout_loss_retain]", "seed=1")]
    assert gsu(*words).code == 0
    (by_hand,) = tmp_path.glob("outputs/unlearn/*/*/record.json")
    ours, typed = (json.loads(path.read_text()) for path in (inside, by_hand))
    assert ours["measurements"] == typed["measurements"]
    assert ours["outputs"]["unlearned"] == typed["outputs"]["unlearned"]


@pytest.mark.parametrize("flag", [True, False])
def test_its_lines_say_where_own_configs_lie(
    flag: bool, tiny: Callable[..., list[str]], gsu: Gsu, tmp_path: Path
) -> None:
    """Else neither the line below a table nor that of a cell can be typed again."""
    line = tiny(seeds=[0], rows={"class 1": "forget.class=1"}, columns={"plain_ascent": "method=my_ascent"})
    (tmp_path / "conf/method").mkdir()
    shutil.copy(conf_dir() / "method/ascent.yaml", tmp_path / "conf/method/my_ascent.yaml")
    own = tmp_path / "it's mine"
    (tmp_path / "conf").rename(own)
    place = quoted(f"file://{own}")
    word = f"--config-dir={own}" if flag else f"hydra.searchpath=[{place}]"
    typed = gsu("reproduce", word, *line[3:])
    assert (typed.code, typed.err) == (0, ""), typed.err
    assert f"made by gsu reproduce {shlex.quote(word)} table=tiny\n" in tables(tmp_path)["table.md"]
    (row,) = json.loads(tables(tmp_path)["cells.json"])
    assert shlex.split(row["command"])[:3] == ["gsu", "unlearn", word]
    (inside,) = tmp_path.glob("outputs/reproduce/cells/*/record.json")
    command = [shlex.split(part)[0] for part in json.loads(inside.read_text())["command"]]
    assert f"hydra.searchpath=[{place}]" in command
    typed = gsu(*command[1:])
    assert (typed.code, typed.err) == (0, ""), typed.err


def test_other_inputs_are_other_cells(tiny: Callable[..., list[str]], gsu: Gsu, tmp_path: Path, world: World) -> None:
    small = {"seeds": [0], "rows": {"some": "forget.sample=some.txt"}}
    (tmp_path / "some.txt").write_text("3\n", encoding="utf-8")
    for names, n in (("3\n", 1), ("3\n6\n", 2), ("3\n", 2)):
        (tmp_path / "some.txt").write_text(names, encoding="utf-8")
        assert gsu(*tiny(**small), "paths.data_dir=elsewhere").code == 0
        assert len(cells(tmp_path)) == n


def test_failures_are_holes_and_run_again(tiny: Callable[..., list[str]], gsu: Gsu, tmp_path: Path) -> None:
    rows = {"good": "forget.class=0", "bad": "forget.class=0 method.lr=-1"}
    columns = {"ascent": "method=ascent"}
    typed = gsu(*tiny(rows=rows, columns=columns, base=tiny_base(tiny), seeds=[0]))
    assert typed.code == 1
    assert "found 1 of 2 that did not, first bad, ascent, seed 0: `method.lr` must be" in typed.err
    made = json.loads(tables(tmp_path)["table.json"])
    bad = next(row for row in made["rows"] if row[0]["label"] == "bad" and row[1]["label"] == "ascent")
    assert bad[2]["value"] is None
    assert "`method.lr` must be a finite number > 0" in bad[-1]["note"]
    again = gsu(*tiny(rows=rows, columns=columns, base=tiny_base(tiny), seeds=[0]))
    assert again.out.startswith("table tiny: 2 cells, 1 done, 1 to run, 1 of them failed before; ")
    assert again.code == 1


def tiny_base(tiny: Callable[..., list[str]]) -> str:
    folder = Path(tiny()[2])
    return str(json.loads((folder / "table/tiny.yaml").read_text())["base"])


def test_missing_data_are_a_hole_that_is_excused(tiny: Callable[..., list[str]], gsu: Gsu, tmp_path: Path) -> None:
    rows = {"here": "forget.class=0", "not_here": "forget.class=0 dataset.path=nowhere"}
    typed = gsu(*tiny(rows=rows, seeds=[0], optional=["not_here"]))
    assert (typed.code, typed.err) == (0, ""), typed.err
    assert typed.out.startswith("table tiny: 2 cells, 0 done, 1 to run, 1 cannot be run; ")
    assert "nowhere" in tables(tmp_path)["table.md"]
    strict = gsu(*tiny(rows=rows, seeds=[0]))
    assert strict.code == 1
    assert "nowhere" in strict.err


def test_two_columns_of_one_line_are_one_run(tiny: Callable[..., list[str]], gsu: Gsu, tmp_path: Path) -> None:
    columns = {"a": "method=ascent method.lr=1e-3", "b": "method=ascent method.lr=0.001"}
    small = {"seeds": [0], "rows": {"class 0": "forget.class=0"}, "columns": columns}
    slips = {"show": ["feature_ratio", "heldout_loss_retian"], "sort": "feature_ratio"}
    typed = gsu(*tiny(**small, **slips))
    assert typed.code == 0, typed.err
    assert typed.out.startswith("table tiny: 2 cells, 0 done, 1 to run, 1 the same run as another; about ")
    said = " ".join(typed.out.split())
    assert "names heldout_loss_retian, which no cell measured. Did you mean 'heldout_loss_retain'?" in said
    assert "`table.sort` names feature_ratio, which no cell measured." in said
    cells = json.loads((tmp_path / "outputs/reproduce/tiny/cells.json").read_text())
    assert [c["status"] for c in cells] == ["done", "done"]


def test_what_is_pinned(tiny: Callable[..., list[str]], gsu: Gsu) -> None:
    pinned = {"row": "class 0", "change": "heldout_loss_retain", "between": [-0.5, 5]}
    small = {"seeds": [0], "rows": {"class 0": "forget.class=0"}}
    assert gsu(*tiny(**small, expect=[pinned])).code == 0
    typed = gsu(*tiny(**small, expect=[pinned | {"between": [5, 6]}, {"level": "fid", "between": [0, 1]}]))
    assert typed.code == 1
    assert "change of heldout_loss_retain for class 0 is " in typed.err
    assert "not within 5 and 6; level of fid for all cells has no number" in typed.err
    nowhere = gsu(*tiny(**small, expect=[pinned | {"row": "class 1"}]))
    assert (nowhere.code, nowhere.out) == (2, "")
    assert "must be a label of the table's rows; found class 1. Did you mean 'class 0'?" in nowhere.err


def test_an_interrupt_says_how_to_go_on(
    tiny: Callable[..., list[str]], gsu: Gsu, monkeypatch: pytest.MonkeyPatch
) -> None:
    def struck(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce, "_run", struck)
    typed = gsu(*tiny())
    assert (typed.code, typed.err) == (130, "gsu: interrupted.\n")
    assert typed.out.endswith("the same line goes on, with the cells that are finished, from outputs/reproduce/cells\n")


def test_a_killed_worker_is_a_hole(
    tiny: Callable[..., list[str]], gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "suicidal.py").write_text(SUICIDAL, encoding="utf-8")
    (tmp_path / "flag").touch()
    monkeypatch.syspath_prepend(tmp_path)
    own = {"own": f"~method +method._target_=suicidal.Method +method.flag={tmp_path}/flag"}
    small = {"seeds": [0], "rows": {"class 0": "forget.class=0"}, "columns": own}
    typed = gsu(*tiny(**small))
    assert typed.code == 1
    assert "its process was killed by signal 9" in typed.err
    assert "its process was killed by signal 9" in tables(tmp_path)["table.md"]
    assert gsu(*tiny(**small)).code == 0
    assert "was killed" not in tables(tmp_path)["table.md"]


def start(words: list[str], root: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"GSU_DATA_DIR": str(root / "no data here"), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-m", "gsu_cli.cli", *words], cwd=root, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def undisturbed(words: list[str], type_line: Callable[..., Any], tmp_path: Path) -> dict[str, str]:
    apart = tmp_path / "apart"
    apart.mkdir()
    typed = type_line(*words, cwd=apart)
    assert typed.code == 0, typed.err
    return tables(apart)


def test_a_kill_changes_no_byte(
    tiny: Callable[..., list[str]], gsu: Gsu, type_line: Callable[..., Any], tmp_path: Path
) -> None:
    words = tiny(seeds=[0])
    process = forked.line(*words, cwd=tmp_path, said=tmp_path)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("outputs/reproduce/cells/*.part/record.json")):  # a cell is half-way
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    typed = gsu(*words)
    assert (typed.code, typed.err) == (0, ""), typed.err
    assert not list(tmp_path.glob("outputs/reproduce/cells/*.part")), "nothing is left of the half cell"
    assert tables(tmp_path) == undisturbed(words, type_line, tmp_path)


@pytest.mark.slow
def test_twenty_kills_change_no_byte(
    tiny: Callable[..., list[str]], type_line: Callable[..., Any], tmp_path: Path
) -> None:
    """At random moments between the first import and the last file."""
    words = tiny(seeds=[0, 1, 2, 3])
    expected = undisturbed(words, type_line, tmp_path)
    clock, kills, whole = random.Random(0), 0, 0.0
    while kills < 20:
        if not whole or (tmp_path / "outputs/reproduce/tiny").exists():
            for path in sorted(tmp_path.glob("outputs/reproduce/cells/*"))[::2]:  # so that there is work to disturb
                path.rename(tmp_path / f"gone {time.monotonic_ns()}")
        started = time.monotonic()
        process = start(words, tmp_path)
        try:
            process.wait(clock.uniform(0, whole) if whole else None)
        except subprocess.TimeoutExpired:
            process.kill()
        if process.wait() == -signal.SIGKILL:
            kills += 1
        else:  # it ended before its time, or in the moment between
            assert process.returncode == 0
            assert tables(tmp_path) == expected
            whole = whole or time.monotonic() - started
    process = start(words, tmp_path)
    assert process.wait() == 0
    assert not list(tmp_path.glob("outputs/reproduce/cells/*.part"))
    assert tables(tmp_path) == expected


def test_a_preview_names_the_cells_that_cannot_run(tiny: Callable[..., list[str]], gsu: Gsu, world: World) -> None:
    columns = {"plain_ascent": "method=ascent", "slip": "method=ascent method.lr=-1", "lost": "judge.cnn.path=nowhere"}
    rows = {"class": "forget.class=1,7", "elsewhere": "forget.class=1 dataset.path=nowhere"}
    typed = gsu(*tiny(rows=rows, columns=columns, optional=["elsewhere"]), "preview=true")
    assert typed.code == 1
    said = typed.out.splitlines()
    assert said[0].startswith("table tiny: 18 cells, 0 done, 12 to run, 6 cannot be run; about ")
    assert "cannot be run: class 1, slip, seed 0, 1: `method.lr` must be a finite number > 0; found -1." in said
    lost = (
        "cannot be run: class 1, lost, seed 0, 1: `judge.cnn.path` must be an existing file; found nowhere. "
        "Train one with `gsu train dataset=...` and pass judge.cnn.path=<folder>/model.safetensors"
    )
    assert lost in said
    assert any(
        line.startswith("cannot be run: class 7, plain ascent, seed 0, 1: `forget.class` must be") for line in said
    )
    assert any(line.startswith("cannot be run: elsewhere, plain ascent, seed 0, 1: ") for line in said)
    assert "every cell of tiny must be able to run; found 10 that cannot." in typed.err


def test_what_may_be_missing_is_named_and_no_failure(tiny: Callable[..., list[str]], gsu: Gsu) -> None:
    rows = {"here": "forget.class=1", "elsewhere": "forget.class=1 dataset.path=nowhere"}
    typed = gsu(*tiny(rows=rows, optional=["elsewhere"]), "preview=true")
    assert (typed.code, typed.err) == (0, "")
    assert "cannot be run: elsewhere, plain ascent, seed 0, 1: " in typed.out


def test_every_cell_is_put_under_an_audit(tiny: Callable[..., list[str]], gsu: Gsu, tmp_path: Path) -> None:
    audited = {
        "seeds": [0],
        "rows": {"class": "forget.class=1"},
        "show": ["percentile"],
        "absolute": True,
        "mean": False,
    }
    typed = gsu(*tiny(audit="audit=[percentile] images=50 repeats=2", **audited))
    assert (typed.code, typed.err) == (0, ""), typed
    (folder,) = (tmp_path / "outputs/reproduce/cells").iterdir()
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    findings = json.loads((folder / record["outputs"]["audit"]["path"]).read_text(encoding="utf-8"))
    rows = findings["probes"]["percentile"]["measurements"]
    assert [m for m in record["measurements"] if m["name"] == "percentile"] == [
        m for m in rows if m["name"] == "percentile"
    ]
    assert f"{rows[0]['value']:.2f}" in tables(tmp_path)["table.md"], "the original's percentile"
    again = gsu(*tiny(audit="audit=[percentile] images=50 repeats=2", **audited))
    assert "1 done, 0 to run" in again.out
    other = gsu(*tiny(audit="audit=[rebound] audit.rebound.at=[3,2]", **audited))
    assert "0 done, 1 to run" in other.out, "another audit is another cell"
    assert other.code == 1
    assert "audit: `audit.rebound.at` must ascend" in other.err


def test_a_table_trains_its_models_once_before_its_cells(tiny: Callable[..., list[str]], world: World, gsu: Gsu,
                                                         tmp_path: Path) -> None:  # fmt: skip
    data = " ".join(world.data)
    models = {
        "small": f"{data} model=mlp_vae model.latent_dim=2 model.hidden=[8] training.epochs=1 training.batch_size=8"
    }
    base = [*world.data, *world.judged, *EVALUATION, "metric=[feature_ratio,heldout_loss_retain]"]
    own = {
        "base": " ".join(base), "models": models, "seeds": [0],
        "rows": {"class": "forget.class=0 checkpoint.name=small checkpoint.path=trained:small"},
    }  # fmt: skip
    looked = gsu(*tiny(**own), "preview=true")
    assert (looked.code, looked.err) == (0, "")
    assert looked.out.endswith("before them 1 models are trained: small\n")
    assert not (tmp_path / "outputs").exists(), "a preview leaves nothing behind"
    first = gsu(*tiny(**own))
    assert first.code == 0, first.err
    (trained,) = (tmp_path / "outputs/reproduce/models").iterdir()
    made, when = tables(tmp_path), (trained / "model.safetensors").stat().st_mtime
    assert "1 cell, 1 done, 0 to run" in gsu(*tiny(**own)).out
    record = json.loads((trained / "record.json").read_text())
    (trained / "record.json").write_text(json.dumps(record | {"git": {"commit": "b" * 40, "dirty": False}}))
    again = gsu(*tiny(**own)).out
    assert "1 of the 1 models trained before were made by other code of gsu (commit bbbbbbb; this is " in again
    assert "to train them again remove their folders below " in again
    assert (tables(tmp_path), (trained / "model.safetensors").stat().st_mtime) == (made, when)
    (cell,) = json.loads(made["cells.json"])
    record = json.loads((tmp_path / "outputs/reproduce/tiny" / cell["folder"] / "record.json").read_text())
    assert f"outputs/reproduce/models/{trained.name}/model.safetensors" in " ".join(record["command"])
    wrong = gsu(*tiny(**(own | {"rows": {"class": "forget.class=0 checkpoint.path=trained:smal"}})))
    assert wrong.code == 2
    assert "must name one of `table.models`: small; found smal" in wrong.err
    broken = gsu(*tiny(**(own | {"models": {"small": f"{data} model=mlp_vae model.hidden=[0]"}})))
    assert broken.code == 1
    assert "every model of `table.models` must be trained before its cells; found small: " in broken.err
    assert "model.hidden" in broken.err
