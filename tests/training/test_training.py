"""The training loop: a pure function of its arguments, whole epochs or nothing, bit-identical after any end."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import asdict
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from forked import Forked
from gsu_cli.data.base import Images
from gsu_cli.errors import CheckpointError, DataError, NonFiniteError, OutputError, UsageError
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.checkpoints import save_checkpoint
from gsu_cli.run.tensor_files import read_tensors
from gsu_cli.training.history import History, Progress
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.training.state import sealed
from tiny_world import same, weights

N, BATCH = 50, 16  # the last of four batches has two images
RECIPE = Recipe(epochs=5, batch_size=BATCH, lr=1e-2, weight_decay=0.01)
Weights = dict[str, Tensor]


def data(n: int = N) -> Images:
    pixels = (torch.arange(n * 9) * 37 % 251).to(torch.uint8).reshape(n, 1, 3, 3)
    return Images(pixels, torch.arange(n) % 2)


def fresh(kind: Callable[..., nn.Module] = MlpVae) -> nn.Module:
    torch.manual_seed(0)
    return kind([1, 3, 3], latent_dim=2, hidden=[8])


class Dropping(MlpVae):
    """Has layers that draw from torch's global generator, and buffers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.encoder.append(nn.Dropout(0.3))
        self.encoder.append(nn.BatchNorm1d(8))


