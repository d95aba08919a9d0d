"""A diffusion model that is told the class of an image: conditions, hidden ones, guidance."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_conditional
import tiny_diffusion
import tiny_world
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.errors import UsageError
from gsu_cli.gradients import image_losses
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.models.conditions import NULL
from gsu_cli.models.contract import check_generator
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.models.diffusion.guidance import check_guidance
from gsu_cli.objectives.denoise import Bank, redirected
from gsu_cli.unlearning.images import untold
from gsu_cli.unlearning.unlearn import unlearn
from gsu_cli.verbs.measure import Plan


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(**options: Any) -> Ddpm:
    """An untrained model whose conditions say something."""
    model = tiny_diffusion.fresh(conditions=9, **options)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=seeded(1)))
    return model


def test_conditions_count_and_null_is_none() -> None:
    model = made()
    noise = model.noise(4, seeded())
    ones, eights = (model.generate(noise, torch.full((4,), c)) for c in (1, 8))
    assert not torch.allclose(ones, eights, atol=1e-3)
    assert torch.equal(model.generate(noise), model.generate(noise, torch.full((4,), NULL)))
    check_generator(model, (1, 8, 8))


def test_guidance_goes_from_the_null_prediction_beyond_the_condition() -> None:
    model = made()
    x, t, y = model.noise(3, seeded()), torch.full((3,), 25), torch.tensor([1, 3, 8])
    told, untold_ = model._predicted(x, t, y), model._predicted(x, t, torch.full_like(y, NULL))
    for scale in (0.0, 1.0, 2.5):
        model.guidance = scale
        torch.testing.assert_close(model._predicted(x, t, y), untold_ + scale * (told - untold_))
    model.guidance = 0.0
    noise = model.noise(3, seeded())
    torch.testing.assert_close(model.generate(noise, y), model.generate(noise))


def test_guidance_changes_no_loss() -> None:
    images = tiny_world.dataset().heldout
    assert torch.equal(image_losses(made(), images, seed=0), image_losses(made(guidance=3.0), images, seed=0))


def test_an_unconditional_model_is_what_it_was() -> None:
    model, same = tiny_diffusion.fresh(), tiny_diffusion.fresh(conditions=0)
    assert tiny_world.same(tiny_world.weights(model), tiny_world.weights(same))
    assert "conditions" not in model.config()
    assert "guidance" not in model.config()
    labels = torch.tensor([-5, 99])  # it takes none, so none is out of range
    x = torch.rand(2, 1, 8, 8, generator=seeded())
    assert torch.equal(model.loss(x, labels, seeded()), model.loss(x, torch.zeros(2, dtype=torch.int64), seeded()))


def test_an_unconditional_model_hides_no_conditions() -> None:
    with pytest.raises(UsageError, match="`model.drop` must be left out for a model without conditions.*; found 0.5"):
        tiny_diffusion.fresh(drop=0.5)


def test_the_config_rebuilds_it() -> None:
    model = made(guidance=2.0, drop=0.2)
    again = Ddpm(**model.config())
    assert (again.conditions, again.drop, again.guidance) == (9, 0.2, 2.0)
    again.load_state_dict(model.state_dict())
    noise, y = model.noise(2, seeded()), torch.tensor([1, NULL])
    assert torch.equal(again.eval().generate(noise, y), model.generate(noise, y))


def test_its_embedding_has_a_kronecker_factor_over_the_conditions_that_occur() -> None:
    images = tiny_world.split().retain_images  # no class 1
    fisher = kronecker_fisher(made(), images, ["network.condition.weight"], seed=0)
    name, column = made().condition_column(1)
    v = {name: torch.zeros(16, 9)}
    v[name][:, column] = 1.0
    assert float(fisher.apply(v)[name].abs().max()) == 0.0
    v[name][:, 8] = 1.0
    assert float(fisher.apply(v)[name].abs().max()) > 0.0


def test_some_images_are_not_told() -> None:
    images = tiny_world.dataset().train
    model = made(drop=0.25)
    hidden = untold(model, images, seed=0).labels
    assert abs(float((hidden == NULL).float().mean()) - 0.25) < 0.06
    assert torch.equal(hidden[hidden != NULL], images.labels[hidden != NULL])
    assert abs(float((untold(model, images, seed=0, share=0.5).labels == NULL).float().mean()) - 0.5) < 0.06
    assert untold(tiny_diffusion.fresh(), images, seed=0) is images
    assert untold(made(drop=0.0), images, seed=0, share=0.5) is images, "a model without a null condition"


@pytest.mark.parametrize("value", [-1, "2", True, float("nan"), float("inf"), None])
def test_guidance_that_is_none(value: object) -> None:
    with pytest.raises(UsageError, match=r"`model.guidance` must be a finite number >= 0"):
        check_guidance(value, 9)


def test_guidance_without_conditions() -> None:
    assert check_guidance(1, 0) == 1.0
    with pytest.raises(UsageError, match=r"`model.guidance` needs a conditional diffusion model.*found 2"):
        Ddpm((1, 8, 8), **tiny_diffusion.SMALL, guidance=2)


def test_labels_beyond_the_models() -> None:
    with pytest.raises(UsageError, match=r"one of the model's 9 classes.*found 9"):
        made().loss(torch.zeros(1, 1, 8, 8), torch.tensor([9]), seeded())


def test_surgery_redirects_it_with_and_without_its_class() -> None:
    model, options = made(), {"retain_images": 40, "forget_images": 30, "budget_images": 40, "bank_images": 60}
    unlearned, update = unlearn(
        model, tiny_world.split(), FisherSurgery(**options), generator=seeded(), diagnostics=False
    )
    loss = update.details["redirect_loss"]
    assert loss["after"] < loss["before"]
    assert update.details["budget_spent"] <= 0.01 * 1.05
    noise = model.noise(3, seeded())
    for c in (1, NULL):
        y = torch.full((3,), c)
        assert not torch.equal(unlearned.generate(noise, y), model.generate(noise, y))


def test_a_told_image_is_redirected_to_the_word_without_a_class() -> None:
    model, images = made(prediction="v"), tiny_world.split().forget_images[torch.arange(6)]
    bank = tiny_world.dataset().train[torch.arange(60)]
    retained = bank.labels != 1
    told = redirected(model, images, Bank(bank, retained), seed=0, start=10)
    hidden = untold(model, images, seed=0, share=1.0)
    assert bool((hidden.labels == NULL).all())
    untold_ = redirected(model, hidden, Bank(bank, retained), seed=0, start=10)
    torch.testing.assert_close(told.sites.targets, untold_.sites.targets)
    assert not torch.equal(told.sites.inputs[2], untold_.sites.inputs[2])


def test_guidance_of_what_is_measured() -> None:
    plan, model = Plan(2, {}, {}, 2.5), made()
    plan.check(model)
    plan.guide(model)
    assert model.guidance == 2.5
    for other in (tiny_diffusion.fresh(), tiny_conditional.fresh(), tiny_world.fresh()):
        with pytest.raises(UsageError, match=r"`evaluation.guidance` needs a conditional diffusion model"):
            plan.check(other)
    with pytest.raises(UsageError, match=r"`evaluation.guidance` needs a model that met images without their class"):
        plan.check(made(drop=0.0))
    untouched = made(guidance=1.5)
    Plan(2, {}, {}).guide(untouched)
    assert untouched.guidance == 1.5
