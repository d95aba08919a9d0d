"""Diffusion: schedules, times, the algebra of predictions, DDIM, and what a bad option says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import tiny_diffusion
import tiny_world
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import hessian_vector, image_losses, mean_gradient, parameters
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.models.diffusion.schedule import alpha_bars, sampling_times, stratified
from gsu_cli.models.generating import watching
from gsu_cli.models.protocols import Generator, HasDecoder, HasLoss, HasNoiseLevels, HasPosterior, lacking, loss_unit
from gsu_cli.surgery.vectors import dot


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", ["cosine", "linear"])
@pytest.mark.parametrize("steps", [2, 50, 1000])
def test_a_schedule_falls_from_image_to_noise(kind: str, steps: int) -> None:
    a = alpha_bars(kind, steps)
    assert a.shape == (steps,)
    assert a.dtype == torch.float64
    assert bool((a > 0).all())
    assert bool((a < 1).all())
    assert bool((a[1:] < a[:-1]).all())
    if steps >= 50:
        assert a[-1] < 1e-3
    if steps == 1000:
        assert a[0] > 0.9998


def test_the_cosine_is_the_papers_and_its_betas_are_cut() -> None:
    a, T = alpha_bars("cosine", 1000), 1000
    f = [torch.cos(torch.tensor((t / T + 0.008) / 1.008 * torch.pi / 2, dtype=torch.float64)) ** 2 for t in (0, 501)]
    assert float(a[500]) == pytest.approx(float(f[1] / f[0]), rel=1e-9)
    beta = 1 - a[1:] / a[:-1]
    assert float(beta.max()) == pytest.approx(0.999)


def test_the_linear_schedule_is_that_of_ho_et_al() -> None:
    beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    torch.testing.assert_close(alpha_bars("linear", 1000), torch.cumprod(1 - beta, 0))


def test_times_cover_every_level_evenly() -> None:
    t = stratified(50, 1000, rng())
    assert sorted((t // 20).tolist()) == list(range(50)), "one in each of fifty equal parts"
    assert t.tolist() != sorted(t.tolist()), "in random order, so that no image is always seen at the same noise"
    many = torch.cat([stratified(7, 1000, rng(seed), start=300) for seed in range(2000)])
    assert (int(many.min()), int(many.max())) == (300, 999)
    assert float(many.double().mean()) == pytest.approx(649.5, abs=0.6), "14,000 draws, stratified by 7"


def test_stratified_times_leave_the_loss_unbiased_and_calm_it() -> None:
    model = tiny_diffusion.trained()
    x = tiny_world.dataset().train.floats()[:60]

    def plain(g: torch.Generator) -> torch.Tensor:
        t, eps = torch.randint(model.train_steps, (60,), generator=g), torch.randn(x.shape, generator=g)
        return (model.network(model.noised(x, t, eps), t) - model.target(x, t, eps)).square().mean()

    with torch.no_grad():
        calm = torch.stack([model.loss(x, None, rng(k)).mean() for k in range(100)]).double()
        wild = torch.stack([plain(rng(1000 + k)) for k in range(100)]).double()
    error = (calm.var() / 100 + wild.var() / 100).sqrt()
    assert abs(float(calm.mean() - wild.mean())) < 4 * float(error)
    assert calm.std() < 0.75 * wild.std(), "what a budget of 1 % needs"


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_predictions_and_images_are_two_words_for_one_thing(prediction: str) -> None:
    model = tiny_diffusion.fresh(prediction=prediction)
    x, eps, t = torch.rand(9, 1, 8, 8), torch.randn(9, 1, 8, 8), torch.tensor([0, 1, 5, 10, 20, 30, 40, 45, 47])
    x_t = model.noised(x, t, eps)
    a, s = model.levels(t)
    torch.testing.assert_close(a.square() + s.square(), torch.ones_like(a))
    torch.testing.assert_close(model.denoised(x_t, t, model.target(x, t, eps)), 2 * x - 1, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(model.output_for(x_t, t, 2 * x - 1), model.target(x, t, eps), atol=1e-4, rtol=1e-4)
    word = torch.randn(9, 1, 8, 8)
    torch.testing.assert_close(model.output_for(x_t, t, model.denoised(x_t, t, word)), word, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_ddim_of_a_perfect_denoiser_finds_the_image(prediction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_diffusion.fresh(prediction=prediction)
    image = torch.rand(1, 1, 8, 8)

    def knows(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return model.output_for(x, t, (2 * image - 1).expand_as(x))

    monkeypatch.setattr(model.network, "forward", knows)
    found = model.generate(model.noise(5, rng()))
    torch.testing.assert_close(found, image.expand(5, 1, 8, 8), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("schedule", "prediction"), [("cosine", "v"), ("linear", "eps")])
def test_ddim_of_a_perfect_denoiser_keeps_the_spread_of_the_data(
    schedule: str, prediction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of pixels N(0, spread^2) noise ``z`` becomes ``spread * z``: four times the steps, a quarter of the error."""
    spread, errors = 0.2, []
    for steps in (51, 201):
        model = tiny_diffusion.fresh(prediction=prediction, schedule=schedule, train_steps=1001, sample_steps=steps)

        def knows(x: torch.Tensor, t: torch.Tensor, m: Ddpm = model) -> torch.Tensor:
            a, s = m.levels(t)
            return m.output_for(x, t, a * spread**2 * x / ((a * spread).square() + s.square()))

        monkeypatch.setattr(model.network, "forward", knows)
        z = model.noise(10, rng())
        found = 2 * model.generate(z) - 1
        errors.append(abs(float((found * z).sum() / z.square().sum()) / spread - 1))
    assert errors[1] < 0.05
    assert errors[1] < 0.35 * errors[0], "an image and a noise that do not belong together"


