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


FALLS = (
    "{}    calls = 0\n"
    "    def loss(self, x, y, generator):\n"
    "        Own.calls += self.training and len(x) > 100\n"
    "        if Own.calls > {}:\n"
    "            raise RuntimeError('enough')\n"
    "        return super().loss(x, y, generator)\n"
)


def test_of_a_training_that_goes_on(world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was mended and resumed is of both codes; a state remembers all that trained it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python takes a file of one length and second for the same
    line = ("train", *world.data, "model._target_=mended_own.Own", *TRAIN[1:-1], "training.epochs=4")
    said, notes = "earlier epochs were trained by other code of `mended_own`: ", []
    for k, most in enumerate((1, 0, 1, 9)):  # the second ends in its first epoch, and leaves the state as it was
        (tmp_path / "mended_own.py").write_text(FALLS.format(OWN.format(k), most), "utf-8")
        sys.modules.pop("mended_own", None)
        typed = gsu(*line, "training.batch_size=180", f"hydra.run.dir=run{k}", *([f"resume=run{k - 1}"] if k else []))
        assert typed.code == (k < 3), typed.err
        notes.append([note for note in Run(tmp_path / f"run{k}").record["notes"] if note.startswith(said)])
        assert (said in typed.out) == (k > 0)
    assert [len(found) for found in notes] == [0, 1, 2, 3]
    assert Run(tmp_path / "run3").record["training"]["resumed_at_epoch"] == 2
