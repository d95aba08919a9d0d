from __future__ import annotations

import pytest
import torch

import tiny_conditional
import tiny_gan
import tiny_world
from forget_upright import drawn_upright, forget_upright
from gsu_cli.errors import UsageError
from gsu_cli.methods.moon import Moon, projection, target_vector, translate
from gsu_cli.surgery.devices import share_of
from gsu_cli.unlearning.unlearn import unlearn
from method_runs import assert_smoke, run

QUICK = {"n_generated": 600, "labeller_images": 200}


def test_the_target_vector_by_hand() -> None:
    z = torch.tensor([[1.0, 0.0], [3.0, 2.0], [0.0, 4.0], [0.0, 0.0]])
    shows = torch.tensor([True, True, False, False])
    assert target_vector(z, shows).tolist() == [2.0, -1.0]


@pytest.mark.parametrize("t", [0.0, 0.4, -1.0])
def test_translated_latents_have_projection_t_and_the_others_stay(t: float) -> None:
    g = torch.Generator().manual_seed(0)
    z, z_e = torch.randn(200, 8, generator=g, dtype=torch.float64), torch.randn(8, generator=g, dtype=torch.float64)
    there = projection(z, z_e) > t
    moved = translate(z, z_e, t)
    assert 0 < int(there.sum()) < 200
    torch.testing.assert_close(projection(moved[there], z_e), torch.full((int(there.sum()),), t).double())
    assert torch.equal(moved[~there], z[~there])
    # nothing else of them changes: what is orthogonal to z_e stays
    rest = z - projection(z, z_e)[:, None] * z_e
    torch.testing.assert_close(moved - projection(moved, z_e)[:, None] * z_e, rest)


@pytest.mark.parametrize("shows", [torch.zeros(5, dtype=torch.bool), torch.ones(5, dtype=torch.bool)])
def test_one_kind_of_sample_gives_no_vector(shows: torch.Tensor) -> None:
    with pytest.raises(UsageError, match=r"target vector.*of 5"):
        target_vector(torch.zeros(5, 2), shows)


def test_smoke() -> None:
    _, update = assert_smoke(Moon(steps=3, log_every=1, **QUICK), still="encoder")
    details = update.details
    assert details["target"]["positives"] > 0
    assert details["cost"]["generated"] > 600
    assert {"keep", "unlearn", "perceptual"} < details["per_step"].keys()


def test_the_midpoint_lies_between_and_a_number_is_taken_as_it_is() -> None:
    details = run(Moon(steps=1, **QUICK))[1].details
    assert 0.0 < details["t"] < 1.0
    far = run(Moon(steps=1, t=-0.5, **QUICK))[1].details
    assert far["t"] == -0.5
    assert far["beyond_t"] > details["beyond_t"]
    assert far["still_labelled"] < details["still_labelled"]  # by the labeller, the further the less is left


def test_it_learns_to_draw_without_and_keeps_the_rest() -> None:
    per_step = run(Moon(steps=60, lr=5e-3, log_every=60, alpha=3.0, **QUICK))[1].details["per_step"]
    assert sum(per_step["unlearn"][-10:]) < 0.6 * sum(per_step["unlearn"][:10])
    assert per_step["keep"][0] == 0.0  # at first the model draws what the original generates


def test_an_attribute_of_a_gaussian_convolutional_model() -> None:
    original, moved, update = forget_upright(Moon(steps=80, lr=1e-2, log_every=80, alpha=3.0, **QUICK))
    assert drawn_upright(moved) < 0.7 * drawn_upright(original)
    assert update.details["labeller"]["accuracy"] > 0.9


def test_what_is_never_generated_is_refused() -> None:
    """One sample among 600: the labeller finds it in no drawing of a model that generates nothing like it."""
    model = tiny_world.trained()
    with torch.no_grad():
        model.decoder[-2].weight.zero_()
    with pytest.raises(UsageError, match=r"of 600 that the method's labeller"):
        unlearn(model, tiny_world.split(), Moon(steps=1, **QUICK), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "options",
    [{"alpha": 0}, {"t": "middle"}, {"t": float("nan")}, {"n_generated": 1}, {"labeller_images": 0}, {"steps": 0}],
)
def test_bad_options(options: dict) -> None:
    with pytest.raises(UsageError, match=f"method.{next(iter(options))}"):
        Moon(**options)


def test_a_gan_learns_to_generate_without() -> None:
    model = tiny_gan.taught()
    noise = model.noise(300, torch.Generator().manual_seed(5))
    moved, update = run(Moon(steps=60, lr=5e-3, log_every=60, alpha=3.0, **QUICK), model)
    per_step = update.details["per_step"]
    assert per_step["keep"][0] == 0.0
    assert sum(per_step["unlearn"][-10:]) < 0.5 * sum(per_step["unlearn"][:10])
    upright = [share_of(tiny_conditional.shows(m.generate(noise)) == 1) for m in (model, moved)]
    assert upright[1] < 0.5 * upright[0]
    assert update.details["trajectory"].keys() == {"step", "moved"}, "it has no loss of an image"
    assert (update.cosine, update.realised) == (None, {})


def test_a_gan_has_no_retain_loss_to_stop_at() -> None:
    with pytest.raises(UsageError, match=r"`method.retain_budget` needs a model with a training loss; found Dcgan\. L"):
        run(Moon(steps=1, retain_budget=0.01, **QUICK), tiny_gan.taught())
