"""A class-conditional VAE from `gsu train` to `gsu evaluate`, and what is said where conditions do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from e2e_world import EVALUATION, Run, World, runs, strokes, write_idx

ASKED = ("asked_forgotten", "asked_others", "asked_nothing", "relearned")


@pytest.fixture(scope="module")
def conditional(world: World, type_line: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("cvae")
    small = ("model.hidden=[32]", "model.latent_dim=2", "training.epochs=12", "training.batch_size=30")
    typed = type_line("train", *world.data, "model=cvae", *small, "training.lr=1e-2", cwd=folder)
    assert typed.code == 0, typed.err
    (run,) = runs(folder)
    assert run.weights("model")["condition_shares"].tolist() == pytest.approx([1 / 3] * 3)
    return run


@pytest.fixture
def states(conditional: Run, world: World, tmp_path: Path) -> dict[str, Path]:
    """Weights without their class."""
    found = {"told": tmp_path / "told.pt", "plain": tmp_path / "plain.pt"}
    torch.save(conditional.weights("model"), found["told"])
    torch.save(world.trained.weights("model"), found["plain"])
    return found


def test_unlearned_measured_and_measured_again(world: World, conditional: Run, type_line: Any, tmp_path: Path) -> None:
    path = conditional.folder / "model.safetensors"
    words = (*world.data, f"checkpoint.path={path}", "forget.class=1", *world.judged, *EVALUATION)
    typed = type_line("unlearn", *words, "metric.relearned.steps=20", cwd=tmp_path)
    assert typed.code == 0, typed.err
    for words_ in ("asked for it (CNN)", "asked for others (kNN)", "asked for nothing (CNN)", "word relearnt (kNN)"):
        assert words_ in typed.out
    (run,) = runs(tmp_path)
    rows = {(m["name"], m["subject"], m["judge"]): m for m in run.record["measurements"]}
    for way in ASKED:
        for subject in ("original", "unlearned"):
            for judge in ("cnn", "knn"):
                m = rows[f"feature_ratio_{way}", subject, judge]
                assert (m["unit"], m["better"]) == ("share", "lower")
                assert 0 <= m["low"] <= m["value"] <= m["high"] <= 1
                assert m["n"] == 60 or (way == "asked_others" and 20 < m["n"] < 60)
    assert not [m for m in run.record["measurements"] if m["subject"] == "data" and m["name"][14:] in ASKED]
    assert (run.folder / "samples.png").is_file()
    assert torch.equal(run.weights("unlearned")["condition_shares"], conditional.weights("model")["condition_shares"])
    again = type_line("evaluate", f"run={run.folder}", "paths.output_dir=again", cwd=tmp_path)
    assert again.code == 0, again.err
    (second,) = runs(tmp_path / "again")
    assert len(second.record["measurements"]) == len(rows)
    for m in second.record["measurements"]:
        assert m == rows[m["name"], m["subject"], m["judge"]], "measured anew, digit by digit"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model=cvae", "model.conditions=7"), "number of classes of the data; found 7 for 3"),
        (("model=cvae", "model.conditions=0"), "at least two classes"),
        (("model=ddpm_conditional", "model.conditions=0"), "`model=ddpm_conditional` is told the class of an image"),
        (("model=ddpm", "model.drop=0.1"), "`model.drop` must be left out for a model without conditions"),
        (("model=ddpm", "model.conditions=12"), "number of classes of the data; found 12 for 3"),
        (("model=cvae", "model.drop=1"), "`model.drop` must be a number in [0, 1); found 1"),
        (("model=ddpm", "model.guidance=3"), "`model.guidance` needs a conditional diffusion model"),
        (("model=ddpm_conditional", "model.guidance=-1"), "`model.guidance` must be a finite number >= 0"),
    ],
)  # fmt: skip
def test_models_that_cannot_be_trained(world: World, gsu: Any, words: tuple[str, ...], said: str) -> None:
    typed = gsu("train", *world.data, *words)
    assert typed.code == 2
    assert said in typed.err


def test_weights_whose_class_is_not_conditional(world: World, states: Any, gsu: Any) -> None:
    line = ("unlearn", *world.data, *world.judged, *EVALUATION, "forget.class=1", "model.hidden=[32]")
    typed = gsu(*line, "model=mlp_vae", "model.latent_dim=2", f"checkpoint.path={states['told']}")
    assert typed.code == 1
    assert "weights of a conditional model need a conditional class" in typed.err
    assert "model=cvae" in typed.err
    typed = gsu(*line, "model=cvae", "model.latent_dim=2", f"checkpoint.path={states['plain']}")
    assert typed.code == 1
    assert "a class of 3 conditions needs weights of a conditional model" in typed.err
    assert typed.err.count("gsu:") == 1


OWN = """
import torch
from gsu_cli.models.vae.cvae import CVae

