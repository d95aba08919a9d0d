from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import attribute_world
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.models.decoders import decoder_prefix
from gsu_cli.objectives.discriminant import discriminant_of
from gsu_cli.objectives.nearest import LEAST_CLEAN, clean_means, nearest
from gsu_cli.objectives.posteriors import posterior
from gsu_cli.objectives.redirect import LOOKED_AT, MARGIN, NEIGHBOURS, redirect, retained_share
from gsu_cli.objectives.targets import redirection
from gsu_cli.unlearning.images import draw_images


@pytest.fixture(scope="module")
def model():
    return tiny_world.trained()


@pytest.fixture(scope="module")
def parts():
    split = tiny_world.split()
    return draw_images(split, "forget", 150, seed=0), draw_images(split, "retain", 300, seed=1)


@pytest.fixture(scope="module")
def goal(model, parts):
    return redirect(model, *parts, seed=0)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 5), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_nearest_agrees_with_brute_force(n, m, k, seed):
    g = torch.Generator().manual_seed(seed)
    points, pool, k = torch.randn(n, 3, generator=g), torch.randn(m, 3, generator=g), min(k, m)
    index = nearest(points, pool, k)
    d = torch.cdist(points.double(), pool.double())
    found, best = d.gather(1, index), d.topk(k, largest=False, sorted=True).values
    assert index.shape == (n, k)
    assert torch.allclose(found, best, rtol=1e-9, atol=1e-9)  # distances, not indices: near ties may swap


def test_nearest_sees_small_differences_far_from_the_origin():
    """Bright pictures of 12,288 entries that differ by 2/255 in twelve: in float32 those squares are below rounding."""
    pool = torch.full((40, 3, 64, 64), 250 / 255)
    for i in range(40):
        pool[i, :, i : i + 2, :2] -= 2 / 255
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    assert torch.equal(nearest(pool.flatten(1)[order], pool.flatten(1), 1)[:, 0], order)
    latents = 1000 + torch.randn(300, 8, generator=torch.Generator().manual_seed(1))
    found = nearest(latents[:50], latents, 3)
    exact = torch.cdist(latents[:50].double(), latents.double()).topk(3, largest=False, sorted=True).indices
    assert torch.equal(found, exact)


def test_latents_are_the_forget_images_own(model, parts, goal):
    mean, sd = posterior(model, parts[0])
    noise = (goal.latents - mean) / sd
    assert abs(float(noise.mean())) < 0.15
    assert abs(float(noise.std()) - 1) < 0.15


def test_targets_are_samples_of_retained_latents(model, parts, goal):
    with torch.no_grad():
        drawn = model.decode(posterior(model, parts[1])[0]).flatten(1)
    gap = torch.cdist(goal.targets.flatten(1).double(), drawn.double()).min(1).values
    assert float(gap.max()) < 1e-3
    assert goal.targets.min() >= 0
    assert goal.targets.max() <= 1


def test_targets_show_what_is_retained(goal):
    """An upright bar fills columns; what replaces it must not."""
    upright = goal.targets[:, 0, 1:7, 2:6].amax(2).mean(1) - goal.targets[:, 0, 2:6, 1:7].amax(1).mean(1)
    assert (upright > 0.2).double().mean() < 0.05


def test_targets_come_from_clean_latents_alone(model):
    """The rule, by brute force: none of the 10 nearest other posterior means belongs to the forget set."""
    split = tiny_world.split_of(class_=1, fraction=0.5)  # the other half is retained, and not clean
    parts = split.forget_images, split.retain_images
    goal = redirect(model, *parts, seed=0)
    mean_f, mean_r = (posterior(model, part)[0].double() for part in parts)
    near = torch.cdist(mean_r, torch.cat([mean_f, mean_r])).topk(11, largest=False).indices  # itself among them
    clean = ~(near < len(mean_f)).any(1)
    assert 0.02 < goal.clean_fraction < 0.9
    assert goal.clean_fraction == pytest.approx(clean.double().mean().item(), abs=0.02)
    with torch.no_grad():
        drawn = model.decode(mean_r.float()).flatten(1).double()
    chosen = torch.cdist(goal.targets.flatten(1).double(), drawn).argmin(1)
    assert clean[chosen].double().mean() > 0.98  # float32 may decide a border case otherwise


@dataclass
class Eye:
    """Stands for a discriminant: bright images show what is to be forgotten, the more the brighter."""

    bright: float

    def scores(self, x):
        return 10 * (x.flatten(1).mean(1) - self.bright)


def test_an_eye_takes_what_is_generated_at_every_target_for_retained(model, parts):
    """The rule, by brute force, and fewer neighbours than without one: most targets are nearer."""
    with torch.no_grad():
        generated = model.decode(posterior(model, parts[1])[0])
    eye = Eye(float(generated.flatten(1).mean(1).median()))
    goal = redirect(model, *parts, seed=0, eye=eye)
    assert goal.kind == "discriminant"
    assert goal.floor is not None
    assert float(eye.scores(goal.targets).max()) <= -MARGIN
    three, ten = (redirect(model, *parts, seed=0, neighbours=k) for k in (LOOKED_AT, NEIGHBOURS))
    assert ten.clean_fraction <= three.clean_fraction
    mean_f, mean_r = (posterior(model, part)[0] for part in parts)
    clean, share = clean_means(mean_f, mean_r, LOOKED_AT)
    with torch.no_grad():
        kept = eye.scores(model.decode(clean)) <= -MARGIN
    assert goal.clean_fraction == pytest.approx(share * float(kept.double().mean()), abs=1e-6)
    assert 0.1 < goal.clean_fraction < 0.9 * three.clean_fraction


