"""Every method on a tiny model of each family: it runs and moves the weights, or says in one sentence what it needs."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

import tiny_diffusion
import tiny_gan
import tiny_world
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.errors import NotApplicableError, UsageError
from gsu_cli.methods.selective_amnesia import generated
from gsu_cli.models.protocols import HasLoss, lacking
from gsu_cli.models.vae.cvae import CVae
from gsu_cli.run.configs import conf_dir
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn
from gsu_cli.verbs.applicable import methods_for

PAGE = Path(__file__).parents[2] / "docs" / "families.md"
BEGIN, END = "<!-- printed by tests/methods/test_families.py -->", "<!-- end -->"
SMALL = {
    "steps": 2, "log_every": 2, "batch_size": 32, "epochs": 1, "n_generated": 200, "n_fisher": 60,
    "n_replay": 60, "labeller_images": 60, "fisher_images": 60, "retain_images": 60, "forget_images": 60,
    "budget_images": 60,
}  # fmt: skip
BANK: dict[str, dict[str, int]] = {key: {"bank_images": 300} for key in ("diffusion", "conditional diffusion", "GAN")}
"""Of families that read it; others refuse it."""
BANK["GAN"]["shots"] = 2  # Fisher surgery takes eight of them
NAMES = sorted(path.stem for path in (conf_dir() / "method").glob("*.yaml"))


class Bare(nn.Module):
    """Draws images and does nothing else: the least that is a generator."""

    shape = (1, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 64)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.sigmoid(self.layer(torch.randn(n, 2, generator=generator))).view(n, 1, 8, 8)

    def generation_parameters(self) -> list[str]:
        return [name for name, _ in self.named_parameters()]


@cache
def conditional() -> CVae:
    """A conditional VAE of the bars, hardly trained: labels 1, 3 and 8 are three of its nine conditions."""
    torch.manual_seed(0)
    model = CVae((1, 8, 8), conditions=9, latent_dim=3, hidden=(16,))
    fit(model, tiny_world.dataset().train, Recipe(20, 100, 1e-2), seed=0)
    return model.eval()


@cache
def split() -> Split:
    """Some images of each class: a method that runs on these runs on more of them."""
    data = tiny_world.dataset()
    few = replace(data, train=data.train[:150], heldout=data.heldout[:60])
    return ForgetSpec.from_values(class_=1).resolve(few, generator=torch.Generator().manual_seed(0))


FAMILIES: dict[str, Any] = {
    "VAE": tiny_world.trained,
    "conditional VAE": conditional,
    "diffusion": tiny_diffusion.trained,
    "conditional diffusion": tiny_diffusion.conditional,
    "GAN": tiny_gan.taught,
    "bare generator": lambda: Bare().eval(),
}


def made(name: str, family: str = "") -> Any:
    options = OmegaConf.load(conf_dir() / "method" / f"{name}.yaml")
    small = {**SMALL, **BANK.get(family, {})}
    options = OmegaConf.merge(options, {k: v for k, v in small.items() if k in options})
    return instantiate(options, _convert_="all")


@cache
def applies(name: str, family: str) -> bool:
    return not lacking(FAMILIES[family](), getattr(made(name), "needs", ()))


def table() -> str:
    """Which method runs on which family."""
    lines = ["| method | " + " | ".join(FAMILIES) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    for name in NAMES:
        cells = ["runs" if applies(name, family) else "n/a" for family in FAMILIES]
        lines.append(f"| [{name}](methods/{name}.md) | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def test_the_page_holds_the_table() -> None:
    text = PAGE.read_text()
    head, rest = text.split(BEGIN)
    written, tail = rest.split(END)
    if os.environ.get("GSU_WRITE_TABLES"):
        PAGE.write_text(f"{head}{BEGIN}\n{table()}\n{END}{tail}")
        return
    assert written.strip() == table(), "GSU_WRITE_TABLES=1 writes it anew"


@cache
def logged(page: Path) -> set[str]:
    """What a page of a method, or that of records, names of `update.details`."""
    text = page.read_text("utf-8")
    head = "update.details.diagnostics" if page.name == "record.md" else "What is logged"
    return set(re.findall(r"`(?:details\.)?(\w+)", text.split(f"## {head}\n")[1].split("\n## ")[0])) | {"diagnostics"}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NAMES)
def test_a_method_runs_or_says_what_it_needs(name: str, family: str) -> None:
    original, method = FAMILIES[family](), made(name, family)
    arguments: dict[str, Any] = {"generator": torch.Generator().manual_seed(0), "recipe": Recipe(1, 100, 1e-3, ema=0.9)}
    if not applies(name, family):
        with pytest.raises(
            NotApplicableError, match=rf"`method={name}` needs a model with .*; found {type(original).__name__}"
        ):
            unlearn(original, split(), method, **arguments)
        return
    before = tiny_world.weights(original)
    model, update = unlearn(original, split(), method, **arguments)
    assert tiny_world.same(before, tiny_world.weights(original)), "the original stays as it is"
    assert not tiny_world.same(before, tiny_world.weights(model))
    assert (update.details["cost"]["gradient_evaluations_per_image"] > 0) == (name != "uce"), "it looks at no image"
    assert set(update.details) - logged(PAGE.parent / "record.md") - logged(PAGE.parent / f"methods/{name}.md") == set()
    if isinstance(original, HasLoss):
        assert set(update.details["diagnostics"]["loss_change"]) == {"forget", "retain"}
    else:
        assert "diagnostics" not in update.details


@pytest.mark.parametrize(
    ("name", "family"), [*((name, "VAE") for name in NAMES if applies(name, "VAE")), ("salun", "diffusion")]
)
def test_fewer_retained_images_than_a_batch_are_enough(name: str, family: str) -> None:
    """And than are forgotten: a step that pairs the two must not run out of partners."""
    spec = ForgetSpec.from_values(sample=list(range(147)))
    lopsided = spec.resolve(split().dataset, generator=torch.Generator().manual_seed(0))
    arguments: dict[str, Any] = {"generator": torch.Generator().manual_seed(0), "recipe": Recipe(1, 100, 1e-3)}
    model, _ = unlearn(FAMILIES[family](), lopsided, made(name, family), diagnostics=False, **arguments)
    assert all(bool(p.isfinite().all()) for p in model.parameters())


@cache
def flow() -> Any:
    """The template of a family, with what curvature asks for and nothing more."""
    path = Path(__file__).parents[1] / "adding" / "family" / "lab" / "straight.py"
    spec = importlib.util.spec_from_file_location("flow_of_the_template", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    model = module.Straight((1, 8, 8))
    fit(model, tiny_world.dataset().train, Recipe(10, 100, 3e-3), seed=0)
    return model.eval()


@pytest.mark.parametrize("name", NAMES)
def test_a_family_of_ones_own_runs_or_is_refused(name: str) -> None:
    method = made(name)
    arguments: dict[str, Any] = {"generator": torch.Generator().manual_seed(0), "recipe": Recipe(1, 100, 1e-3)}
    if name in ("erasediff", "esd", "fisher_surgery", "joint_redirect", "moon", "siss", "uce"):
        with pytest.raises(NotApplicableError, match="needs a model with .*; found Straight"):
            unlearn(flow(), split(), method, **arguments)
        return
    model, _ = unlearn(flow(), split(), method, diagnostics=False, **arguments)
    assert not tiny_world.same(tiny_world.weights(flow()), tiny_world.weights(model))


def test_replay_asks_for_samples_alone() -> None:
    """The contract of an unconditional model has ``sample``, and neither ``noise`` nor ``generate``."""

    class Sampling(type(flow())):  # type: ignore[misc]
        noise = generate = property(lambda self: (_ for _ in ()).throw(AttributeError("not of the contract")))

        def sample(self, n: int, generator: torch.Generator) -> Tensor:
            return torch.rand((n, *self.shape), generator=generator)

    model = Sampling((1, 8, 8))
    model.load_state_dict(flow().state_dict())
    found = generated(model, 30, seed=0)
    assert found.pixels.shape == (30, 1, 8, 8)


def test_random_labels_need_a_target_that_tells_images_apart() -> None:
    model = tiny_diffusion.fresh(prediction="eps")
    with pytest.raises(UsageError, match="needs a denoiser whose target tells images apart"):
        unlearn(model, split(), made("salun"), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_line_names_the_methods_that_run_on_the_model(family: str) -> None:
    """With their usual options, whose needs may differ from the small ones that these tests take."""
    named = methods_for(FAMILIES[family]())
    assert set(named) <= {name for name in NAMES if applies(name, family)}
    assert ("retrain" in named) == (family != "bare generator"), named
