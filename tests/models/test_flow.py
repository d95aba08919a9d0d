"""Flow matching: the straight path, its velocity, and sampling by Euler's and Heun's rules."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_diffusion
import tiny_world
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import image_losses
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.models.contract import check_generator
from gsu_cli.models.diffusion.flow import Flow
from gsu_cli.models.protocols import HasImageSites, HasNoiseLevels, loss_unit
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.unlearning.unlearn import unlearn

SMALL: dict[str, Any] = {"channels": (8, 16), "embedding": 16, "train_steps": 50, "sample_steps": 6}


def fresh(**options: Any) -> Flow:
    model = Flow((1, 8, 8), **{**SMALL, **options})
    initialise(model, 0)
    return model.eval()


def test_the_path_is_straight_and_the_target_is_its_velocity() -> None:
    model = fresh()
    x, eps = torch.rand(5, 1, 8, 8), torch.randn(5, 1, 8, 8)
    at = [model.noised(x, torch.full((5,), t), eps) for t in (0, 24, 49)]
    torch.testing.assert_close(at[2], eps)
    velocity = model.target(x, torch.zeros(5, dtype=torch.int64), eps)
    torch.testing.assert_close(at[1] - at[0], 24 / 50 * velocity, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(at[0], (2 * x - 1) + velocity / 50, atol=1e-5, rtol=1e-5)
    for t in (0, 13, 49):
        time = torch.full((5,), t)
        x_t, word = model.noised(x, time, eps), torch.randn(5, 1, 8, 8)
        torch.testing.assert_close(model.denoised(x_t, time, velocity), 2 * x - 1, atol=1e-4, rtol=1e-4)
        again = model.output_for(x_t, time, model.denoised(x_t, time, word))
        torch.testing.assert_close(again, word, atol=1e-3, rtol=1e-3)


def test_a_flow_into_the_infinite_is_no_white_image(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fresh()
    monkeypatch.setattr(model.network, "forward", lambda x, t: torch.full_like(x, -torch.inf))
    with pytest.raises(NonFiniteError, match="generated images must be finite"):
        model.generate(model.noise(3, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_a_network_that_knows_the_image_finds_it_in_any_number_of_steps(
    solver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = torch.rand(1, 1, 8, 8)
    for steps in (2, 6):
        model = fresh(solver=solver, sample_steps=steps)
        monkeypatch.setattr(
            model.network, "forward", lambda x, t, m=model: m.output_for(x, t, (2 * image - 1).expand_as(x))
        )
        found = model.generate(model.noise(3, torch.Generator().manual_seed(0)))
        torch.testing.assert_close(found, image.expand(3, 1, 8, 8), atol=1e-3, rtol=1e-3)


def test_heuns_rule_is_of_second_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pixels N(0, spread^2) the flow takes noise ``z`` to ``spread * z``."""
    spread, errors = 0.3, {}
    for solver in ("euler", "heun"):
        for steps in (11, 21):
            model = fresh(solver=solver, sample_steps=steps, train_steps=2001)

            def velocity(x: torch.Tensor, t: torch.Tensor, m: Flow = model) -> torch.Tensor:
                a, s = m.levels(t)
                return m.output_for(x, t, a * spread**2 / (a**2 * spread**2 + s**2) * x)

            monkeypatch.setattr(model.network, "forward", velocity)
            noise = model.noise(4, torch.Generator().manual_seed(0)).clamp(-2, 2)
            with torch.no_grad():
                found = 2 * model.generate(noise) - 1
            errors[solver, steps] = float((found - spread * noise).abs().max())
    assert errors["heun", 11] < 0.5 * errors["euler", 11]
    assert errors["euler", 21] == pytest.approx(errors["euler", 11] / 2, rel=0.3), "halved steps, half the error"
    assert errors["heun", 21] < 0.4 * errors["heun", 11], "halved steps, about a quarter"


@pytest.mark.slow
def test_it_learns_to_draw_bars_and_forgets_in_one_step() -> None:
    model, before = fresh(), fresh()
    fit(model, tiny_world.dataset().train, tiny_diffusion.RECIPE, seed=0)
    model.eval()
    images = tiny_world.dataset().heldout
    assert float(image_losses(model, images, seed=1).mean()) < 0.6 * float(image_losses(before, images, seed=1).mean())
    with torch.no_grad():
        drawn = model.sample(100, torch.Generator().manual_seed(1))
    assert float(drawn.mean()) == pytest.approx(float(images.floats().mean()), rel=0.25)
    _, update = unlearn(
        model,
        tiny_world.split(),
        FisherSurgery(budget=0.05),
        generator=torch.Generator().manual_seed(0),
        diagnostics=False,
    )
    assert update.realised["forget"] > 0
    assert update.details["redirect_loss"]["after"] < update.details["redirect_loss"]["before"]
    assert update.details["budget_spent"] < 0.051


def test_what_it_can_do() -> None:
    model = fresh(conditions=9)
    check_generator(model, (1, 8, 8))
    assert isinstance(model, HasNoiseLevels)
    assert isinstance(model, HasImageSites)
    assert loss_unit(model) == "MSE of velocity"
    again = Flow(**model.config())
    again.load_state_dict(model.state_dict())
    assert again.condition_column(3) == ("network.condition.weight", 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "rk4"}, "`model.solver` must be one of euler, heun; found rk4"),
        ({"train_steps": 1}, "`model.train_steps` must be an integer >= 2; found 1"),
        ({"sample_steps": 51}, "`model.sample_steps` must be at most train_steps, 50; found 51"),
        ({"guidance": 2.0}, "`model.guidance` needs a conditional diffusion model"),
        ({"patch": 3}, "need height and width divisible by 6; found 8 x 8"),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        fresh(**options)
    assert message in str(error.value)
