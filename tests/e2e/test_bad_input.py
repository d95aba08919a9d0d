"""What people can get wrong: one sentence, a non-zero exit, nothing half-written. A row each."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from e2e_world import World, one_sentence, runs, strays
from gsu_cli.cli.log_file import LogFile

Gsu = Callable[..., Any]

LINES = [
    (["unlern"], 2, "Did you mean 'unlearn'?"),
    (["unlearn", "method=fisher_surgary"], 2, "fisher_surgery"),
    (["unlearn", "dataset=mnits"], 2, "mnist"),
    (["unlearn", "metod.lr=1"], 2, "method"),
    (["unlearn", "method.budgte=1"], 2, "budget"),
    (["train", "training.lr=nan"], 2, "`training.lr`"),
    (["train", "training.epochs=0"], 2, "`training.epochs`"),
    (["train", "model.latent_dim=0"], 2, "latent_dim"),
    (["train", "resume=nowhere"], 1, "`resume`"),
    (["train", "training.lr=-1"], 2, "`training.lr`"),
    (["train", "training.lr=0"], 2, "`training.lr`"),
    (["train", "model.hidden=[]"], 2, "`model.hidden`"),
    (["unlearn", "dataset=mnist", "dataset.download=maybe", "forget.class=1"], 2, "`dataset.download` must be true"),
    (["unlearn", "dataset=mnist", "dataset.timeout=x", "forget.class=1"], 2, "`dataset.timeout`"),
    (["unlearn", "1"], 2, "must read key=value"),
    (["unlearn", "forget.class", "1"], 2, "found forget.class. Type forget.class=1\n"),
    (["unlearn", "forget.class=a(b"], 2, "in quotes twice: 'forget.class=\"a(b\"'\n"),
    (["train", "resume=~/nowhere-at-all"], 1, f"found {Path.home()}/nowhere-at-all"),
    (
        ["unlearn", "forget.class=1", "method=ascent", "protocol.budget=0.01", "protocol.low=3", "protocol.high=1"],
        2,
        "`protocol.low` must be below `protocol.high`; found 3 and 1",
    ),
    (["unlearn", "forget.class"], 2, "found forget.class. Type forget.class=VALUE\n"),
    (["unlearn", "forget.class=1", "+method@other=ascent"], 2, "found +method@other. Type method=CHOICE"),
    (["evaluate", "+judge@more.third=knn"], 2, "must stand where the group does; found +judge@more"),
    (["unlearn", "method.lr=1"], 2, "found method.lr. Choose one that has it, method=ascent, "),
    (["unlearn", "dataset.path=x"], 2, "found dataset.path. Choose one that has it, dataset=cifar, folder, idx, "),
    (["unlearn", "experiment=papr"], 2, "`experiment` must be one of paper/celeba_male, paper/mnist_class1, "),
    (["unlearn", "hydra.run=5"], 2, "`hydra.run` must stay a group of settings; found 5"),
    (["unlearn", "seed=1,2"], 2, "found 1,2. Add -m to sweep over them.\n"),
    (["unlearn", "dataset=mnist,cifar"], 2, "Add -m to sweep over them.\n"),
    (["unlearn", "forget.class=1,2"], 2, "or write forget.class=[1,2] for a list"),
    (["unlearn", "judge=cnn,knn"], 2, "or write judge=[cnn,knn] for a list"),
    (["unlearn", "method.budget=1e-300", "forget.class=1"], 2, "`method.budget` must be at least 1e-09"),
    (["unlearn", "forget.class=1", "evaluation.samples=1e4"], 2, "Type evaluation.samples=10000\n"),
    (["reproduce", "table=digits", "table.rows=[1]"], 2, "`table.rows` must stay a group of settings; found [1]"),
    (["reproduce", "table=digits", "records=nowhere"], 1, "nowhere must be a list of records; found no such file"),
    (["unlearn", "class=1"], 2, "Did you mean 'forget.class'?"),
    (["show", "nothing"], 2, "`what` must be one of"),
    (["show", "last=x"], 2, "`last` must be an integer >= 1; found 'x'"),
    (["show", "last=0"], 2, "`last`"),
    (["train", "training=mlp_vae"], 2, "found mlp_vae. Type model=mlp_vae for the choice of that name"),
    (["train", "training=judge_cnn"], 2, "Did you mean 'judge'? Type model=judge_cnn"),
    (["report", "compare=[a,b]"], 2, "found compare. `gsu show` has it"),
    (["unlearn", "references=4"], 2, "found references. `gsu audit` has it"),
    (["evaluate", "method.lr=3"], 2, "found method.lr. `gsu unlearn` has it"),
    (["audit", "evaluation.samples=9"], 2, "found evaluation.samples. `gsu unlearn` and `gsu evaluate` have it"),
    (["reproduce", "table=leaderboard", "table.base='dataset=mnst'"], 2, "found mnst. Did you mean 'mnist'?\n"),
    (["reproduce", "table=leaderboard", "+table.rows.a='method=ascent method.lrr=3'"], 2, "mean 'method.lr'?"),
    (["reproduce", "table=leaderboard", "table.mean=onyl"], 2, "found 'onyl'. Did you mean 'only'?"),
    (["reproduce", "table=leaderboard", "table.references=[orignal]"], 2, "found orignal. Did you mean 'original'?"),
    (["unlearn", "forget.class=1", "metric=null", "metric=fdi"], 2, "Did you mean 'fid'?"),
]
UNLEARN = [
    (["forget.class=11"], 2, "`forget.class` must be one of"),
    (["forget.class=x"], 2, "`forget.class`"),
    (["forget.class="], 2, "`forget.class`"),
    ([], 2, "forget"),
    (["forget.class=1", "forget.sample=3"], 2, "exactly one of"),
    (["forget.class=[0,1,2]"], 2, "at least one class"),
    (["forget.sample=[99999]"], 2, "`forget.sample` must hold indices in 0.."),
    (["forget.sample=missing.txt"], 2, "missing.txt"),
    (["forget.sample=[3,3]"], 2, "`forget.sample`"),
    (["forget.attribute=Male"], 2, "has none"),
    (["forget.fraction=2"], 2, "`forget.fraction`"),
    (["forget.class=1", "method=gradient_surgery", "method.lr=nan"], 2, "`method.lr` must be a finite number > 0"),
    (["forget.class=1", "method=gradient_surgery", "method.lr=-1"], 2, "`method.lr` must be a finite number > 0"),
    (["forget.class=1", "method=ascent", "method.lr=0"], 2, "`method.lr` must be a finite number > 0"),
    (["forget.class=1", "method=gradient_surgery", "method.scope=gen"], 2, "must be one of all, generator"),
    (["forget.class=1", "method.budget=0"], 2, "`method.budget`"),
    (["forget.class=1", "method.budget=5"], 2, "`method.budget`"),
    (["forget.class=1", "evaluation.samples=0"], 2, "`evaluation.samples`"),
    (["forget.class=1", "evaluation=5"], 2, "`evaluation` must stay a group of settings"),
    (["forget.class=1", "evaluation=none"], 2, "or 'metric=[]' to measure nothing"),
    (["forget.class=1", "metric=none"], 2, "found none. Type 'metric=[]' for none of them"),
    (["forget.class=1", "judge=none"], 2, "found none. Type 'judge=[]' for none of them"),
    (["forget=1"], 2, "Type forget.class=1"),
    (["forget.class=1", "seed=-1"], 2, "`seed` must be an integer >= 0; found -1"),
    (["forget.class=1", "retrain=maybe"], 2, "`retrain` must be true or false; found maybe"),
    (["forget.class=1", "judge.knn.k=0"], 2, "`judge.knn`"),
    (["forget.class=1", "judge.cnn.path=nowhere"], 1, "`judge.cnn.path` must be an existing file; found nowhere"),
    (
        ["forget.class=1", "checkpoint.retrained=nowhere"],
        1,
        "`checkpoint.retrained` must be an existing file; found nowhere",
    ),
    (["forget.class=1", "metric.inception_score.splits=0"], 2, "`metric.inception_score.splits`"),
    (["forget.class=1", "checkpoint.path=nowhere.safetensors"], 1, "`checkpoint.path` must be an existing file"),
    (["forget.class=1", "method=ascent", "method.lr=1e30"], 1, "finite"),
]


@pytest.mark.parametrize(("words", "code", "part"), LINES)
def test_lines(world: World, gsu: Gsu, tmp_path: Path, words: list[str], code: int, part: str) -> None:
    data = world.data if words[0] == "train" else ()
    one_sentence(gsu(words[0], *data, *words[1:]), code, part)
    assert strays(tmp_path) == []
    assert code != 2 or files(tmp_path) == []


@pytest.mark.parametrize(("words", "code", "part"), UNLEARN)
def test_unlearn(world: World, gsu: Gsu, tmp_path: Path, words: list[str], code: int, part: str) -> None:
    one_sentence(gsu(*world.unlearn(*words, forget=None)), code, part)
    assert strays(tmp_path) == []
    assert not list(tmp_path.rglob("unlearned.safetensors"))
    if code == 2 or "existing file" in part:
        assert files(tmp_path) == [], "refused for what was typed, before or after the data were seen"
    else:
        (run,) = runs(tmp_path)
        assert run.record["status"] == "failed"
        assert part in run.record["error"]


def test_a_line_typed_again_finds_its_folder_as_it_was(world: World, gsu: Gsu, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine", encoding="utf-8")
    for wrong in ("forget.class=11", "forget.class=12"):
        one_sentence(gsu(*world.unlearn("hydra.run.dir=mine", forget=wrong)), 2, "`forget.class` must be one of")
        assert files(tmp_path) == ["mine/notes.txt"]


def test_a_file_that_is_not_there_is_known_before_the_data(world: World, gsu: Gsu, monkeypatch: Any) -> None:
    from gsu_cli.verbs import assemble, earlier_run, evaluate

    for module in (assemble, earlier_run, evaluate):
        monkeypatch.setattr(module, "load_dataset", None)
    for key in ("checkpoint.path", "checkpoint.retrained", "judge.cnn.path"):
        typed = gsu(*world.unlearn(f"{key}=nowhere", forget="forget.class=11"))
        one_sentence(typed, 1, f"`{key}` must be an existing file; found nowhere")
        assert typed.out == ""
    typed = gsu("evaluate", *world.data, f"checkpoint.path={world.vae}", "judge.cnn.path=nowhere")
    one_sentence(typed, 1, "`judge.cnn.path` must be an existing file")


def test_a_damaged_checkpoint_is_known_before_the_data(
    world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsu_cli.verbs import assemble

    monkeypatch.setattr(assemble, "load_dataset", None)
    truncated(world, tmp_path / "weights.safetensors")
    words = [w for w in world.unlearn(forget="forget.class=11") if not w.startswith("checkpoint.path")]
    one_sentence(gsu(*words, "checkpoint.path=weights.safetensors"), 1, "whole safetensors file")


@pytest.mark.parametrize("kind", ["torch.save", "safetensors of another program"])
def test_a_retrained_reference_of_another_program_is_told_what_to_do(
    world: World, gsu: Gsu, tmp_path: Path, kind: str
) -> None:
    """Its own class on the line would not help: a reference is compared with its checkpoint by what gsu wrote."""
    (tmp_path / "theirs").mkdir()
    weights = {"w": torch.zeros(2, 2)}
    if kind == "torch.save":
        torch.save(weights, tmp_path / "theirs/weights.pt")
    else:
        save_file(weights, tmp_path / "theirs/diffusion_pytorch_model.safetensors")
    for named in ("theirs", str(next((tmp_path / "theirs").iterdir()))):
        typed = gsu(*world.unlearn(f"checkpoint.retrained={named}"))
        one_sentence(typed, 1, "`checkpoint.retrained` must be a model that `gsu train` trained without what is")
        assert "found weights of another program, theirs/" in typed.err.replace(f"{tmp_path}/", "")
        assert "Make it with `gsu train`" in typed.err
        assert "`gsu evaluate checkpoint.path=`" in typed.err


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


WITHOUT_DATA = [
    "method.shots=0",
    "method.budget=nan",
    "evaluation.samples=1",
    "judge.knn.k=0",
    "metric.inception_score.splits=0",
    "retrain=2",
    "forget.class=[1,1]",
    "seed=x",
]


@pytest.mark.parametrize("word", WITHOUT_DATA)
def test_a_slip_is_found_before_anything_is_loaded(world: World, gsu: Gsu, word: str) -> None:
    words = [w for w in world.unlearn(word) if not w.startswith("dataset.path")]
    typed = gsu(*words, "dataset.path=nowhere")
    one_sentence(typed, 2, word.partition("=")[0].removesuffix(".k").removesuffix("seed"))
    assert typed.out == ""


def test_a_judge_that_cannot_be_had_is_known_before_the_work(
    world: World, gsu: Gsu, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsu_cli.verbs import unlearn

    monkeypatch.setattr(unlearn, "made_to_forget", None)
    one_sentence(gsu(*world.unlearn("judge.cnn.path=nowhere")), 1, "judge.cnn.path")


def test_a_line_that_did_nothing_leaves_nothing(gsu: Gsu, tmp_path: Path) -> None:
    one_sentence(gsu("evaluate", "run=nowhere"), 1, "a run folder must hold a record.json")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def pickle(world: World, path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, path)


def truncated(world: World, path: Path) -> None:
    path.write_bytes(world.vae.read_bytes()[:-100])


def foreign(world: World, path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, path)


def flipped(world: World, path: Path) -> None:
    data = bytearray(world.vae.read_bytes())
    data[-7] ^= 1
    path.write_bytes(data)


def of_mnist(world: World, path: Path) -> None:
    from gsu_cli.run.pretrained import shipped

    shape_28 = shipped("mnist", "vae_2d")
    assert shape_28 is not None
    path.write_bytes(shape_28.read_bytes())


def a_judge(world: World, path: Path) -> None:
    path.write_bytes((world.judge.folder / "model.safetensors").read_bytes())


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (pickle, "a pickle, which is never loaded"),
        (truncated, "whole safetensors file"),
        (foreign, "gsu metadata"),
        (flipped, "digest"),
        (of_mnist, "shape"),
        (a_judge, "must hold a generator"),
    ],
)
def test_checkpoints(world: World, gsu: Gsu, tmp_path: Path, make: Callable[..., None], part: str) -> None:
    path = tmp_path / "weights.safetensors"
    make(world, path)
    words = [w for w in world.unlearn() if not w.startswith("checkpoint.path")]
    one_sentence(gsu(*words, f"checkpoint.path={path}"), 1, part)
    assert not list(tmp_path.rglob("unlearned.safetensors"))


@pytest.mark.parametrize("damage", [lambda d: d[:-50], lambda d: b"\0\0\0\0" + d[4:], lambda d: d[:10]])
def test_damaged_idx(world: World, gsu: Gsu, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    source = Path(world.data[2].removeprefix("dataset.path="))
    folder = tmp_path / "data"
    folder.mkdir()
    for path in source.iterdir():
        content = path.read_bytes()
        (folder / path.name).write_bytes(damage(content) if path.name.startswith("train-images") else content)
    words = [w for w in world.unlearn() if not w.startswith("dataset.path")]
    one_sentence(gsu(*words, f"dataset.path={folder}"), 1, "train-images")


def test_output_folder_that_cannot_be_written(world: World, gsu: Gsu, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    one_sentence(gsu(*world.unlearn(f"paths.output_dir={tmp_path / 'file' / 'below'}")), 1, "file")


@pytest.mark.parametrize("victim", ["unlearned.safetensors", "samples.png", "summary.md"])
def test_disk_full(world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str) -> None:
    replace = os.replace

    def full(source: Any, target: Any, **more: Any) -> None:
        if Path(target).name == victim:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target, **more)

    monkeypatch.setattr(os, "replace", full)
    one_sentence(gsu(*world.unlearn("method=ascent")), 1, "the disk is full")
    (run,) = runs(tmp_path)
    assert victim not in run.files()
    assert strays(tmp_path) == []
    assert run.record["status"] == "failed"


def test_no_room_for_anything_once_the_run_has_begun(
    world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the record can say so; the person is told all the same."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    from gsu_cli.verbs import assemble

    load = assemble.load_dataset

    def load_and_fill_the_disk(*args: Any) -> Any:
        dataset = load(*args)
        monkeypatch.setattr(os, "fsync", full)
        return dataset

    monkeypatch.setattr(assemble, "load_dataset", load_and_fill_the_disk)
    typed = gsu(*world.unlearn("method=ascent"))
    assert typed.code == 1
    warning, sentence = typed.err.splitlines()
    assert warning.startswith("WARNING: record.json could not say how the run ended: ")
    assert sentence.startswith("gsu: ")
    assert "unlearned.safetensors must be writable; found the disk is full" in sentence
    (run,) = runs(tmp_path)
    assert run.record["status"] == "running", "the last that was written"
    assert strays(tmp_path) == []


@pytest.mark.parametrize("victim", ["state.safetensors", "model.safetensors"])
def test_disk_full_while_training(
    world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    write = Path.write_bytes

    def full(self: Path, data: Any) -> int:
        if victim in self.name:
            write(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    one_sentence(gsu(*world.train()), 1, "the disk is full")
    (run,) = runs(tmp_path)
    assert victim not in run.files()
    assert strays(tmp_path) == []
    assert run.record["status"] == "failed"
    assert "the disk is full" in run.record["error"]


def test_no_room_for_the_log_or_for_the_line(
    world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's logging would print a traceback, and Hydra keeps the line before anything of ours is called."""

    class Full:  # no file of Python's own, which would be closed again, and complained about, when it is forgotten
        def write(self, *_: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        flush = close = write

    monkeypatch.setattr(LogFile, "_open", lambda _: Full())
    one_sentence(gsu(*world.unlearn("method=ascent", "method.lr=1e30"), "hydra.run.dir=log"), 1, "must be finite")
    monkeypatch.undo()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "line" / ".hydra" / "config.yaml"))

    monkeypatch.setattr("hydra.core.utils._save_config", full)
    one_sentence(gsu(*world.unlearn("method=ascent"), "hydra.run.dir=line"), 1, "the disk must have room")


def test_an_interrupt_at_any_stage(world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gsu_cli.run.session import Session

    stage = Session.stage
    for moment in ("load", "gradients", "evaluate", "report"):

        def strike(self: Session, name: str, moment: str = moment) -> Any:
            if name == moment:
                raise KeyboardInterrupt
            return stage(self, name)

        monkeypatch.setattr(Session, "stage", strike)
        typed = gsu(*world.unlearn("method=ascent", f"hydra.run.dir={tmp_path / moment}"))
        assert typed.code == 130
        assert "Traceback" not in typed.err
        assert strays(tmp_path / moment) == []
    assert {run.record["status"] for run in runs(tmp_path)} == {"interrupted"}
