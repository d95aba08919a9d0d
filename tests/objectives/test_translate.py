"""Latents moved to where the discriminant says "as retained", and what is generated there."""

from __future__ import annotations

import pytest
import torch

import attribute_world
from attribute_world import BAR, SQUARE
from gsu_cli.errors import UsageError
from gsu_cli.objectives.posteriors import posterior
from gsu_cli.objectives.redirect import redirect
from gsu_cli.objectives.translate import translate, translated


def clouds(n: int, distance: float = 3.0, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two Gaussian clouds in four dimensions, ``distance`` apart along the first and correlated with the second."""
    g = torch.Generator().manual_seed(seed)
    mix = torch.tensor([[1.0, 0.9, 0, 0], [0, 0.5, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0.1]])
    shift = torch.tensor([distance, 0, 0, 0])
    return torch.randn(n, 4, generator=g) @ mix + shift, torch.randn(n, 4, generator=g) @ mix


def naive_score(z, mean_f, mean_r):
    """``a(z)`` by Fisher's formula, in float64, the ridge included."""
    f, r, z = (t.double() for t in (mean_f, mean_r, z))
    n = len(f) + len(r)
    S = ((len(f) - 1) * torch.cov(f.T) + (len(r) - 1) * torch.cov(r.T)) / n
    S = S + 1e-3 * S.trace() / len(S) * torch.eye(len(S))
    delta = f.mean(0) - r.mean(0)
    w = S.inverse() @ delta
    return (z - r.mean(0)) @ w / (w @ delta)


@pytest.mark.parametrize("beyond", [0.0, 0.5, -0.25])
def test_the_discriminant_of_a_moved_latent_is_minus_beyond(beyond):
    f, r = clouds(500)
    moved = translated(f, f, r, beyond=beyond)
    assert naive_score(moved, f, r).tolist() == pytest.approx([-beyond] * len(f), abs=1e-5)


def test_the_discriminant_is_one_and_zero_at_the_two_means():
    f, r = clouds(500)
    means = torch.stack([f.mean(0), r.mean(0)])
    assert naive_score(means, f, r).tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
    torch.testing.assert_close(translated(means, f, r), r.mean(0).expand(2, 4), atol=1e-5, rtol=0)


def test_nothing_moves_across_the_difference_of_the_means():
    f, r = clouds(500)
    step = (translated(f, f, r) - f).double()
    delta = (f.double().mean(0) - r.double().mean(0)) / (f.double().mean(0) - r.double().mean(0)).norm()
    across = step - (step @ delta)[:, None] * delta
    assert float(across.abs().max()) < 1e-5 < float(step.norm(dim=1).min())


def test_moving_twice_is_moving_once():
    f, r = clouds(500)
    once = translated(f, f, r)
    torch.testing.assert_close(translated(once, f, r), once, atol=1e-5, rtol=0)


def test_what_is_correlated_does_not_disturb_the_amount():
    """The plain projection on the difference would call a latent that is only high in the second one forgotten."""
    f, r = clouds(5000)
    z = torch.tensor([[0.9, 0.81 + 0.25, 0.0, 0.0]])  # a retained latent with much of what the two have in common
    assert abs(float((translated(z, f, r) - z).norm())) < 3.0 * abs(float(naive_score(z, f, r))) + 1e-4
    plain = float((z[0] - r.mean(0)) @ (f.mean(0) - r.mean(0)) / (f.mean(0) - r.mean(0)).square().sum())
    assert abs(float(naive_score(z, f, r))) < 0.5 * plain


def test_one_mean_is_refused():
    f, _ = clouds(50)
    with pytest.raises(UsageError, match="must differ from the rest in the latents; found equal means"):
        translated(f, f, f.clone())


def test_sets_without_spread_are_moved_all_the_same():
    f, r = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    torch.testing.assert_close(translated(f, f, r), r)


def test_targets_are_samples_of_the_moved_latents(model, parts):
    goal = translate(model, *parts, seed=0)
    means = [posterior(model, part)[0] for part in parts]
    with torch.no_grad():
        expected = model.decode(translated(goal.latents, *means))
    torch.testing.assert_close(goal.targets, expected, atol=1e-5, rtol=0)
    assert goal.targets.min() >= 0
    assert goal.targets.max() <= 1
    noise = (goal.latents - means[0]) / posterior(model, parts[0])[1]
    assert abs(float(noise.std()) - 1) < 0.1


def test_a_decoder_that_samples_the_targets_has_the_loss_called_floor(model, parts):
    goal = translate(model, *parts, seed=0)
    theta = {k: p.detach() for k, p in model.named_parameters() if k.startswith("decoder.")}
    assert 0 <= goal.floor < 1e-2 * goal.loss(model).mean(theta)


def test_the_attribute_goes_and_the_rest_of_the_image_stays_unlike_at_the_nearest_latent(model, parts):
    near, moved = (build(model, *parts, seed=0) for build in (redirect, translate))
    torch.testing.assert_close(near.latents, moved.latents)
    with torch.no_grad():
        before = model.decode(moved.latents)

    def level(images, rows, columns):
        return images[:, :, rows, columns].mean((1, 2, 3))

    ground = level(before, slice(6, 9), slice(0, 8))
    assert (level(before, *BAR) - ground > 0.2).double().mean() > 0.9, "the forgotten images have a bar"
    assert (level(moved.targets, *BAR) - ground > 0.2).double().mean() < 0.1

    def off(targets):
        return float((targets - before)[:, :, 6:].square().mean().sqrt())

    assert off(moved.targets) < 0.75 * off(near.targets)
    square = attribute_world.split().forget_images.attributes[:, 1]
    dark = level(moved.targets, *SQUARE) - ground < -0.15
    assert (dark == square).double().mean() > 0.9


def test_beyond_goes_further(model, parts):
    theta = {k: p.detach() for k, p in model.named_parameters() if k.startswith("decoder.")}
    to, past = (translate(model, *parts, seed=0, beyond=b).loss(model).mean(theta) for b in (0.0, 0.5))
    assert past > 1.1 * to


def test_same_seed_same_objective(model, parts):
    one, again, other = (translate(model, *parts, seed=s) for s in (0, 0, 1))
    assert torch.equal(one.latents, again.latents)
    assert torch.equal(one.targets, again.targets)
    assert not torch.equal(one.latents, other.latents)


def test_the_model_is_left_as_it_was(model, parts):
    before = {k: v.clone() for k, v in model.state_dict().items()}
    translate(model, *parts, seed=0)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_model_without_latents_is_refused_with_a_way_out(parts):
    with pytest.raises(UsageError, match=r"found Linear.*method=gradient_surgery"):
        translate(torch.nn.Linear(2, 2), *parts, seed=0)
