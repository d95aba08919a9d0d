"""The worked example of docs/own-model.md, from the text of the page: train, unlearn, evaluate, foreign weights."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from e2e_world import EVALUATION, Run, runs, write_world
from gsu_cli.data.mnist import Mnist
from gsu_cli.run.checkpoints import load_checkpoint

PAGE = Path(__file__).parents[2] / "docs/own-model.md"
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
OWN = ("model._target_=my_vae.MyVae", "model.latent_dim=2", "model.width=16")
METHODS = {
    "fisher_surgery": ["method.retain_images=100"],
    "gradient_surgery": ["method.lr=1e-3"],
    "gradient_surgery of the decoder": ["method.lr=1e-3", "method.scope=generator"],
    "newton": [],
    "ascent_descent": ["method.steps=4"],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with my_vae.py as the page shows it, and a small data set."""
    folder = tmp_path_factory.mktemp("own")
    (text,) = re.findall(r"```python\n(# my_vae\.py\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "my_vae.py").write_text(text, encoding="utf-8")
    write_world(folder / "data")
    yield folder
    sys.modules.pop("my_vae", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(folder)]


@pytest.fixture(scope="module")
def line(place: Path, type_line: Callable[..., Any]) -> Callable[..., Run]:
    """Types a line in that folder and gives back the run it left."""

    def run(verb: str, *words: str, code: int = 0) -> Run | str:
        before = {r.folder for r in runs(place)}
        typed = type_line(
            verb, "dataset=idx", "dataset.name=strokes", f"dataset.path={place / 'data'}", *words, cwd=place
        )
        assert typed.code == code, typed.err
        if code:
            return str(typed.err)
        (new,) = [r for r in runs(place) if r.folder not in before]
        return new

    return run


@pytest.fixture(scope="module")
def trained(line: Callable[..., Run]) -> Run:
    return line("train", *OWN, "training.epochs=40", "training.batch_size=30")


@pytest.fixture(scope="module")
def foreign(trained: Run, place: Path) -> Path:
    """The same weights as another program would have saved them, under names of its own and beside other things."""
    state = {f"module.{k.replace('encoder.1.', 'fc1.')}": v for k, v in trained.weights("model").items()}
    torch.save({"epoch": 40, "nets": {"vae": state}}, place / "theirs.pt")
    return place / "theirs.pt"


RENAME = ("checkpoint.entry=nets.vae", 'checkpoint.rename={module.fc1.:encoder.1.,module.:""}')


@pytest.mark.parametrize("name", METHODS)
def test_it_forgets_and_batchnorm_stands_still(trained: Run, line: Callable[..., Run], name: str) -> None:
    path = f"checkpoint.path={trained.folder / 'model.safetensors'}"
    run = line(
        "unlearn", path, "forget.class=1", f"method={name.split()[0]}", *METHODS[name], *EVALUATION, "judge=[knn]"
    )
    before, after = trained.weights("model"), run.weights("unlearned")
    assert before.keys() == after.keys()
    buffers = [k for k in before if k.endswith(BUFFERS)]
    assert len(buffers) == 6
    assert all(torch.equal(before[k], after[k]) for k in buffers)
    assert any(not torch.equal(before[k], after[k]) for k in before if k.startswith("decoder."))
    if "decoder" in name:
        assert all(torch.equal(before[k], after[k]) for k in before if not k.startswith("decoder."))


def test_foreign_weights_are_imported_measured_and_measured_again(
    trained: Run, foreign: Path, line: Callable[..., Run]
) -> None:
    run = line(
        "unlearn",
        "forget.class=1",
        f"checkpoint.path={foreign}",
        *OWN,
        *RENAME,
        *EVALUATION,
        "judge=[knn]",
        "method=newton",
    )
    assert "imported.safetensors" in run.files()
    imported = load_file(run.folder / "imported.safetensors")
    assert all(torch.equal(imported[k], v) for k, v in trained.weights("model").items())
    source = run.record["inputs"]["checkpoint"]["about"]["imported"]
    assert source["path"] == str(foreign)
    assert source["rename"] == {"module.fc1.": "encoder.1.", "module.": ""}
    again = line("evaluate", f"run={run.folder}")
    kept = ("name", "subject", "value", "sha256")
    assert [[m[k] for k in kept] for m in again.record["measurements"]] == [
        [m[k] for k in kept] for m in run.record["measurements"]
    ]
    alone = line("evaluate", f"checkpoint.path={run.folder / 'imported.safetensors'}", *EVALUATION, "judge=[knn]")
    foreign_run = line("evaluate", f"checkpoint.path={foreign}", *OWN, *RENAME, *EVALUATION, "judge=[knn]")
    values = [
        [m["value"] for m in r.record["measurements"] if m["subject"] == "original"] for r in (alone, foreign_run)
    ]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "docs/own-model.md"),
        (OWN, "Name the entry that does: checkpoint.entry=nets"),
        ((*OWN, RENAME[0]), "This fits: 'checkpoint.rename={fc1.:encoder.1.}'"),
        ((*OWN, "checkpoint.entry=net"), "found no net among epoch, nets. Did you mean 'nets'?"),
        ((*OWN, "checkpoint.rename=fc1"), "must map beginnings of names; found fc1"),
        ((*OWN, *RENAME, "model.width=17"), "of another shape"),
        (("model._target_=my_vae.Nothing",), "Nothing, among MyVae"),
        ((*OWN, "model.depth=3"), "must hold options of MyVae"),
    ],
)
def test_what_does_not_fit_is_refused(
    foreign: Path, line: Callable[..., str], words: tuple[str, ...], said: str
) -> None:
    message = line(
        "unlearn",
        "forget.class=1",
        f"checkpoint.path={foreign}",
        *words,
        *EVALUATION,
        code=2 if any(part in str(words) for part in ("Nothing", "depth", "=fc1")) else 1,
    )
    assert said in message
    assert "Traceback" not in message
    assert message.count("\n") == 1


