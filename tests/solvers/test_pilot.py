"""Estimates of a retain cost from a part of its sites, against the whole measurement."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import attribute_world
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.solvers import refit_choice
from gsu_cli.solvers.pilot import Pilot
from gsu_cli.unlearning.unlearn import unlearn

N = 4000


class Heavy:
    """Losses ``a_i t^p_i``; a hundredth of the sites carries nine tenths of the cost, as where kinds of images meet."""

    def __init__(self, a: Tensor, p: Tensor) -> None:
        self.a, self.p = a, p

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, index: Tensor) -> Heavy:
        return Heavy(self.a[index], self.p[index])

    def losses(self, theta: dict[str, Tensor]) -> Tensor:
        return self.a * theta["t"] ** self.p


def heavy() -> Heavy:
    g = torch.Generator().manual_seed(0)
    a = torch.rand(N, generator=g)
    few = torch.randperm(N, generator=g)[: N // 100]
    a[few] *= 1000
    return Heavy(a, 1.5 + torch.rand(N, generator=g))


def at(t: float) -> dict[str, Tensor]:
    return {"t": torch.tensor(t)}


def pilot(sites: int) -> Any:
    cost: Any = heavy()
    return Pilot(cost, cost.losses(at(0.0)), sites)


def off(of: Any, t: float) -> float:
    whole = float(of.cost.losses(at(t)).double().mean())
    return abs(of.estimate(at(t)) / whole - 1)


def test_a_whole_measurement_is_the_mean_over_all_sites() -> None:
    one = pilot(400)
    assert one.increase(at(2.0)) == pytest.approx(float(one.cost.losses(at(2.0)).double().mean()), rel=1e-12)
    assert one.images == 0
    one.estimate(at(2.0))
    assert one.images == 400


def test_sites_that_moved_most_make_the_estimate_right_at_other_strengths() -> None:
    one = pilot(400)
    before = off(one, 2.0)
    one.increase(at(1.0))
    one.learn()
    assert off(one, 2.0) < 0.02
    assert off(one, 0.5) < 0.02
    assert before > 5 * off(one, 2.0)  # the negative control: as many sites, chosen blindly


def test_every_site_counts_once() -> None:
    one = pilot(400)
    one.increase(at(1.0))
    one.learn()
    assert float(one._weights.sum()) == pytest.approx(N)
    flat: Any = Heavy(torch.ones(N), torch.ones(N))
    assert Pilot(flat, flat.losses(at(0.0)), 150).estimate(at(3.0)) == pytest.approx(3.0)


@pytest.mark.parametrize("worth", [8, 0])
def test_a_refit_by_estimates_is_the_exact_one_s_within_the_tolerance_of_the_search(
    monkeypatch: pytest.MonkeyPatch, worth: int
) -> None:
    """``pilot_images=0`` is the exact path: the same layer, as good a step, with more whole measurements.

    So it is where all sites are looked at for the first time (worth 8) and where the change is longer (0).
    """
    monkeypatch.setattr("gsu_cli.solvers.refit_choice.WORTH", worth)
    model, split = attribute_world.trained(), attribute_world.split()
    found = {}
    for images in (0, 100):
        _, update = unlearn(
            model,
            split,
            FisherSurgery(pilot_images=images),
            generator=torch.Generator().manual_seed(0),
            diagnostics=False,
        )
        found[images] = update.details
    exact, quick = found[0], found[100]
    assert [s["layer"] for s in quick["shots"]] == [s["layer"] for s in exact["shots"]]
    assert quick["budget_spent"] <= 0.01 * (1 + 1e-5)
    for one, other in zip(quick["shots"], exact["shots"], strict=True):
        assert 0.97 * 0.01 <= one["relative_increase"] <= 0.01 * (1 + 1e-5)
        assert one["step"] == pytest.approx(other["step"], rel=0.03)
    lowered = [d["redirect_loss"]["before"] - d["redirect_loss"]["after"] for d in (quick, exact)]
    assert lowered[0] == pytest.approx(lowered[1], rel=0.02)
    whole = [sum(s["evaluations"] for s in d["shots"]) for d in (quick, exact)]
    assert whole[0] < whole[1]


def test_a_layer_that_promises_less_is_not_looked_at_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model, split = attribute_world.trained(), attribute_world.split()
    found = {}
    for likely in (0.0, 10.0):  # every layer is; none but the deepest
        monkeypatch.setattr(refit_choice, "LIKELY", likely)
        moved, update = unlearn(
            model, split, FisherSurgery(pilot_images=100), generator=torch.Generator().manual_seed(0), diagnostics=False
        )
        found[likely] = moved.state_dict(), update.details
    (all_looked, details), (one_looked, fewer) = found.values()
    first, second, *_ = fewer["shots"]
    assert (first["layer"], first["evaluations"], first["estimated"]) == (details["shots"][0]["layer"], 0, True)
    assert second["evaluations"] >= 1
    assert fewer["cost"]["forward"] < details["cost"]["forward"]
    taken = next(s["layer"] for s in details["shots"] if s["chosen"])
    assert taken == second["layer"], "the deepest is taken either way"
    assert all(torch.equal(all_looked[key], one_looked[key]) for key in all_looked)


def test_no_weight_of_a_refit_is_estimated_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    model, split = attribute_world.trained(), attribute_world.split()
    asked: list[tuple[int, float]] = []
    estimate = Pilot.estimate

    def noted(self: Pilot, theta: dict[str, Tensor]) -> float:
        asked.append((id(self._part), float(sum(x.double().norm() for x in theta.values()))))
        parts.append(self._part)  # kept, so that no other has its id
        return estimate(self, theta)

    parts: list[Any] = []
    monkeypatch.setattr(Pilot, "estimate", noted)
    _, update = unlearn(
        model, split, FisherSurgery(pilot_images=100), generator=torch.Generator().manual_seed(0), diagnostics=False
    )
    assert len(asked) == len(set(asked))
    searches = len(update.details["shots"]) + 1
    assert len(asked) <= 4 * searches
