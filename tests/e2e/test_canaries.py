"""Lines with planted canaries: trained with, forgotten, measured again; and those that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e_world import EVALUATION, World, runs

Gsu = Callable[..., Any]
PLANTED = ("dataset.canaries=3", "dataset.canary_copies=4")


def test_canaries_are_trained_on_forgotten_and_measured_again(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.train(*PLANTED, "training.epochs=3", "hydra.run.dir=trained"))
    assert (typed.code, typed.err) == (0, ""), typed
    assert "3 canaries were planted, 4 times each: training images 180 to 191" in typed.out
    data = (*world.data, *PLANTED, "checkpoint.path=trained/model.safetensors")
    line = ("unlearn", *data, *world.judged, *EVALUATION, "metric=[percentile]", "method=ascent")
    typed = gsu(*line, "forget.canary=[0,2]", "hydra.run.dir=run")
    assert (typed.code, typed.err) == (0, ""), typed
    assert "the 2 forgotten images stand in the mean at percentile" in typed.out
    assert "of canaries that were never planted by loss" in typed.out
    record = next(r for r in runs(tmp_path) if r.folder.name == "run").record
    assert record["inputs"]["dataset"]["canaries"]["train"][2] == [188, 189, 190, 191]
    assert (record["split"]["n_forget"], record["split"]["copies"]) == (8, 4)
    assert record["inputs"]["checkpoint"]["about"]["dataset_sha256"] == record["inputs"]["dataset"]["sha256"]
    again = gsu("evaluate", "run=run", "metric=[percentile]", "hydra.run.dir=again")
    assert (again.code, again.err) == (0, ""), again
    audited = gsu("audit", "run=run", "audit=[percentile,membership]", "repeats=2", "hydra.run.dir=audit")
    assert (audited.code, audited.err) == (0, ""), audited
    assert "The 2 forgotten images stand at percentile" in audited.out


def test_a_run_without_canaries_says_nothing_of_them(world: World, gsu: Gsu, tmp_path: Path) -> None:
    """So that what is kept of before there were any is found again."""
    assert gsu(*world.train("training.epochs=1")).code == 0
    (run,) = runs(tmp_path)
    assert not {"canaries", "canary_copies"} & set(run.record["config"]["dataset"])
    assert "canaries" not in run.record["inputs"]["dataset"]


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("dataset.canaries=-1",), "`dataset.canaries` must be an integer >= 0"),
        (("dataset.canaries=x",), "`dataset.canaries` must be an integer >= 0"),
        (("dataset.canaries=100",), "must be at most the 180 training images; found 100 times 10"),
        (("dataset.canary_copies=3",), "`dataset.canary_copies` must come with dataset.canaries"),
        (("dataset.canaries=2", "dataset.canary_copies=0"), "`dataset.canary_copies` must be an integer >= 1"),
        (("forget.canary=all",), "`forget.canary` needs planted canaries"),
        (("dataset.canaries=2", "forget.canary=2"), "`forget.canary` must be all, or numbers in 0..1; found 2"),
    ],
)
def test_bad_lines(world: World, gsu: Gsu, tmp_path: Path, words: tuple[str, ...], rule: str) -> None:
    typed = gsu(*world.train(*words))
    assert typed.code == 2, typed
    assert rule in typed.err, typed.err
    assert not list(tmp_path.rglob("*.safetensors"))
