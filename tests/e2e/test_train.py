"""Training from the command line: retrained models, kill -9, Ctrl-C, resume."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from e2e_world import Run, World, one_sentence, runs, strays
from forked import Forked, line
from gsu_cli.run.checkpoints import save_checkpoint
from gsu_cli.training import epoch as training

Gsu = Callable[..., Any]
LONG = ("training.epochs=20", "training.batch_size=3", "model.hidden=[32]", "model.latent_dim=2")


def start(world: World, folder: Path) -> Forked:
    return line("train", *world.data, *LONG, f"hydra.run.dir={folder}", cwd=folder.parent, said=folder.parent)


def wait_for(path: Path, process: Forked) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(world: World, tmp_path_factory: pytest.TempPathFactory, type_line: Gsu) -> dict[str, torch.Tensor]:
    folder = tmp_path_factory.mktemp("undisturbed")
    typed = type_line("train", *world.data, *LONG, f"hydra.run.dir={folder / 'run'}", cwd=folder)
    assert typed.code == 0, typed.err
    assert re.search(r": loss [\d.]+ \(nats/image\) in epoch 20, [\d.]+ in epoch 18\n", typed.out), typed.out
    return load_file(folder / "run/model.safetensors")


@pytest.fixture(scope="module")
def killed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a killed process leaves; tests take copies."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    process = start(world, folder)
    wait_for(folder / "state.safetensors", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (folder / "model.safetensors").exists()
    return folder


@pytest.mark.parametrize("same_folder", [True, False])
def test_killed_and_resumed(
    world: World, gsu: Gsu, killed: Path, undisturbed: dict[str, torch.Tensor], tmp_path: Path, same_folder: bool
) -> None:
    first = shutil.copytree(killed, tmp_path / "run")
    second = first if same_folder else tmp_path / "second"
    typed = gsu("train", *world.data, *LONG, f"hydra.run.dir={second}", f"resume={first}")
    assert typed.code == 0, typed.err
    assert 0 < Run(second).record["training"]["resumed_at_epoch"] < 20
    found = load_file(second / "model.safetensors")
    assert all(torch.equal(found[k], v) for k, v in undisturbed.items())
    assert not (second / "state.safetensors").exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(world: World, tmp_path: Path, sent: signal.Signals) -> None:
    folder = tmp_path / "run"
    process = start(world, folder)
    wait_for(folder / "state.safetensors", process)
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert Run(folder).record["status"] == "interrupted"
    assert strays(folder) == []
    assert len(load_file(folder / "model.safetensors")) > 0, "the state of the last whole epoch can be used"


@pytest.mark.parametrize("epochs", [0, 2])
def test_interrupted_after_so_many_epochs(
    world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    check, seen = training._check_weights, []

    def strike(model: Any, epoch: int) -> None:
        if len(seen) == epochs:
            raise KeyboardInterrupt
        seen.append(epoch)
        check(model, epoch)

    monkeypatch.setattr(training, "_check_weights", strike)
    typed = gsu(*world.train())
    assert typed.code == 130
    (run,) = runs(tmp_path)
    assert typed.err == f"gsu: interrupted. What was finished is in {run.folder}.\n".replace(f"{tmp_path}/", "")
    assert run.record["status"] == "interrupted"
    assert strays(tmp_path) == []
    assert ("model.safetensors" in run.files()) == (epochs > 0)
    if epochs:
        assert f"go on with resume={run.folder}" in typed.out
        assert gsu(*world.train("method=ascent")).code == 2, "train has no methods"
        monkeypatch.undo()
        assert gsu(*world.train(f"resume={run.folder}", f"hydra.run.dir={tmp_path / 'on'}")).code == 0
        again, whole = load_file(tmp_path / "on/model.safetensors"), world.trained.weights("model")
        assert all(torch.equal(again[k], v) for k, v in whole.items())


def test_what_would_end_there_again_is_not_resumed(world: World, gsu: Gsu, tmp_path: Path) -> None:
    """A lower rate is another recipe, so the folder of a training that left the numbers is no place to go on from."""
    typed = gsu(*world.train("training.epochs=2", "training.lr=1e20", "training.batch_size=180"))
    assert (typed.code, "go on with" in typed.out) == (1, False), typed
    assert "the training loss must stay finite (epoch 2, step 1 of 1)" in typed.err


def test_resume_refuses_another_recipe(world: World, gsu: Gsu, killed: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(killed, tmp_path / "run")
    typed = gsu("train", *world.data, *LONG, "training.lr=1e-4", f"resume={folder}")
    assert typed.code == 1
    assert "to resume, `recipe` must be what it was" in typed.err
    (refused,) = [run for run in runs(tmp_path) if run.folder != folder]
    assert "state.safetensors" not in refused.files(), "a copy that nothing can go on with"


def test_resume_names_the_damaged_state_that_was_typed(gsu: Gsu, world: World, killed: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(killed, tmp_path / "run")
    state = folder / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-9])
    typed = gsu("train", *world.data, *LONG, f"resume={folder}")
    assert typed.code == 1
    assert typed.err.count("\n") == 1
    assert f"{state}" in typed.err
    assert "Train anew without resume" in typed.err
    assert state.exists(), "what was typed is never deleted"
    (refused,) = [run for run in runs(tmp_path) if run.folder != folder]
    assert "state.safetensors" not in refused.files()


def test_a_retrained_model_says_what_it_never_saw(world: World) -> None:
    record = world.retrained.record
    assert record["split"]["slug"] == "class_1"
    assert record["split"]["n_retain"] == 120
    assert record["training"]["losses"][-1] < record["training"]["losses"][0]


def test_non_finite_loss(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.train("training.lr=1e30"))
    assert typed.code == 1
    assert "the training loss must stay finite" in typed.err
    (run,) = runs(tmp_path)
    assert run.record["status"] == "failed"
    assert strays(tmp_path) == []


LOST = """
import torch
from gsu_cli.models.vae.mlp_vae import MlpVae