@torch.no_grad()
def test_an_image_is_a_function_of_its_noise() -> None:
    model = tiny_diffusion.trained()
    noise = model.noise(12, rng(3))
    images = model.generate(noise)
    assert images.shape == (12, 1, 8, 8)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1
    state = torch.random.get_rng_state()
    assert torch.equal(model.generate(noise), images)
    assert torch.equal(torch.random.get_rng_state(), state), "nothing is drawn on the way"
    torch.testing.assert_close(model.generate(noise[4:]), images[4:], atol=1e-4, rtol=1e-4)
    assert torch.equal(model.sample(12, rng(3)), images)
    assert not torch.equal(model.sample(12, rng(4)), images)


def test_training_teaches_it_to_draw_bars() -> None:
    model, before = tiny_diffusion.trained(), tiny_diffusion.fresh()
    images = tiny_world.dataset().heldout
    losses = [float(image_losses(m, images, seed=1).mean()) for m in (before, model)]
    assert losses[1] < 0.5 * losses[0]
    with torch.no_grad():
        drawn = model.sample(100, rng(1))
    real = images.floats()
    assert float(drawn.mean()) == pytest.approx(float(real.mean()), rel=0.25)


def test_what_it_can_do() -> None:
    model = tiny_diffusion.fresh()
    assert isinstance(model, Generator)
    assert isinstance(model, HasLoss)
    assert isinstance(model, HasNoiseLevels)
    assert not isinstance(model, HasPosterior)
    assert not isinstance(tiny_world.fresh(), HasNoiseLevels)
    assert isinstance(tiny_world.fresh(), HasDecoder)
    assert loss_unit(model) == "MSE of v"
    assert loss_unit(tiny_world.fresh()) == "nats/image"
    assert lacking(model, (HasLoss, HasDecoder)) == ["posterior(), decoder and likelihood"]
    assert set(model.generation_parameters()) == {k for k, _ in model.named_parameters()}
    again = Ddpm(**model.config())
    again.load_state_dict(model.state_dict())


def test_gradients_and_hessians_flow_through_the_network() -> None:
    model = tiny_diffusion.trained()
    images = tiny_world.dataset().train[torch.arange(40)]
    names = model.generation_parameters()
    g = mean_gradient(model, images, names, seed=0).vector
    v = {k: torch.randn_like(p, dtype=torch.float32) for k, p in g.items()}
    _, Hv = hessian_vector(model, images, v, seed=0)
    h = 1e-3
    moved = []
    for sign in (1, -1):
        other = copy.deepcopy(model)
        theta = parameters(other)
        with torch.no_grad():
            for k in names:
                theta[k].add_(v[k], alpha=sign * h)
        moved.append(mean_gradient(other, images, names, seed=0).vector)
    numeric = {k: (moved[0][k] - moved[1][k]) / (2 * h) for k in names}
    assert dot(Hv, numeric) / (dot(Hv, Hv) * dot(numeric, numeric)) ** 0.5 > 0.99


def test_sampling_that_diverges_says_so() -> None:
    model = tiny_diffusion.fresh()
    with torch.no_grad():
        model.network.head.bias.fill_(float("nan"))
    with pytest.raises(NonFiniteError, match="generated images must be finite; found nan or inf while denoising"):
        model.sample(2, rng())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prediction": "x0"}, "`model.prediction` must be one of eps, v; found x0"),
        ({"schedule": "sigmoid"}, "`model.schedule` must be one of cosine, linear; found sigmoid"),
        ({"train_steps": 1}, "`model.train_steps` must be an integer >= 2; found 1"),
        ({"sample_steps": 51}, "`model.sample_steps` must be at most train_steps, 50; found 51"),
        ({"sample_steps": 1}, "`model.sample_steps` must be an integer >= 2; found 1"),
        ({"channels": (8, 12)}, "`model.channels` must be multiples of 8; found 12"),
        ({"channels": ()}, "`model.channels` must be a list of integers, at least one"),
        ({"patch": 3}, "patches of 3 and 2 levels need height and width divisible by 6; found 8 x 8"),
        ({"channels": (8, 8, 8, 8)}, "patches of 2 and 4 levels need height and width divisible by 16; found 8 x 8"),
        (
            {"patch": 4},
            "the first of `model.channels` must be at least 16, the numbers in a patch of 4 x 4 pixels of 1 channel: "
            "what it cannot pass stays noise in every sample; found 8. Type model.channels=[16,64], or a smaller patch",
        ),
        ({"patch": 0}, "`model.patch` must be an integer >= 1; found 0"),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        tiny_diffusion.fresh(**options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("steps", "count"), [(1000, 25), (1000, 33), (50, 50), (1000, 2)])
def test_any_number_of_steps_begins_in_noise_and_ends_at_the_image(steps: int, count: int) -> None:
    t = sampling_times(steps, count)
    assert (int(t[0]), int(t[-1]), len(t)) == (steps - 1, 0, count)
    assert bool((t[1:] < t[:-1]).all())


def test_whoever_waits_hears_how_many_images_are_made() -> None:
    """Step by step, so that a slow model shows that it moves; and the images are the same with a listener."""
    model = tiny_diffusion.trained()
    noise = model.noise(7, torch.Generator().manual_seed(0))
    heard: list[float] = []
    with torch.no_grad(), watching(heard.append):
        watched = model.generate(noise)
    assert len(heard) == model.sample_steps
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(7)
    with torch.no_grad():
        assert torch.equal(model.generate(noise), watched)
    assert len(heard) == model.sample_steps, "nobody listens any more"
