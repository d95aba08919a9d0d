from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import tiny_diffusion
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.methods.erasediff import EraseDiff, mistaken, multiplier
from gsu_cli.models.sites import Sites, SquaredError
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.surgery.vectors import combine, dot
from gsu_cli.unlearning.unlearn import unlearn


def run(method: EraseDiff, model: Any) -> Any:
    return unlearn(model, tiny_world.split(), method, generator=torch.Generator().manual_seed(0), diagnostics=False)


class Line(nn.Module):
    """``w z``, at ``w = 1``."""

    sites_at_once, output_loss = 10, SquaredError()

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Linear(1, 1, bias=False)
        nn.init.ones_(self.network.weight)


@pytest.mark.parametrize(("steps", "gap"), [(1, 1 - 0.8**2), (2, 1 - 0.64**2), (3, 1 - 0.512**2)])
def test_the_gap_by_hand(steps: int, gap: float) -> None:
    """``F = w^2`` has the gradient 2 w: each step of 0.1 takes a fifth of w away."""
    model = Line()
    loss = SiteLoss(model, Sites((torch.ones(4, 1),), torch.zeros(4, 1)))
    theta = parameters(model)
    g, found, value = EraseDiff(inner_steps=steps, inner_lr=0.1).gap(loss, theta)
    assert g["network.weight"].item() == pytest.approx(2.0)
    assert (found, value) == (pytest.approx(gap, rel=1e-5), pytest.approx(1.0))
    assert model.network.weight.item() == 1.0, "the inner steps move a copy"


@pytest.mark.parametrize("eta", [0.0, 0.1, 2.0])
def test_the_forget_objective_falls_at_the_promised_rate_and_no_faster_than_it_must(eta: float) -> None:
    g = torch.Generator().manual_seed(0)
    for _ in range(20):
        g_r, g_f = ({"w": torch.randn(3, generator=g)} for _ in range(2))
        factor = multiplier(g_r, g_f, eta)
        rate = dot(combine([1.0, factor], [g_r, g_f]), g_f)
        assert rate >= eta * dot(g_f, g_f) * (1 - 1e-4) - 1e-6
        assert factor == 0.0 or rate == pytest.approx(eta * dot(g_f, g_f), abs=1e-5)
    assert multiplier({"w": torch.ones(2)}, {"w": torch.zeros(2)}, eta) == 0.0


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_images_are_noised_as_in_training_and_the_noise_is_mistaken(prediction: str) -> None:
    """Public code noises the images with the uniform noise as well, and so never meets what sampling meets."""
    model = tiny_diffusion.fresh(prediction=prediction)
    images = tiny_world.split().forget_images
    x, y = images.floats(), images.labels
    made = mistaken(model, x, y, torch.Generator().manual_seed(3))
    usual = model.sites(x, y, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(made.inputs, usual.inputs, strict=True))
    a, s = model.levels(made.inputs[1])
    noise = made.targets if prediction == "eps" else (made.targets + s * (2 * x - 1)) / a
    middle = (a.flatten() > 0.2) & (s.flatten() > 0.2)
    noise = noise[middle]
    assert float(noise.min()) > -1e-4
    assert float(noise.max()) < 1 + 1e-4
    assert float(noise.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(noise.var()) == pytest.approx(1 / 12, rel=0.05)


def test_both_losses_are_means_over_pixels() -> None:
    """A network that says 0 is off by the mean square of a uniform number, 1/3, and of a normal one, 1."""
    per_step = run(EraseDiff(steps=1, lr=1e-9), tiny_diffusion.fresh(prediction="eps"))[1].details["per_step"]
    assert per_step["wrong_noise_loss"][0] == pytest.approx(1 / 3, rel=0.05)
    assert per_step["loss"][0] == pytest.approx(1.0, rel=0.1)


def test_it_learns_the_mistake_and_keeps_the_rest() -> None:
    model = tiny_diffusion.conditional()
    _, update = run(EraseDiff(steps=40, lr=3e-3, log_every=20, batch_size=32), model)
    found = update.details["per_step"]["wrong_noise_loss"]
    assert sum(found[-10:]) / 10 < 0.7 * found[0]
    assert update.realised["forget"] > 0.03
    assert update.realised["retain"] < 0, (
        "the model is not trained to the end: keeping the rest lowers its loss further"
    )
    assert all(gap > 0 for gap in update.details["per_step"]["gap"])


@pytest.mark.parametrize("options", [{"eta": 0}, {"inner_steps": 0}, {"inner_lr": -1.0}, {"batch_size": 0}])
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"method.{next(iter(options))}"):
        EraseDiff(**options)
