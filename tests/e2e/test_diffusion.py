"""A diffusion model from `gsu train` to `gsu evaluate`: trained, resumed, unlearned and measured by typed lines."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from e2e_world import Run, World, runs, trained_by
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint

TINY = ("model=ddpm", "model.channels=[8,16]", "model.embedding=16", "model.train_steps=50", "model.sample_steps=5")
SHORT = ("training.epochs=3", "training.batch_size=30", "training.lr=1e-2", "training.ema=0.9")


@pytest.fixture(scope="module")
def diffusion(world: World, type_line: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    words = (*world.data, *TINY, *SHORT)
    return trained_by(type_line, words, "trained Ddpm", tmp_path_factory.mktemp("ddpm"))


def unlearn(world: World, diffusion: Run, *words: str) -> list[str]:
    return world.unlearn(*words, weights=diffusion.folder / "model.safetensors")


def test_a_model_brings_its_recipe(diffusion: Run) -> None:
    recipe = diffusion.record["config"]["training"]
    assert (recipe["epochs"], recipe["ema"]) == (3, 0.9)
    losses = diffusion.record["training"]["losses"]
    assert losses[-1] < losses[0]


def test_unlearning_by_a_method_that_needs_the_loss_alone(
    world: World, diffusion: Run, type_line: Any, tmp_path: Path
) -> None:
    line = unlearn(world, diffusion, "method=gradient_surgery", "method.lr=1e-2")
    typed = type_line(*line, cwd=tmp_path)
    assert typed.code == 0, typed.err
    assert "retain loss (MSE of v)" in typed.out
    assert "% retain loss" in typed.out, "the headline names the cost"
    (run,) = runs(tmp_path)
    rows = {(m["name"], m["subject"], m["judge"]): m for m in run.record["measurements"]}
    for part in ("retain", "forget"):
        for subject in ("original", "unlearned"):
            m = rows[f"heldout_loss_{part}", subject, None]
            assert m["unit"] == "MSE of v"
            assert 0 < m["value"] < 2
            assert m["n"] == (60 if part == "retain" else 30)
        moved = rows[f"heldout_loss_{part}", "unlearned", None]
        assert moved["change_low"] is not None
    bands = [m for m in run.record["measurements"] if m["name"].startswith("loss_at_noise_retain")]
    assert len({m["name"] for m in bands}) == 5
    own = [m for m in bands if m["subject"] == "original"]
    times = sum(m["n"] for m in own)
    assert times % 60 == 0
    mean = math.fsum(m["value"] * m["n"] for m in own) / times
    assert mean == pytest.approx(rows["heldout_loss_retain", "original", None]["value"], rel=1e-6)
    assert "loss_at_noise" not in typed.out, "the record has the bands, the table would be too long"
    assert rows["feature_ratio_reconstructions", "original", None]["value"] is None
    assert rows["feature_ratio", "unlearned", "cnn"]["n"] == 60
    assert (run.folder / "samples.png").is_file()
    again = type_line("evaluate", f"run={run.folder}", "paths.output_dir=again", cwd=tmp_path)
    assert again.code == 0, again.err
    (second,) = runs(tmp_path / "again")
    for m in second.record["measurements"]:
        assert m == rows[m["name"], m["subject"], m["judge"]], "measured anew, digit by digit"


def test_the_default_method_runs_on_it(world: World, diffusion: Run, type_line: Any, tmp_path: Path) -> None:
    few = ("method.retain_images=60", "method.forget_images=30", "method.budget_images=60", "method.bank_images=100")
    typed = type_line(*unlearn(world, diffusion, *few, "method.noise_from=0.4"), cwd=tmp_path)
    assert typed.code == 0, typed.err
    assert "change of the training loss, MSE of v: retain" in typed.out
    (run,) = runs(tmp_path)
    update = run.record["update"]
    assert update["method"] == "fisher_surgery"
    assert update["details"]["budget_spent"] <= 0.01
    assert update["details"]["target"]["kind"] == "bank"
    assert {"objective", "gradients", "statistics", "step", "prediction"} <= run.record["seconds"].keys()
    own, moved = diffusion.weights("model"), run.weights("unlearned")
    assert any(not torch.equal(own[k], moved[k]) for k in own)


def test_what_ships_is_sampled_less_often(type_line: Any, tmp_path: Path) -> None:
    found = [
        type_line("unlearn", *words, "forget.class=1", "--cfg", "job", cwd=tmp_path).out
        for words in (("checkpoint=ddpm",), (), ("checkpoint=ddpm", "evaluation.samples=77"))
    ]
    assert ["samples: 2000" in out for out in found] == [True, False, True], "the last: of the checkpoint alone"
    assert "evaluation:\n  samples: ${oc.select:checkpoint.samples,10000}" in found[0]
    assert "evaluation:\n  samples: 77" in found[2]


def test_a_method_that_needs_latents_is_refused_before_judges_are_asked(
    world: World, diffusion: Run, type_line: Any, tmp_path: Path
) -> None:
    typed = type_line(*unlearn(world, diffusion, "method=moon"), cwd=tmp_path)
    assert typed.code == 1 or typed.code == 2
    assert (
        "`method=moon` needs a model with either posterior(), decoder and likelihood, or latents to decode; found Ddpm."
        in typed.err
    )
    assert "Traceback" not in typed.err


def test_killed_after_an_epoch_it_goes_on_to_the_same_averaged_weights(
    world: World, diffusion: Run, type_line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsu_cli.training import whole_epochs as training

    keep, kept = training.keep, []

    def keep_and_stop(*arguments: Any, **named: Any) -> None:
        keep(*arguments, **named)
        kept.append(1)
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "keep", keep_and_stop)
    typed = type_line("train", *world.data, *TINY, *SHORT, cwd=tmp_path)
    assert typed.code != 0
    monkeypatch.undo()
    (first,) = runs(tmp_path)
    assert (first.folder / "state.safetensors").is_file()
    typed = type_line(
        "train", *world.data, *TINY, *SHORT, f"resume={first.folder}", "paths.output_dir=on", cwd=tmp_path
    )
    assert typed.code == 0, typed.err
    (second,) = runs(tmp_path / "on")
    assert second.record["training"]["resumed_at_epoch"] == 2
    a, b = second.weights("model"), diffusion.weights("model")
    assert all(torch.equal(a[k], b[k]) for k in b)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("model.channels=[8,12]",), "`model.channels` must be multiples of 8; found 12"),
        (("model.patch=5",), "need height and width divisible by 10; found 12 x 12"),
        (("model.patch=6",), "the first of `model.channels` must be at least 36"),
        (("training.ema=1.0",), "`training.ema` must be a number in [0, 1); found 1.0"),
        (("training.ema=yes",), "`training.ema` must be a number in [0, 1)"),
        (("model.prediction=x",), "`model.prediction` must be one of eps, v; found x."),
    ],
)
def test_bad_lines_are_one_sentence(
    world: World, type_line: Any, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    typed = type_line("train", *world.data, "model=ddpm", *words, cwd=tmp_path)
    assert typed.code != 0
    assert message in typed.err
    assert "Traceback" not in typed.err


@pytest.mark.parametrize("verb", ["unlearn", "evaluate"])
def test_weights_with_nan_are_refused_before_a_step_or_a_sample(
    world: World, diffusion: Run, type_line: Any, tmp_path: Path, verb: str
) -> None:
    found = load_checkpoint(diffusion.folder / "model.safetensors")
    with torch.no_grad():
        found.model.network.head.bias[0] = torch.nan
    save_checkpoint(tmp_path / "bad.safetensors", found.model, about=found.about)
    line = unlearn(world, diffusion, f"checkpoint.path={tmp_path / 'bad.safetensors'}")
    typed = type_line(verb, *line[1:], cwd=tmp_path)
    assert typed.code == 1
    assert typed.err.startswith("gsu: the weights of a checkpoint must be finite; found nan in network.head.bias of ")
    assert typed.err.count("\n") == 1
    assert not list(tmp_path.rglob("unlearned.safetensors"))
    assert not list(tmp_path.rglob("samples.png"))
