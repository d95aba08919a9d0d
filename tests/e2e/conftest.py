"""The small world of `e2e_world`, trained once a session through the real dispatcher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e_world import Run, World, write_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, type_line: Callable[..., Any]) -> World:
    root = tmp_path_factory.mktemp("world")
    write_world(root / "data")
    data = ("dataset=idx", "dataset.name=strokes", f"dataset.path={root / 'data'}")
    small = ("model.hidden=[32]", "model.latent_dim=2", "training.epochs=6", "training.batch_size=30")

    def train(name: str, *words: str) -> Run:
        typed = type_line("train", *data, *words, f"hydra.run.dir={root / name}", cwd=root)
        assert (typed.code, typed.err) == (0, ""), typed
        return Run(root / name)

    return World(
        data,
        small,
        trained=train("vae", *small),
        retrained=train("retrained", *small, "forget.class=1"),
        judge=train("judge", "model=judge_cnn", "training=judge", "model.width=4", "training.batch_size=30"),
    )


@pytest.fixture
def gsu(type_line: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Type a line in a fresh folder, in process."""
    return lambda *words: type_line(*words, cwd=tmp_path)