class Tied(MlpVae):
    """Two names for one tensor."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.encoder[1].bias = self.decoder[0].bias


class At:
    """Does something at the ``call``-th loss of training, counted from 1."""

    def __init__(self, model: nn.Module, call: int, do: Callable[[Tensor], Tensor]) -> None:
        self.loss, self.call, self.do, self.calls = model.loss, call, do, 0
        model.loss = self  # type: ignore[assignment]

    def __call__(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        self.calls += 1
        found = self.loss(x, y, generator)
        return self.do(found) if self.calls == self.call else found


def stop(error: type[BaseException]) -> Callable[[Tensor], Tensor]:
    def do(_: Tensor) -> Tensor:
        raise error

    return do


def trained(recipe: Recipe = RECIPE, seed: int = 0, model: nn.Module | None = None, **options: Any) -> Weights:
    model = fresh() if model is None else model
    fit(model, data(), recipe, seed=seed, **options)
    return weights(model)


@pytest.fixture(scope="module")
def epochs() -> list[Weights]:
    """The weights before training and after each epoch of an undisturbed run."""
    model, seen = fresh(), []
    seen.append(weights(model))
    loss = model.loss
    calls = 0

    def spy(*args: Any) -> Tensor:
        nonlocal calls
        if calls and calls % 4 == 0:
            seen.append(weights(model))
        calls += 1
        return loss(*args)

    model.loss = spy  # type: ignore[assignment]
    fit(model, data(), RECIPE, seed=0)
    assert calls == 5 * 4
    return [*seen, weights(model)]


def test_same_seed_same_weights_other_seed_other_weights(epochs: list[Weights]) -> None:
    assert same(trained(), epochs[-1])
    assert not same(trained(seed=1), epochs[-1])
    assert not same(epochs[-2], epochs[-1])


def test_the_global_generator_is_left_alone_and_does_not_matter(epochs: list[Weights]) -> None:
    model = fresh()
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    assert same(trained(model=model), epochs[-1])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_listening_changes_nothing(epochs: list[Weights], tmp_path: Path) -> None:
    heard: list[Progress] = []
    assert same(trained(on_progress=heard.append, state=tmp_path / "state"), epochs[-1])
    assert (heard[-1].step, heard[-1].steps, heard[-1].epoch, heard[-1].epochs) == (20, 20, 5, 5)
    assert [p.step for p in heard] == sorted(p.step for p in heard)


def test_the_history_weighs_images_not_batches() -> None:
    """Against a plain loop; the last batch is smaller."""
    model, values = fresh(), []
    loss = model.loss

    def spy(x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        values.append(loss(x, y, generator))
        return values[-1]

    model.loss = spy  # type: ignore[assignment]
    history = fit(model, data(), RECIPE, seed=0)
    assert [len(v) for v in values] == [16, 16, 16, 2] * 5
    means = [torch.cat(values[4 * e : 4 * e + 4]).double().mean().item() for e in range(5)]
    assert history.losses == pytest.approx(means, rel=1e-6)
    assert history.seconds > 0
    assert history.losses[-1] < history.losses[0]


def test_every_image_is_seen_once_an_epoch_in_another_order() -> None:
    model, seen = fresh(), []
    loss = model.loss

    def spy(x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        seen.append(x)
        return loss(x, y, generator)

    model.loss = spy  # type: ignore[assignment]
    images = data()
    fit(model, images, Recipe(epochs=2, batch_size=7), seed=0)
    first, second = torch.cat(seen[:8]), torch.cat(seen[8:])
    assert (
        sorted(map(str, first.tolist()))
        == sorted(map(str, second.tolist()))
        == sorted(map(str, images.floats().tolist()))
    )
    assert not torch.equal(first, second)


@pytest.mark.parametrize(("n", "batch"), [(1, 1), (1, 100), (3, 2), (4, 4)])
def test_small_sets(n: int, batch: int) -> None:
    history = fit(fresh(), data(n), Recipe(epochs=1, batch_size=batch), seed=0)
    assert len(history.losses) == 1


@pytest.mark.parametrize(
    ("n", "batch", "sizes"), [(33, 16, [16, 17]), (34, 16, [16, 16, 2]), (2, 5, [2]), (5, 2, [2, 3])]
)
def test_batch_norm_is_left_no_single_image(n: int, batch: int, sizes: list[int]) -> None:
    model, seen = fresh(Dropping), []
    loss = model.loss

    def spy(x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        seen.append(len(x))
        return loss(x, y, generator)

    model.loss = spy  # type: ignore[assignment]
    fit(model, data(n), Recipe(epochs=2, batch_size=batch), seed=0)
    assert seen == sizes * 2


@pytest.mark.parametrize(("n", "batch"), [(1, 16), (5, 1)])
def test_batch_norm_does_not_learn_from_single_images(n: int, batch: int) -> None:
    message = f"batches of at least two images; found {n} images in batches of {batch}. Choose more images"
    with pytest.raises(UsageError, match=message):
        fit(fresh(Dropping), data(n), Recipe(epochs=1, batch_size=batch), seed=0)


def test_no_images() -> None:
    with pytest.raises(DataError, match="training needs at least one image; found 0"):
        fit(fresh(), data(0), RECIPE, seed=0)


def test_every_epoch_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gsu_cli.training.loop"):
        history = fit(fresh(), data(), RECIPE, seed=0)
    assert caplog.messages == [f"epoch {k + 1}/5: mean loss {loss:.6g}" for k, loss in enumerate(history.losses)]


@pytest.mark.parametrize("call", [1, 4, 5, 10, 20])
@pytest.mark.parametrize("kind", [MlpVae, Dropping, Tied])
def test_stopped_anywhere_and_resumed_is_bit_identical(tmp_path: Path, kind: type[MlpVae], call: int) -> None:
    whole = fresh(kind)
    undisturbed = fit(whole, data(), RECIPE, seed=0)
    model, state, history = fresh(kind), tmp_path / "state", History()
    At(model, call, stop(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fit(model, data(), RECIPE, seed=0, state=state, history=history)
    done = (call - 1) // 4
    assert history.losses == undisturbed.losses[:done]
    assert state.exists() == (done > 0)
    model = fresh(kind)
    torch.manual_seed(99)
    resumed = fit(model, data(), RECIPE, seed=0, state=state)
    assert same(weights(model), weights(whole))
    assert resumed.losses == undisturbed.losses
    assert resumed.resumed_at_epoch == done


def test_stopped_by_its_listener_and_resumed(epochs: list[Weights], tmp_path: Path) -> None:
    def listener(p: Progress) -> None:
        if p.epoch > 1 or p.step == 1:
            raise RuntimeError("the window was closed")

    model = fresh()
    with pytest.raises(RuntimeError, match="window"):
        fit(model, data(), RECIPE, seed=0, state=tmp_path / "state", on_progress=listener)
    assert same(weights(model), epochs[0])
    assert same(trained(state=tmp_path / "state"), epochs[-1])


@pytest.mark.parametrize("moment", ["in the middle of an epoch", "while the state is written"])
def test_killed_and_resumed_is_bit_identical(epochs: list[Weights], tmp_path: Path, moment: str) -> None:
    """SIGKILL: nothing of the process has a chance to tidy up."""
    state = tmp_path / "state.safetensors"

    def killed() -> None:
        def die(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        model = fresh()
        if moment == "in the middle of an epoch":
            At(model, 11, die)
        else:
            syncs, sync = [], os.fsync
            os.fsync = lambda fd: die() if len(syncs) == 2 else syncs.append(sync(fd))
        fit(model, data(), RECIPE, seed=0, state=state)

    process = Forked(killed, tmp_path, tmp_path)
    assert process.wait() == -signal.SIGKILL, process.communicate()
    assert len(read_tensors(state)[0]["losses"]) == 2
    model = fresh()
    history = fit(model, data(), RECIPE, seed=0, state=state)
    assert history.resumed_at_epoch == 2
    assert same(weights(model), epochs[-1])


def test_nothing_left_to_do(epochs: list[Weights], tmp_path: Path) -> None:
    """Killed after the last epoch's state and before the checkpoint."""
    state = tmp_path / "state"
    first = fit(fresh(), data(), RECIPE, seed=0, state=state)
    heard: list[Progress] = []
    model = fresh()
    again = fit(model, data(), RECIPE, seed=0, state=state, on_progress=heard.append)
    assert same(weights(model), epochs[-1])
    assert (again.losses, again.resumed_at_epoch) == (first.losses, 5)
    assert heard == [Progress(20, 20, 5, 5, first.losses[-1])]
    assert not model.training


