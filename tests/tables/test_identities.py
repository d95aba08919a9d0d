"""What names a finished cell: all that decides its numbers, and nothing that only lies beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gsu_cli.tables.spec import TableSpec
from gsu_cli.verbs.cell import Identities
from gsu_cli.verbs.composing import configs

TABLE = {"name": "tiny", "base": "dataset=mnist dataset.download=false", "rows": {"one": "forget.class=1"}}
FOLDERS = ("measured_dir", "output_dir")


@pytest.fixture(autouse=True)
def _configs() -> Iterator[None]:
    with configs():
        yield


@pytest.mark.parametrize("models", [{}, {"tiny": ["dataset=mnist", "dataset.download=false"]}])
def test_what_runs_leave_behind_renames_no_cell(models: dict[str, list[str]], tmp_path: Path) -> None:
    """A folder of results that fills from run to run would otherwise make every cell a new one."""
    (cell,) = TableSpec.of({**TABLE, "columns": {"ascent": "method=ascent"}, "seeds": [0]}).cells()
    shared = [f"paths.{name}={tmp_path / name}" for name in FOLDERS]
    before = Identities(shared, models, tmp_path / "cells")
    key, of_model = before.key(cell), [before.model_key(name) for name in models]
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        save_file({"x": torch.zeros(1)}, tmp_path / name / "features-0.safetensors")
    after = Identities(shared, models, tmp_path / "cells")
    assert after.key(cell) == key
    assert [after.model_key(name) for name in models] == of_model


def test_code_of_ones_own_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that was changed kept its name, and its old numbers."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (cell,) = TableSpec.of({**TABLE, "columns": {"own": "method._target_=identities_own.Own"}, "seeds": [0]}).cells()
    keys = set()
    for value in ("0", "1"):
        (tmp_path / "identities_own.py").write_text(f"class Own:\n    amount = {value}\n", encoding="utf-8")
        keys.add(Identities([]).key(cell))
    (tmp_path / "beside.py").write_text("", encoding="utf-8")
    keys.add(Identities([]).key(cell))
    assert len(keys) == 2


def test_weights_that_it_names_do(tmp_path: Path) -> None:
    lines = {"ascent": f"method=ascent checkpoint.path={tmp_path / 'own'}"}
    (cell,) = TableSpec.of({**TABLE, "columns": lines, "seeds": [0]}).cells()
    (tmp_path / "own").mkdir()
    keys = set()
    for value in (0.0, 1.0):
        save_file({"x": torch.full((1,), value)}, tmp_path / "own" / "model.safetensors")
        keys.add(Identities([]).key(cell))
    assert len(keys) == 2
