"""bfloat16 in training and sampling: near float32, said in record and weights, never in a loss that counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_diffusion
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.gradients import image_losses
from gsu_cli.run import device as devices
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.surgery import precision
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe

BITS = 2**-8  # of bfloat16


@pytest.mark.parametrize("family", [tiny_world, tiny_diffusion])
def test_training_and_samples_are_near(family: Any) -> None:
    models, losses = [], []
    for name in precision.PRECISIONS:
        model = family.fresh()
        recipe = Recipe(epochs=2, batch_size=100, lr=1e-3, precision=name)
        losses.append(fit(model, tiny_world.dataset().train, recipe, seed=0).losses[-1])
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        models.append(model)
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=4 * BITS)
    whole = generate_samples(models[0], 50, 0)
    with precision.samples_in("bfloat16"):
        rounded = generate_samples(models[0], 50, 0)
        again = image_losses(models[0], tiny_world.dataset().train, seed=0)
    assert not torch.equal(whole, rounded)
    assert (whole.float() - rounded.float()).abs().mean() < 255 * 4 * BITS
    assert torch.equal(again, image_losses(models[0], tiny_world.dataset().train, seed=0))


def test_what_it_is_refused_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert devices.choose_precision("float32", torch.device("meta")) == "float32"
    with pytest.raises(UsageError, match="`precision` must be one of float32, bfloat16; found float16"):
        devices.choose_precision("float16", cpu)
    monkeypatch.setattr(devices, "computes_in", lambda *_: False)
    with pytest.raises(UsageError, match="needs a device that computes in it; found cpu, which has no instructions"):
        devices.choose_precision("bfloat16", cpu)
    assert "precision" not in Recipe().facts()  # files of before say nothing of it either
    assert Recipe(**Recipe(precision="bfloat16").facts()).precision == "bfloat16"


def test_the_line_says_it(type_line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "computes_in", lambda *_: True)
    line = ["dataset=mnist", "dataset.download=false", "model.hidden=[8]", "training.epochs=1", "precision=bfloat16"]
    typed = type_line("train", *line, "hydra.run.dir=t", cwd=tmp_path)
    assert typed.code == 0, typed.err
    said = json.loads((tmp_path / "t" / "record.json").read_text())
    assert said["device"]["autocast"] == "bfloat16"
    about = load_checkpoint(tmp_path / "t" / "model.safetensors").about
    assert about["recipe"]["precision"] == "bfloat16"
    typed = type_line("train", "dataset=mnist", "dataset.download=false", "precision=half", cwd=tmp_path)
    assert typed.code == 2
    assert typed.err == "gsu: `precision` must be one of float32, bfloat16; found half.\n"
