"""bfloat16 in training and sampling: near float32, said in record and weights, never in a loss that counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

import tiny_diffusion
import tiny_world
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.gradients import image_losses
from gsu_cli.methods.ascent import Ascent
from gsu_cli.methods.fisher_scrub import FisherScrub
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.protocol.calibrated import Calibrated
from gsu_cli.run import device as devices
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.surgery import precision
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

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


METHODS: dict[str, Any] = {
    "default": lambda: FisherSurgery(retain_images=200, forget_images=100, budget_images=100),
    "exact": lambda: FisherSurgery(
        solver="gauss_newton", retain_images=200, forget_images=100, budget_images=100, iterations=3
    ),
    "within a budget": lambda: Calibrated(Ascent, Ascent.strength, 0.02, images=100),
    "diagonal": FisherScrub,
}


@pytest.mark.parametrize("name", METHODS)
def test_what_a_budget_rests_on_is_float32_whatever_samples_are_generated_in(name: str) -> None:
    """Losses, gradients, curvature, searches and so the weights: equal to the bit, and no product is rounded."""
    kinds: set[torch.dtype] = set()

    def run() -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        made, g = METHODS[name](), torch.Generator().manual_seed(0)
        model, update = unlearn(tiny_world.trained(), tiny_world.split(), made, generator=g, diagnostics=False)
        return tiny_world.weights(model), update.realised

    class Seen(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            kinds.update(x.dtype for x in tree_leaves(out) if isinstance(x, torch.Tensor))
            return out

    whole = run()
    with precision.samples_in("bfloat16"), Seen():
        rounded = run()
    assert tiny_world.same(whole[0], rounded[0])
    assert whole[1] == rounded[1]
    assert torch.float32 in kinds
    assert torch.bfloat16 not in kinds


def test_statistics_stay_float32_after_training_in_bfloat16() -> None:
    model = tiny_world.fresh()
    fit(model, tiny_world.dataset().train, Recipe(epochs=1, batch_size=100, lr=1e-3, precision="bfloat16"), seed=0)
    split = tiny_world.split()
    with precision.samples_in("bfloat16"):
        fisher = kronecker_fisher(model, split.retain_images, seed=0)
        losses = image_losses(model, split.retain_images, seed=0)
    assert all(t.dtype == torch.float64 for layer in fisher.layers for t in (layer.A, layer.G))
    assert losses.dtype in (torch.float32, torch.float64)
    coarse = losses.to(torch.bfloat16).to(losses.dtype)
    assert not torch.equal(losses, coarse), "more bits than bfloat16 has"


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