@pytest.mark.parametrize("bad", [nan, inf])
def test_a_loss_that_is_no_number_keeps_the_last_whole_epoch(epochs: list[Weights], tmp_path: Path, bad: float) -> None:
    model, history = fresh(), History()
    At(model, 11, lambda loss: loss * bad)
    with pytest.raises(NonFiniteError, match=rf"\(epoch 3, step 3 of 4\); found {bad}\. Lower training\.lr"):
        fit(model, data(), RECIPE, seed=0, state=tmp_path / "state", history=history)
    assert same(weights(model), epochs[2])
    assert len(history.losses) == 2
    assert not model.training


def test_weights_broken_by_an_epochs_last_step_are_not_kept(epochs: list[Weights], tmp_path: Path) -> None:
    """No loss comes after that step; the state on disk must not learn of it."""
    model, history = fresh(), History()

    def break_the_gradient(loss: Tensor) -> Tensor:
        loss.register_hook(lambda g: g * nan)
        return loss

    At(model, 8, break_the_gradient)
    with pytest.raises(NonFiniteError, match=r"the weights must stay finite \(end of epoch 2\); found nan or inf in"):
        fit(model, data(), RECIPE, seed=0, state=tmp_path / "state", history=history)
    assert same(weights(model), epochs[1])
    assert len(history.losses) == 1
    assert same(trained(state=tmp_path / "state"), epochs[-1])


def test_an_old_history_does_not_count(epochs: list[Weights]) -> None:
    assert same(trained(history=History(losses=[1.0, 2.0], resumed_at_epoch=2)), epochs[-1])