def test_gsus_own_checkpoints_need_no_class(trained: Run, line: Callable[..., str]) -> None:
    path = f"checkpoint.path={trained.folder / 'model.safetensors'}"
    assert "Leave out model" in line("unlearn", "forget.class=1", path, *OWN, *EVALUATION, code=1)


FEW = ("method.retain_images=300", "method.forget_images=100", "method.budget_images=300")  # how far is not asked


def test_a_model_trained_by_plain_torch_goes_through_by_the_page(
    tmp_path: Path, type_line: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 784-400-2 VAE with BatchNorm1d: the page's program trains it, the page's class and line take it."""
    page = PAGE.read_text(encoding="utf-8")
    for name in ("their_vae", "adapter"):
        (text,) = re.findall(rf"```python\n(# {name}\.py\n.*?)```", page, re.DOTALL)
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    their_vae: Any = __import__("their_vae")
    torch.manual_seed(0)
    images = Mnist(data_dir=str(tmp_path / "no data here"), download=False).load().train
    their_vae.train(images.floats()[torch.randperm(len(images))], 2)
    (line,) = re.findall(r"gsu (unlearn [^\n]*their_vae.pt[^\n]*)", page)
    (rename,) = re.findall(r"```text\n('checkpoint.rename=.*')\n```", page)
    words = [*shlex.split(line), "dataset.download=false", "evaluation.samples=200", "judge=[cnn]", *FEW]
    typed = type_line(*words, cwd=tmp_path)
    assert typed.code == 1
    assert typed.err.rstrip().endswith(f"This fits: {rename}")
    typed = type_line(*words, *shlex.split(rename), cwd=tmp_path)
    assert typed.code == 0, typed.err
    run = [r for r in runs(tmp_path) if r.record["status"] == "done"][-1]
    assert not [note for note in run.record["notes"] if "data" not in note]  # none about the class
    theirs = their_vae.TheirVae().eval()
    theirs.load_state_dict(torch.load("their_vae.pt", weights_only=True))
    ours: Any = load_checkpoint(run.folder / "imported.safetensors").model
    x = images.floats(torch.arange(50))
    with torch.no_grad():
        mean, _ = ours.posterior(x)
        hidden = torch.relu(theirs.bn3(theirs.fc3(theirs.fc21(torch.relu(theirs.bn1(theirs.fc1(x.flatten(1))))))))
        assert torch.allclose(ours.decode(mean).flatten(1), torch.sigmoid(theirs.fc4(hidden)), atol=1e-5)
    sys.modules.pop("their_vae", None)
    sys.modules.pop("adapter", None)