class Lean(CVae):
    def __init__(self, shape):
        super().__init__(shape, conditions=3, hidden=[32], latent_dim=2)
        del self.condition_shares

    def config(self):
        return {"shape": list(self.shape)}

    def sample(self, n, generator):
        return self.generate(self.noise(n, generator), torch.randint(3, (n,), generator=generator))
"""


def test_conditional_weights_of_another_program(conditional: Run, world: World, gsu: Any, tmp_path: Path) -> None:
    """They were refused as unconditional: only gsu writes how often training met each class."""
    weights = {k: v for k, v in conditional.weights("model").items() if k != "condition_shares"}
    torch.save(weights, tmp_path / "theirs.pt")
    torch.save({f"net.{k}": v for k, v in weights.items()}, tmp_path / "inside.pt")
    (tmp_path / "lean.py").write_text(OWN, encoding="utf-8")
    ours = ("model=cvae", "model.hidden=[32]", "model.latent_dim=2")
    line = ("evaluate", *world.data, *world.judged, *EVALUATION)
    typed = gsu(*line, *ours, "checkpoint.path=theirs.pt", "hydra.run.dir=ours")
    assert typed.code == 0, typed.err
    assert "the file does not say how often training met each class" in " ".join(typed.out.split())
    assert Run(tmp_path / "ours").weights("imported")["condition_shares"].tolist() == pytest.approx([1 / 3] * 3)
    typed = gsu(*line, "model._target_=lean.Lean", "checkpoint.path=theirs.pt")
    assert typed.code == 0, typed.err
    typed = gsu(*line, "model._target_=lean.Lean", "checkpoint.path=inside.pt")
    assert typed.code == 1
    assert "unconditional" not in typed.err
    assert "condition_shares" not in typed.err
    assert "net." in typed.err


def test_guidance_of_a_model_that_has_none(world: World, conditional: Run, gsu: Any) -> None:
    path = conditional.folder / "model.safetensors"
    for words in ((f"checkpoint.path={path}",), (f"checkpoint.path={world.vae}",)):
        typed = gsu("unlearn", *world.data, *world.judged, "forget.class=1", *words, "evaluation.guidance=2")
        assert typed.code == 2
        assert "`evaluation.guidance` needs a conditional diffusion model" in typed.err


def test_data_with_another_number_of_classes(world: World, conditional: Run, gsu: Any, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for part, n, seed in (("train", 60, 1), ("t10k", 30, 2)):
        images, labels = strokes(n, seed)
        write_idx(tmp_path / "more" / f"{part}-images-idx3-ubyte", images)
        write_idx(tmp_path / "more" / f"{part}-labels-idx1-ubyte", labels + labels)  # 0, 2, 4
    data = ("dataset=idx", "dataset.name=more", f"dataset.path={tmp_path / 'more'}", "forget.class=4")
    path = conditional.folder / "model.safetensors"
    for verb in ("unlearn", "evaluate"):
        typed = gsu(verb, *data, *world.judged, f"checkpoint.path={path}")
        assert typed.code == 1
        assert "needs data of 3 classes; found 5 in more" in typed.err
