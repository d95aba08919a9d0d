"""Every method on a class-conditional model: it runs, and what it costs is asked at the right labels."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from typing import Any

import pytest
import torch

import gsu_cli.methods
import tiny_conditional as tiny
import tiny_world
from gsu_cli.models.protocols import lacking
from gsu_cli.unlearning.unlearn import unlearn

SHORT: dict[str, dict[str, Any]] = {
    "moon": {"n_generated": 300, "labeller_images": 100},
    "selective_amnesia": {"n_fisher": 100, "n_replay": 100, "labeller_images": 100},
    "retrain": {"epochs": 2},
}


def methods() -> dict[str, Any]:
    """Classes of methods by name."""
    found = {}
    for info in pkgutil.iter_modules(gsu_cli.methods.__path__):
        module = importlib.import_module(f"gsu_cli.methods.{info.name}")
        for kind in vars(module).values():
            name = getattr(kind, "name", None)
            if isinstance(kind, type) and kind.__module__ == module.__name__ and isinstance(name, str):
                found[name] = kind
    return found


def needs(kind: Any) -> Any:
    """Of a method at its defaults, which are asked only where they decide: some import a library."""
    return kind.needs if isinstance(kind.needs, tuple) else kind().needs


@pytest.mark.parametrize("name", sorted(n for n, kind in methods().items() if not lacking(tiny.fresh(), needs(kind))))
def test_it_runs(name: str) -> None:
    kind = methods()[name]
    steps = {"steps": 3} if "steps" in inspect.signature(kind).parameters else {}
    method = kind(**{**steps, **SHORT.get(name, {})})
    g = torch.Generator().manual_seed(0)
    model, update = unlearn(
        tiny.trained(), tiny_world.split(), method, generator=g, recipe=tiny.RECIPE, diagnostics=False
    )
    assert update.step_norm is not None
    assert math.isfinite(update.step_norm)
    assert update.step_norm > 0
    noise = model.noise(20, torch.Generator().manual_seed(1))
    assert torch.isfinite(model.generate(noise, torch.full((20,), 1))).all()