def test_a_full_disk_keeps_the_last_state(
    epochs: list[Weights], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, calls = os.fsync, []

    def full_later(fd: int) -> None:
        calls.append(fd)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        sync(fd)

    monkeypatch.setattr(os, "fsync", full_later)
    model, history = fresh(), History()
    with pytest.raises(OutputError, match="the disk is full"):
        fit(model, data(), RECIPE, seed=0, state=tmp_path / "state", history=history)
    assert os.listdir(tmp_path) == ["state"]
    assert same(weights(model), epochs[3])
    assert len(history.losses) == 3
    monkeypatch.undo()
    assert same(trained(state=tmp_path / "state"), epochs[-1])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a run that was stopped in its third epoch."""
    path, model = tmp_path / "state", fresh()
    At(model, 9, stop(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fit(model, data(), RECIPE, seed=0, state=path, identity={"forget": "class_1"})
    return path


OTHERS = [
    ({"seed": 1}, "to resume, `seed` must be what it was; found 1 (it was 0)."),
    ({"n": 40}, "to resume, `n` must be what it was; found 40 (it was 50)."),
    ({"identity": {"forget": "class_2"}}, "to resume, `forget` must be what it was; found class_2 (it was class_1)."),
    ({"identity": {}}, "to resume, `forget` must be what it was; found none (it was class_1)."),
    ({"lr": 0.5}, "to resume, `recipe` must be what it was; found lr 0.5 (it was 0.01)."),
    ({"epochs": 9}, "to resume, `recipe` must be what it was; found epochs 9 (it was 5)."),
    ({"hidden": [9]}, "to resume, the model must be what it was; found weights of other names or shapes."),
    ({"hidden": [8, 8]}, "to resume, the model must be what it was; found weights of other names or shapes."),
]


@pytest.mark.parametrize(("changes", "message"), OTHERS)
def test_another_runs_state_is_refused_and_changes_nothing(state: Path, changes: dict[str, Any], message: str) -> None:
    values = {**asdict(RECIPE), **{k: v for k, v in changes.items() if k in asdict(RECIPE)}}
    model = MlpVae([1, 3, 3], latent_dim=2, hidden=changes.get("hidden", [8]))
    before, bytes_before = weights(model), state.read_bytes()
    with pytest.raises(CheckpointError) as caught:
        fit(
            model,
            data(changes.get("n", N)),
            Recipe(**values),
            seed=changes.get("seed", 0),
            state=state,
            identity=changes.get("identity", {"forget": "class_1"}),
        )
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(". Type the same command, or train anew without resume.")
    assert same(weights(model), before)
    assert state.read_bytes() == bytes_before


def altered(state: Path) -> None:
    tensors, text = load_file(state), json.dumps(read_tensors(state)[0])
    tensors["model/posterior_head.bias"][0] += 1
    save_file(tensors, state, metadata={"gsu": text})


def written(state: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """With the digest that goes with it, as if training had written it."""
    save_file(tensors, state, metadata={"gsu": json.dumps({**meta, "digest": sealed(tensors, meta)})})


def told(**changes: Any) -> Callable[[Path], None]:
    """Writes another word of the metadata, whose tensors are whole."""

    def change(state: Path) -> None:
        meta, tensors = read_tensors(state)
        written(state, tensors, {**meta, **changes})

    return change


def retouched(**changes: Any) -> Callable[[Path], None]:
    """Changes a word of the metadata after training wrote it."""

    def change(state: Path) -> None:
        meta, tensors = read_tensors(state)
        save_file(tensors, state, metadata={"gsu": json.dumps({**meta, **changes})})

    return change


def without_moments(state: Path) -> None:
    meta, tensors = read_tensors(state)
    kept = {k: v for k, v in tensors.items() if not k.startswith("optimiser/")}
    kept["optimiser/99/step"] = torch.zeros(())
    written(state, kept, meta)


def not_a_number(state: Path) -> None:
    meta, tensors = read_tensors(state)
    tensors["model/posterior_head.bias"][0] = nan
    written(state, tensors, meta)


def moments_of_no_number(state: Path) -> None:
    meta, tensors = read_tensors(state)
    next(t for k, t in tensors.items() if k.endswith("exp_avg")).view(-1)[0] = nan
    written(state, tensors, meta)


WROTE = "a training state must hold what training wrote; found"
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "altered": (altered, "a training state must match its digest; found a mismatch in"),
    "truncated": (
        lambda p: p.write_bytes(p.read_bytes()[:-9]),
        "a training state must be a whole safetensors file; found.* Train anew without resume",
    ),
    "empty": (lambda p: p.write_bytes(b""), "must be a whole safetensors file"),
    "no metadata": (
        lambda p: save_file({"a": torch.zeros(1)}, p),
        "a training state must carry gsu metadata.* Train anew without resume",
    ),
    "nan": (not_a_number, "weights of a training state must be finite; found nan in posterior_head.bias of"),
    "nan in moments": (
        moments_of_no_number,
        "the optimiser of a training state must be finite; found optimiser/0/exp_avg of",
    ),
    "fewer losses": (retouched(losses=[1.0]), "must match its digest"),
    "more losses": (retouched(losses=[1.0] * 99), "must match its digest"),
    "another rate": (retouched(groups=[{"lr": 9.0}]), "must match its digest"),
    "losses of nan": (told(losses=[nan, 1.0]), WROTE),
    "no losses": (told(losses=None), WROTE),
    "losses that are none": (told(losses=["much"]), WROTE),
    "facts that are none": (told(facts=3), WROTE),
    "no groups": (told(groups=[]), WROTE),
    "groups without betas": (told(groups=[{"lr": 1.0}]), WROTE),
    "no schedule": (told(schedule=None), WROTE),
    "an empty schedule": (told(schedule={}), WROTE),
    "moments of no parameter": (without_moments, WROTE),
    "a checkpoint": (lambda p: save_checkpoint(p, fresh(), about={}), "to resume, a training state is needed"),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "must be a whole safetensors file"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_refused(state: Path, damage: str) -> None:
    do, message = DAMAGES[damage]
    do(state)
    model = fresh()
    before = weights(model)
    with pytest.raises(CheckpointError, match=message) as caught:
        fit(model, data(), RECIPE, seed=0, state=state, identity={"forget": "class_1"})
    assert same(weights(model), before)
    assert str(state) in str(caught.value), "the file that is to be looked at"


def test_a_state_elsewhere_is_gone_on_with_and_never_written(
    state: Path, epochs: list[Weights], tmp_path: Path
) -> None:
    before, new = state.read_bytes(), tmp_path / "new"
    model, history, identity = fresh(), History(), {"forget": "class_1"}
    At(model, 2, stop(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fit(model, data(), RECIPE, seed=0, state=new, resume=state, identity=identity, history=history)
    assert history.resumed_at_epoch == len(history.losses) == 2
    assert new.read_bytes() == before, "the new run can be gone on with as well"
    fit(fitted := fresh(), data(), RECIPE, seed=0, state=tmp_path / "other", resume=state, identity=identity)
    assert same(weights(fitted), epochs[-1])
    assert state.read_bytes() == before


def test_a_state_elsewhere_that_is_refused_is_named_and_leaves_nothing(state: Path, tmp_path: Path) -> None:
    altered(state)
    with pytest.raises(CheckpointError) as caught:
        fit(fresh(), data(), RECIPE, seed=0, state=tmp_path / "new", resume=state)
    assert str(caught.value).endswith(f"found a mismatch in {state}. Train anew without resume.")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *[({"epochs": v}, f"`training.epochs` must be an integer >= 1; found {v!r}.") for v in (0, -1, 1.5, "3", True)],
        ({"epochs": None}, "`training.epochs` must be an integer >= 1; found null."),
        *[({"batch_size": v}, f"`training.batch_size` must be an integer >= 1; found {v!r}.") for v in (0, False)],
        ({"batch_size": 2.0}, "`training.batch_size` must be an integer >= 1; found 2.0. Type training.batch_size=2"),
        *[
            ({"lr": v}, f"`training.lr` must be a finite number > 0; found {v!r}.")
            for v in (0, 0.0, -1e-3, nan, inf, -inf, "x", True, [1e-3])
        ],
        ({"lr": None}, "`training.lr` must be a finite number > 0; found null."),
        *[
            ({"weight_decay": v}, f"`training.weight_decay` must be a finite number >= 0; found {v!r}.")
            for v in (-1, nan, inf, "x", True)
        ],
    ],
)
def test_bad_recipes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(**options)
    assert str(caught.value) == message


def test_good_recipes() -> None:
    assert Recipe(**asdict(RECIPE)) == RECIPE
    assert Recipe(epochs=1, batch_size=1, lr=1, weight_decay=0).lr == 1
