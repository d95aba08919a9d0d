"""Where a step of a diffusion model ends, on losses along it that are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.interpolate import CubicSpline

import tiny_diffusion
import tiny_world
from gsu_cli.errors import NonFiniteError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.solvers.shortest_step import ENOUGH, LOOKS, NEAR, shortest_step
from gsu_cli.unlearning.unlearn import unlearn

Along = Callable[[float], float]


class Way:
    """A problem along one direction: shares of the redirect loss that have fallen, and the increase of the other."""

    before, allowed = 4.0, 0.01
    bounds: tuple[Any, ...] = ()

    def __init__(self, fallen: Along, increase: Along, bound: float = math.inf) -> None:
        self._fallen, self._increase, self.bound = fallen, increase, bound
        self.looked, self.measured = list[float](), list[float]()
        if math.isfinite(bound):
            self.bounds = (None,)

    def at(self, direction: Any, step: float) -> float:
        return step

    def longest(self, direction: Any, step: float) -> float:
        return min(step, self.bound)

    def reached(self, step: float) -> float:
        self.looked.append(step)
        return self.before - self._fallen(step)

    def relative_increase(self, step: float) -> float:
        self.measured.append(step)
        return self._increase(step)

    def end(self, slope: float) -> tuple[Any, float, int]:
        d = {"w": torch.ones(1, dtype=torch.float64)}
        return shortest_step(self, d, {"w": torch.tensor([-slope], dtype=torch.float64)})  # type: ignore[arg-type]


def squared(scale: float) -> Along:
    """1 % at ``scale``."""
    return lambda t: 0.01 * (t / scale) ** 2


def spline(*shares: float) -> tuple[Along, float]:
    """Through the shares after each eighth, and its slope at 0; beyond the last a line."""
    curve = CubicSpline([k / 8 for k in range(9)], (0.0, *shares))
    end = float(curve(1.0)), float(curve(1.0, 1))
    return (lambda t: float(curve(t)) if t <= 1 else end[0] + end[1] * (t - 1)), float(curve(0.0, 1))


CURVES = {  # share of the decrease after each eighth of what the budget allows, as measured; looks at most
    "eights": ((0.194, 0.367, 0.521, 0.654, 0.768, 0.863, 0.940, 1.0), 2),
    "ones": ((0.312, 0.570, 0.764, 0.894, 0.970, 1.005, 1.012, 1.0), 3),
    "ones by their label": ((0.355, 0.696, 0.916, 1.017, 1.050, 1.048, 1.029, 1.0), 4),
    "a line": (tuple(k / 8 for k in range(1, 9)), 2),
    "late": (tuple((k / 8) ** 2 for k in range(1, 9)), 2),
}


@pytest.mark.parametrize("name", CURVES)
def test_it_ends_where_enough_has_fallen_after_few_looks(name: str) -> None:
    shares, most = CURVES[name]
    fallen, slope = spline(*shares)
    way = Way(fallen, squared(1.0))
    best, increase, looks = way.end(max(slope, 0.05))
    furthest = max(fallen(k / 1000) for k in range(1001))
    exact = next(k / 1000 for k in range(1001) if fallen(k / 1000) >= ENOUGH * furthest)
    assert best.step == pytest.approx(exact, rel=0.12)
    assert (best.redirect_loss, increase) == (4 - fallen(best.step), squared(1.0)(best.step)), "both were measured"
    assert increase <= 0.01
    assert looks == len(way.looked) == len(set(way.looked)) <= most
    assert len(best.search.evaluations) == len(way.measured) == len(set(way.measured)) <= most + 1


def test_of_a_parabola_the_end_is_known() -> None:
    """With its bottom at 1: ``1 - sqrt(1 - ENOUGH)``, to `NEAR`; the budget ends far beyond."""
    exact = 1 - (1 - ENOUGH) ** 0.5
    for slope in (2.0, 1.999):
        way = Way(lambda t: 1 - (1 - t) ** 2, squared(30.0))
        best, _, looks = way.end(slope)
        assert best.step == pytest.approx(exact, rel=NEAR)
        assert looks <= 2
    assert best.step_within == best.search.step >= best.step


def test_a_budget_that_ends_before_the_bottom_is_what_enough_is_of() -> None:
    def fallen(t: float) -> float:
        return 1 - (1 - t) ** 2

    for allowed in (0.3, 0.1, 0.02):
        best, increase, _ = Way(fallen, squared(allowed)).end(2.0)
        assert best.step <= allowed
        assert increase <= 0.01
        assert best.redirect_loss < 4 - 0.85 * fallen(allowed)


def test_a_length_beyond_the_budget_is_shortened_until_it_is_within() -> None:
    """Of a cost that is a wall, or no number at all."""

    def wall(t: float) -> float:
        if t > 0.3:
            raise NonFiniteError("the retain loss must stay finite", found=t)
        return 0.04 * t

    best, increase, _ = Way(lambda t: t, wall).end(1.0)
    assert 0.1 < best.step <= 0.25
    assert increase <= 0.01


def test_a_bound_ends_it() -> None:
    """What else bounds a step is asked of the longest that the budget allows, whose cost is then known."""
    way = Way(lambda t: t, squared(1.0), bound=0.25)
    best, increase, _ = way.end(1.0)
    assert 0.9 * ENOUGH * 0.25 <= best.step <= best.step_within == 0.25
    assert 0.9 < best.search.step <= 1.0
    assert best.search.relative_increase >= 0.0085
    assert increase == squared(1.0)(best.step)


def test_where_the_bounded_step_costs_more_than_a_longer_one_another_is_taken() -> None:
    """Where the retain loss is no bowl, what a bound leaves of the longest step may be beyond the budget."""
    way = Way(lambda t: t - t**2, lambda t: 0.02 if 0.2 < t < 0.4 else 0.01 * t, bound=0.3)
    best, increase, _ = way.end(1.0)
    assert 0 < best.step <= 0.2
    assert increase == 0.01 * best.step
    assert best.redirect_loss == 4 - (best.step - best.step**2)


@pytest.mark.parametrize(
    ("fallen", "slope"),
    [
        pytest.param(lambda t: -t, 1.0, id="it rises, whatever its slope says"),
        pytest.param(lambda t: t, -1.0, id="its slope is uphill"),
        pytest.param(lambda t: math.nan, 1.0, id="it is no number"),
    ],
)
def test_a_loss_that_does_not_fall_gives_no_step(fallen: Along, slope: float) -> None:
    way = Way(fallen, squared(1.0))
    best, increase, looks = way.end(slope)
    assert (best.step, best.redirect_loss, increase) == (0.0, 4.0, 0.0)
    assert looks == len(way.looked) <= LOOKS + 1


def test_where_it_is_no_number_far_out_a_shorter_length_is_found() -> None:
    best, _, _ = Way(lambda t: t - t**2 if t < 0.2 else math.nan, squared(1.0)).end(1.0)
    assert 0 < best.step < 0.2
    assert best.redirect_loss < 4


def test_a_cost_that_falls_bounds_nothing() -> None:
    best, increase, _ = Way(lambda t: 1 - (1 - t) ** 2, lambda t: -0.001 * t).end(2.0)
    assert best.step == pytest.approx(1 - (1 - ENOUGH) ** 0.5, rel=NEAR)
    assert increase < 0


def test_the_first_length_is_where_the_redirect_loss_would_be_halved_along_its_slope() -> None:
    way = Way(lambda t: t, squared(100.0))
    way.end(5.0)
    assert way.measured[0] == pytest.approx(0.4)


def test_the_slope_is_that_of_the_redirect_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def noted(problem: Any, towards: Any, gradient: Any) -> Any:
        best, increase, looks = shortest_step(problem, towards, gradient)
        h = 1e-2 * best.step
        slope = sum(float((gradient[k] * best.direction[k]).sum()) for k in gradient)
        seen.append((slope, (problem.reached(problem.at(best.direction, h)) - problem.before) / h))
        assert problem.reached(problem.at(best.direction, best.step)) == best.redirect_loss
        assert problem.relative_increase(problem.at(best.direction, best.step)) == increase
        return best, increase, looks

    monkeypatch.setattr("gsu_cli.solvers.denoiser.shortest_step", noted)
    method = FisherSurgery(budget=0.05, damping=0.3, bank_images=600)
    generator = torch.Generator().manual_seed(0)
    unlearn(tiny_diffusion.trained(), tiny_world.split(), method, generator=generator, diagnostics=False)
    ((slope, realised),) = seen
    assert slope < 0
    assert slope == pytest.approx(realised, rel=0.05)
