"""``tune=``: a sweeper gets a training quantity and nothing is measured; optuna finds the better end of a range."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e_world import World, runs

Gsu = Callable[..., Any]
# of optuna 2 and of SQLAlchemy, which it imports
pytestmark = [pytest.mark.filterwarnings(f"ignore::{kind}") for kind in ("FutureWarning", "DeprecationWarning")]


def test_nothing_is_measured(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn("method=gradient_surgery", "method.lr=1e-2", "tune=update.realised.forget"))
    assert (typed.code, typed.err) == (0, "")
    (run,) = runs(tmp_path)
    record = run.record
    assert (record["status"], record["measurements"], record["judges"]) == ("done", [], [])
    assert typed.out.splitlines()[-1] == f"update.realised.forget = {record['update']['realised']['forget']:.6g}"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("feature_ratio.cnn", "`tune` must name numbers of the record below update or seconds"),
        ("measurements.0.value", "`tune` must name numbers of the record below update or seconds"),
        ("3", "`tune` must name numbers of the record below update or seconds"),
        (
            "update.realised.forgotten",
            "found update.realised.forgotten. Did you mean 'update.realised.forget'? Choose one of ",
        ),
        ("update.method", "`tune` must name a number that the run has; found update.method"),
    ],
)
def test_what_cannot_be_tuned(world: World, gsu: Gsu, value: str, complaint: str) -> None:
    typed = gsu(*world.unlearn("method=ascent", f"tune={value}"))
    assert typed.code == 2
    assert complaint in typed.err


def test_optuna(world: World, gsu: Gsu, tmp_path: Path) -> None:
    found = "method.lr=choice(1e-3,1e-1)"
    line = world.unlearn("method=gradient_surgery", found, "experiment=tune", "hydra.sweeper.n_trials=3")
    typed = gsu(*line, "hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=1")
    assert typed.code == 0, typed.err
    folders = {run.folder.name for run in runs(tmp_path)}
    assert folders == {"trial-0", "trial-1", "trial-2"}
    gained = {
        run.record["config"]["method"]["lr"]: run.record["update"]["realised"]["forget"] for run in runs(tmp_path)
    }
    best = max(gained, key=lambda lr: gained[lr])
    (written,) = (tmp_path / "outputs").rglob("optimization_results.yaml")
    results = yaml.safe_load(written.read_text())
    assert float(results["best_params"]["method.lr"]) == best
    assert results["best_value"] == gained[best]
    assert f"best_value: {results['best_value']}" in typed.out


def test_two_quantities_and_a_trial_that_fails(world: World, gsu: Gsu, tmp_path: Path) -> None:
    line = world.unlearn("method=ascent", "method.lr=choice(1e-4,1e30)", "experiment=tune", "hydra.sweeper.n_trials=4")
    more = ["tune=[update.step_norm,seconds.unlearn]", "hydra.sweeper.direction=[maximize,minimize]"]
    # not the grid sampler, whose order is unseeded: see the next test
    typed = gsu(*line, *more, "hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=0")
    assert typed.code == 1
    assert re.search("[123] cells? of the sweep failed", typed.err)
    (written,) = (tmp_path / "outputs").rglob("optimization_results.yaml")
    (solution,) = yaml.safe_load(written.read_text())["solutions"]
    assert float(solution["params"]["method.lr"]) == 1e-4


def test_a_grid_whose_last_trial_fails_says_so(world: World, gsu: Gsu) -> None:
    line = world.unlearn("method=ascent", "method.lr=choice(1e30,1e31)", "experiment=tune", "hydra.sweeper.n_trials=2")
    typed = gsu(*line, "tune=update.step_norm", "hydra/sweeper/sampler=grid")
    assert typed.code == 1
    assert "the last trial of hydra/sweeper/sampler=grid must not fail; found a failure. " in typed.err
    assert "Traceback" not in typed.err
