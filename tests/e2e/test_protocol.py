"""A strength chosen by a retain budget, and curves, from the line typed to the record and the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from e2e_world import Run, World, runs, strays

Gsu = Callable[..., Any]
QUICK = ("metric=[feature_ratio,heldout_loss_retain]",)


def one(tmp_path: Path) -> Run:
    (run,) = runs(tmp_path)
    return run


def test_a_budget_chooses_the_strength(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn("method=newton", "protocol.budget=0.02", *QUICK))
    assert (typed.code, typed.err) == (0, ""), typed.err
    run = one(tmp_path)
    found = run.record["update"]["details"]["calibration"]
    assert (found["option"], found["budget"], found["images"]) == ("strength", 0.02, 120)
    assert 0 < found["relative_increase"] <= 0.02
    n = len(found["trials"])
    assert f"strength: strength={found['strength']:.4g}, chosen in {n} run{'s' * (n > 1)}, " in typed.out
    assert gsu(*world.unlearn("method=newton", f"method.strength={found['strength']}", *QUICK)).code == 0
    alone = next(r for r in runs(tmp_path) if r.folder != run.folder)
    a, b = run.weights("unlearned"), alone.weights("unlearned")
    assert all(torch.equal(a[k], b[k]) for k in a), "the line with that strength typed makes the same weights"


def test_a_method_without_a_strength_is_reported_as_it_is(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn("method=finetune", "method.batch_size=60", "protocol.budget=0.02", *QUICK))
    assert (typed.code, typed.err) == (0, ""), typed.err
    assert one(tmp_path).record["update"]["details"]["calibration"]["option"] is None
    assert "finetune has no strength: reported as it is" in typed.out


def test_a_curve_is_measured_point_by_point_and_plotted(world: World, gsu: Gsu, tmp_path: Path) -> None:
    retrained = f"checkpoint.retrained={world.retrained.folder / 'model.safetensors'}"
    typed = gsu(*world.unlearn("method=newton", "curve=[0.05,0.01]", "protocol.budget=0.05", retrained, *QUICK))
    assert (typed.code, typed.err) == (0, ""), typed.err
    run = one(tmp_path)
    assert strays(tmp_path) == []
    assert {"curve.png", "curve.svg"} <= set(run.files())
    assert "<svg" in (run.folder / "curve.svg").read_text(encoding="utf-8")
    small, large = run.record["curve"]
    assert (small["budget"], large["budget"]) == (0.01, 0.05)
    assert small["strength"] < large["strength"]
    assert small["sha256"] != large["sha256"]
    for point in (small, large):
        assert {m["name"] for m in point["measurements"]} == {"feature_ratio", "heldout_loss_retain"}
        assert {m["sha256"] for m in point["measurements"]} == {point["sha256"]}
        assert all(m["subject"] == "unlearned" and m["n"] > 0 and m["low"] <= m["value"] for m in point["measurements"])
    printed = [line.rstrip() for line in typed.out.splitlines() if line.strip()]
    rows = [line.split() for line in printed[printed.index("trade-off curve: a point per budget") :] if line.strip()]
    for point in (small, large):
        (row,) = [row for row in rows if row[:2] == [f"{point['budget']:.4f}", f"{point['strength']:.4g}"]]
        assert row[2].startswith(("+", "-")), "what it cost held out"
    assert printed[-1].startswith("their picture is ")
    assert printed[-1].endswith("curve.png")
    # the run's own budget is among those of the curve: two roads to the same weights, and to the same numbers
    own = {(m["name"], m["judge"]): m["value"] for m in run.record["measurements"] if m["subject"] == "unlearned"}
    main = run.record["update"]["details"]["calibration"]["strength"]
    if main == large["strength"]:
        assert own == {(m["name"], m["judge"]): m["value"] for m in large["measurements"]}
    assert main == pytest.approx(large["strength"], rel=0.05)
    assert "curve" in run.record["seconds"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["protocol.budget=0"], "`protocol.budget` must be a share in (0, 1], 0.01 being 1 %; found 0"),
        (["protocol.budget=1%"], "`protocol.budget`"),
        (["protocol=0.01"], "`protocol` must stay a group of settings"),
        (["protocol.budget=0.01", "method=ascent", "method.lr=1"], "`method.lr` must be left to the protocol"),
        (
            ["protocol.budget=0.01", "method=neggrad_plus", "method.retain_budget=0.5"],
            "`method.retain_budget` must be left to the protocol",
        ),
        (["protocol.low=1e-3"], "`protocol.low` needs a budget for which a strength is looked for; found neither"),
        (["protocol.latents=2", "method=ascent"], "`protocol.latents` needs a budget"),
        (["protocol.budget=0.01", "protocol.images=0"], "`protocol.images` must be an integer >= 1"),
        (["protocol.budget=0.01", "protocol.latents=0"], "`protocol.latents` must be an integer >= 1"),
        (["protocol.budget=0.01", "protocol.low=-1"], "`protocol.low` must be a finite number > 0"),
        (
            ["protocol.budget=0.01", "protocol.low=9", "protocol.high=1"],
            "`protocol.low` must be below `protocol.high`; found 9 and 1.",
        ),
        (["curve=true", "protocol.strength=x", "protocol.low=1", "protocol.high=2"], "must be an option of the method"),
        (["checkpoint.entry=model"], "Name the class with model._target_"),
        (["curve=often"], "`curve` must be true, false or a list of budgets; found often"),
        (["curve=[0.01,2]"], "`curve` must be a share"),
        (
            ["curve=true", "method=retrain"],
            "a curve needs a strength to vary; found retrain, which has none. Choose another method, or type protocol.",
        ),
        (
            ["protocol.budget=0.01", "protocol.strength=shots"],
            "found protocol.strength=shots without protocol.low and protocol.high. Type protocol.strength=OPTION",
        ),
        (["curve=true", "protocol.strength=lr", "protocol.low=1"], "found protocol.strength=lr without protocol.high."),
        (["protocol.budget=0.01", "method._target_=e2e_own.Still"], "Type protocol.strength=OPTION"),
    ],
)
def test_what_is_refused(
    world: World, gsu: Gsu, tmp_path: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    typed = gsu(*world.unlearn(*words))
    assert typed.code == 2, typed
    assert said in typed.err
    assert typed.err.count("\n") == 1


def test_a_method_of_ones_own_is_told_its_strength(
    world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    more = ("protocol.budget=0.02", "protocol.strength=amount", "protocol.low=1e-4", "protocol.high=1")
    typed = gsu(*world.unlearn("method._target_=e2e_own.Still", *more, *QUICK))
    assert (typed.code, typed.err) == (0, ""), typed.err
    found = one(tmp_path).record["update"]["details"]["calibration"]
    assert found["option"] == "amount"
    assert 0 < found["relative_increase"] <= 0.02
    assert found["cost"]["gradient_evaluations_per_image"] is None, "it does not count"


def test_the_experiment_runs_what_the_line_names(world: World, gsu: Gsu, tmp_path: Path) -> None:
    line = [word for word in world.unlearn(*QUICK) if word != "forget.class=1"]
    typed = gsu(*line, "experiment=protocol/mnist", "forget.class=1", "seed=1", "method=newton,fisher_scrub")
    assert (typed.code, typed.err) == (0, ""), typed.err
    found = runs(tmp_path)
    assert {r.record["update"]["method"] for r in found} == {"newton", "fisher_scrub"}
    assert {r.record["update"]["details"]["calibration"]["budget"] for r in found} == {0.01}
    assert {r.record["seeds"]["unlearn"] for r in found} == {1}
    assert "sweep in" in typed.out
