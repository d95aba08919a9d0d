"""A class of one's own that was changed between two lines is said where their numbers meet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e_world import EVALUATION, Run, World

Gsu = Callable[..., Any]
OWN = "from gsu_cli.models.vae.mlp_vae import MlpVae\nclass Own(MlpVae):\n    beta = {}\n"
TRAIN = ("model._target_=changed_own.Own", "+model.hidden=[8]", "+model.latent_dim=2", "training.epochs=1")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "changed_own.py").write_text(OWN.format(1), "utf-8")
    yield tmp_path / "changed_own.py"
    sys.modules.pop("changed_own", None)


def test_of_runs_and_references(world: World, gsu: Gsu, tmp_path: Path, own: Path) -> None:
    line = ("train", *world.data, *TRAIN)
    same = [*line, "forget.class=0", "hydra.run.dir=same"]
    for words in ([*line, "hydra.run.dir=whole"], same):
        typed = gsu(*words)
        assert (typed.code, typed.err) == (0, ""), typed.err
    own.write_text(OWN.format(2), "utf-8")
    assert gsu(*line, "forget.class=0", "hydra.run.dir=other").code == 0
    unlearn = ("unlearn", *world.data, *world.judged, *EVALUATION, "metric=[feature_ratio]", "method=ascent",
               "forget.class=0", "checkpoint.path=whole/model.safetensors")  # fmt: skip
    for name in ("same", "other"):
        reference = f"checkpoint.retrained={name}/model.safetensors"
        assert gsu(*unlearn, reference, f"hydra.run.dir=run_{name}").code == 0
    said = "the retrained reference was trained by other code of `changed_own`: "
    assert [said in " ".join(Run(tmp_path / f"run_{name}").record["notes"]) for name in ("same", "other")] == [0, 1]
    assert gsu("evaluate", "run=run_same", "hydra.run.dir=again").code == 0
    assert not any("other code" in note for note in Run(tmp_path / "again").record["notes"])
    own.write_text(OWN.format(3), "utf-8")
    typed = gsu("evaluate", "run=run_same", "hydra.run.dir=later")
    assert "NOTE  the run was made by other code of `changed_own`: " in typed.out + typed.err
    assert any("the run was made by other code" in note for note in Run(tmp_path / "later").record["notes"])