def test_an_eye_that_sees_it_everywhere_leaves_the_images_in_which_it_sees_least(model, parts):
    eye = Eye(-1.0)
    goal = redirect(model, *parts, seed=0, eye=eye)
    clean, _ = clean_means(*(posterior(model, part)[0] for part in parts), LOOKED_AT)
    with torch.no_grad():
        scores = eye.scores(model.decode(clean)).sort().values
    assert float(eye.scores(goal.targets).max()) <= float(scores[int(LEAST_CLEAN * (len(scores) - 1))]) + 1e-5
    assert 0 < goal.clean_fraction < 2 * LEAST_CLEAN


def test_the_discriminant_of_training_images_is_such_an_eye(model, parts):
    goal = redirection("discriminant", model, *parts, split=tiny_world.split(), seed=0)
    assert goal.kind == "discriminant"
    seen = discriminant_of(*parts, 0).shows(goal.targets)
    assert not seen.any()
    assert goal.retained(model, *parts) is None


def test_where_nothing_is_clean_the_cleanest_serve(model):
    """A random half of all images has no region of its own."""
    split = tiny_world.split_of(fraction=0.5)
    forget, retain = split.forget_images, split.retain_images
    goal = redirect(model, forget, retain, seed=0, neighbours=200)
    assert goal.clean_fraction < 0.02
    assert goal.targets.shape == forget.floats().shape
    assert bool(torch.isfinite(goal.targets).all())


def test_more_neighbours_than_images(model):
    split = tiny_world.split()
    few = torch.arange(3)
    goal = redirect(model, split.forget_images[few], split.retain_images[few], seed=0, neighbours=50)
    assert len(goal.targets) == 3


def test_one_sample_can_be_redirected(model):
    split = tiny_world.split_of(sample=[5])
    goal = redirect(model, split.forget_images, split.retain_images, seed=0)
    assert goal.latents.shape == (1, 3)


def test_floor_is_the_entropy_of_the_targets(goal):
    t = goal.targets.double()
    entropy = -(torch.special.xlogy(t, t) + torch.special.xlogy(1 - t, 1 - t)).flatten(1).sum(1).mean()
    assert goal.floor == pytest.approx(float(entropy), rel=1e-3)


def test_blocks_make_the_mean_and_lie_above_the_floor(model, goal):
    theta = {k: p.detach() for k, p in model.named_parameters() if k.startswith("decoder.")}
    by_blocks = torch.cat([f(theta) for f in goal.loss(model).blocks(size=37)]).double().mean()
    assert goal.loss(model).mean(theta) == pytest.approx(float(by_blocks), rel=1e-6)
    assert goal.loss(model).mean(theta) > goal.floor


def test_same_seed_same_objective(model, parts, goal):
    again, other = redirect(model, *parts, seed=0), redirect(model, *parts, seed=1)
    assert torch.equal(again.latents, goal.latents)
    assert torch.equal(again.targets, goal.targets)
    assert not torch.equal(other.latents, goal.latents)


def test_the_model_is_left_as_it_was(model, parts):
    before = tiny_world.weights(model)
    redirect(model, *parts, seed=0)
    assert tiny_world.same(tiny_world.weights(model), before)
    assert not any(p.grad is not None for p in model.parameters())


def test_a_model_without_latents_is_refused_with_a_way_out(parts):
    with pytest.raises(UsageError, match=r"found Linear.*method=gradient_surgery"):
        redirect(torch.nn.Linear(2, 2), *parts, seed=0)


def test_prefix_of_a_nested_decoder_and_of_one_that_is_the_model():
    class Outer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.ModuleDict({"d": torch.nn.Linear(1, 1)})

        @property
        def decoder(self):
            return self.inner["d"]

    class Itself(torch.nn.Linear):
        @property
        def decoder(self):
            return self

    assert decoder_prefix(Outer()) == "inner.d."
    assert decoder_prefix(Itself(1, 1)) == ""


@pytest.fixture(scope="module")
def signs():
    split = attribute_world.split()
    return attribute_world.trained(), split.forget_images, split.retain_images


def test_the_share_of_retained_neighbours_tells_the_two_sets_apart(signs):
    model, forget, retain = signs
    held = attribute_world.split()
    for images, sure in ((held.heldout_retain_images, True), (held.heldout_forget_images, False)):
        share = retained_share(model, images.floats(), forget, retain)
        assert share > 0.9 if sure else share < 0.1


def test_the_share_by_brute_force(signs):
    model, *parts = signs
    forget, retain = (part[torch.arange(40)] for part in parts)
    targets = attribute_world.split().heldout_retain_images.floats()
    with torch.no_grad():
        means = [model.posterior(x)[0].double() for x in (targets, retain.floats(), forget.floats())]
    near = torch.cdist(means[0], torch.cat(means[1:])).topk(10, largest=False).indices
    found = retained_share(model, targets, parts[0][torch.arange(40)], parts[1])
    assert found == pytest.approx((near < 40).double().mean().item(), abs=1e-3)


def test_alike_is_the_clean_sample_nearest_in_pixels(signs):
    """By brute force over all of them: never further than what the shortlist of latents offers."""
    model, *parts = signs
    listed = redirect(model, *parts, seed=0)
    every = redirect(model, *parts, seed=0, shortlist=None)
    with torch.no_grad():
        drawn = model.decode(every.latents).flatten(1).double()
    gap = {name: (g.targets.flatten(1).double() - drawn).norm(dim=1) for name, g in (("l", listed), ("e", every))}
    assert (gap["e"] <= gap["l"] + 1e-4).all()
    assert gap["e"].mean() < gap["l"].mean()
