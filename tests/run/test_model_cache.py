"""Models that an audit trains once: found again only by what made them, and apart from what another audit trains."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gsu_cli.data.base import Images
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.verbs import audit_models
from gsu_cli.verbs.model_cache import made_of

OWN = "from gsu_cli.models.vae.mlp_vae import MlpVae\nclass Own(MlpVae):\n    beta = {}\n"


def inputs_of(model: Any) -> Any:
    record = SimpleNamespace(split={}, inputs={"dataset": {"sha256": "a"}})
    session = SimpleNamespace(record=record, device=torch.device("cpu"), stage=lambda _: contextlib.nullcontext())
    recipe = SimpleNamespace(facts=lambda: {"epochs": 1})
    return SimpleNamespace(session=session, first=SimpleNamespace(model=model), recipe=recipe)


def test_a_class_of_ones_own_that_was_changed_made_other_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    own = tmp_path / "found_again_own.py"
    own.write_text(OWN.format(1), encoding="utf-8")
    model = importlib.import_module("found_again_own").Own(shape=(1, 2, 2), latent_dim=1, hidden=(2,))
    before = made_of(inputs_of(model))
    assert before == made_of(inputs_of(model))
    own.write_text(OWN.format(2), encoding="utf-8")
    assert before != made_of(inputs_of(model))
    assert "code" not in made_of(inputs_of(MlpVae(shape=(1, 2, 2), latent_dim=1, hidden=(2,))))


def test_what_another_audit_reads_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = MlpVae(shape=(1, 2, 2), latent_dim=1, hidden=(2,))
    images = Images(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.zeros(4, dtype=torch.long))
    wanted = [audit_models.Wanted(tmp_path / str(k) / audit_models.MODEL, k, {}, f"model {k}") for k in (1, 2)]

    def trained(_: Any, jobs: Any, **__: Any) -> Iterator[tuple[int, int]]:
        if os.getpid() == first:
            monkeypatch.setattr(audit_models.os, "getpid", lambda: first + 1)  # another audit begins and ends meanwhile
            audit_models.train_all(inputs_of(model), images, wanted, stage="references", workers=2)
        assert all(Path(path).is_file() for path in jobs[0][:2])
        return iter([(0, 0), (1, 0)])

    first = os.getpid()
    monkeypatch.setattr(audit_models, "in_processes", trained)
    monkeypatch.setattr(audit_models, "cores", lambda: 2)
    audit_models.train_all(inputs_of(model), images, wanted, stage="references", workers=2)
    assert not list(tmp_path.iterdir())