class Lost(MlpVae):
    def __init__(self, shape, **options):
        super().__init__(shape, **{"hidden": [8], "latent_dim": 2, **options})
        self.register_buffer("shift", torch.rand(2), persistent=False)

    def posterior(self, x):
        mean, sd = super().posterior(x)
        return mean + self.shift, sd
"""


def test_weights_that_are_not_the_whole_model_are_refused(world: World, tmp_path: Path, type_line: Gsu) -> None:
    """Each later line would draw what they lack anew, and measure a model that nobody trained."""
    (tmp_path / "lost_shift.py").write_text(LOST)
    typed = type_line("train", *world.data, "model._target_=lost_shift.Lost", cwd=tmp_path)
    one_sentence(typed, 2, "the weights of Lost must hold all that it computes with; found shift, a buffer")
    import lost_shift  # type: ignore[import-not-found]  # put on the path by the line

    path = tmp_path / "model.safetensors"
    save_checkpoint(path, lost_shift.Lost((1, 12, 12)), about={})
    typed = type_line("unlearn", *world.data, "forget.class=1", f"checkpoint.path={path}", cwd=tmp_path)
    one_sentence(typed, 1, f"persistent=False, which its constructor makes anew each time, of {path}. Keep it by")
    assert runs(tmp_path) == []


RANDOM = """
import torch
from gsu_cli.models.vae.mlp_vae import MlpVae

class Features(MlpVae):
    def __init__(self, shape, **options):
        super().__init__(shape, **{"hidden": [8], "latent_dim": 2, **options})
        self.frequencies = torch.nn.Parameter(torch.randn(4), requires_grad=False)
        self.register_buffer("codes", torch.randn(3))
"""


def test_what_a_constructor_draws_is_of_the_seed(world: World, tmp_path: Path, type_line: Gsu) -> None:
    """Frozen features and buffers are kept by a fresh start: each run of one line had others, and other weights."""
    (tmp_path / "random_features.py").write_text(RANDOM)
    found = []
    for k, seed in enumerate((0, 0, 1)):
        torch.manual_seed(k)
        words = ("model._target_=random_features.Features", "training.epochs=1", f"seeds.train={seed}")
        typed = type_line("train", *world.data, *words, f"hydra.run.dir={tmp_path / str(k)}", cwd=tmp_path)
        assert typed.code == 0, typed.err
        found.append(load_file(tmp_path / str(k) / "model.safetensors"))
    first, again, other = found
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in ("frequencies", "codes"))
