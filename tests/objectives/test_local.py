"""Local targets: the same picture, with the attribute's place filled from its double."""

from __future__ import annotations

import pytest
import torch

import attribute_world
from attribute_world import BAR
from gsu_cli.data.base import Images, to_float
from gsu_cli.errors import UsageError
from gsu_cli.objectives.local import INSIDE, kolmogorov_smirnov, local, region
from gsu_cli.objectives.nearest import clean_means
from gsu_cli.objectives.posteriors import posterior
from gsu_cli.objectives.redirect import redirect, retained_share


@pytest.fixture(scope="module")
def goal(model, parts):
    return local(model, *parts, seed=0)


def noise(n: int, seed: int, high: int = 256) -> Images:
    pixels = torch.randint(0, high, (n, 1, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Images(pixels, torch.zeros(n, dtype=torch.int64))


def test_the_distance_of_kolmogorov_and_smirnov_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    g = torch.Generator().manual_seed(0)
    a, b = torch.rand(70, 5, generator=g), torch.rand(90, 5, generator=g) ** 1.7
    on_levels = [(t * 32).ceil() / 32 for t in (a, b)]  # where the two are compared, so nothing lies between
    naive = [stats.ks_2samp(on_levels[0][:, i], on_levels[1][:, i]).statistic for i in range(5)]
    assert kolmogorov_smirnov(*on_levels).tolist() == pytest.approx(naive, abs=1e-6)


def test_the_same_distances_by_counting_as_by_comparing_image_after_image(parts):
    a, b = (part.floats() for part in parts)
    best = a.new_zeros(a.shape[1:])
    for level in torch.arange(32) / 32:
        best = torch.maximum(best, ((a <= level).float().mean(0) - (b <= level).float().mean(0)).abs())
    assert torch.equal(kolmogorov_smirnov(a, b), best), "to the last bit"


def test_bytes_are_counted_as_the_floats_that_they_stand_for() -> None:
    """All 256 of them, on both sides of every level."""
    a, b = noise(300, 0).pixels, noise(200, 1, high=200).pixels
    assert set(a.flatten().tolist()) == set(range(256))
    assert torch.equal(kolmogorov_smirnov(a, b), kolmogorov_smirnov(to_float(a), to_float(b)))


def test_the_region_is_where_the_attribute_is_generated(parts):
    w = region(*parts)[0]
    rows, columns = BAR
    assert (w[rows, columns] > 0.99).all()
    outside = w.clone()
    outside[rows.start - 2 : rows.stop + 2, columns.start - 2 : columns.stop + 2] = 0  # a pixel wider, a soft edge
    assert (outside == 0).all()


def test_without_a_difference_the_region_is_the_whole_picture():
    assert (region(noise(300, 0), noise(300, 1)) == 1).all()
    assert (region(noise(2, 0), noise(2, 1, high=20)) == 1).all()  # too few to tell
    w = region(noise(300, 0), noise(300, 1, high=128))
    assert (w == 1).all()  # up to the border


def test_outside_the_region_nothing_is_to_change_and_inside_it_the_double_is_generated(model, parts, goal):
    w = region(*parts)
    with torch.no_grad():
        drawn = model.decode(goal.latents)
        (mean_f, _), (mean_r, _) = posterior(model, parts[0]), posterior(model, parts[1])
        pool, clean = clean_means(mean_f, mean_r)
        doubles = model.decode(pool)
    kept = (w == 0).expand_as(drawn[0])
    assert torch.equal(goal.targets[:, kept], drawn[:, kept])
    weight = (1 - (1 - INSIDE) * w).double()
    for i in range(20):
        gaps = ((doubles.double() - drawn[i].double()) * weight).square().flatten(1).sum(1)
        naive = drawn[i] + w * (doubles[gaps.argmin()] - drawn[i])
        torch.testing.assert_close(goal.targets[i], naive, atol=1e-4, rtol=0)
    assert goal.region == pytest.approx(float(w.mean()))
    assert (goal.kind, goal.floor, goal.clean_fraction) == ("local", None, clean)


def test_both_judges_see_the_attribute_gone_and_the_other_one_kept(model, parts, goal):
    with torch.no_grad():
        drawn = model.decode(goal.latents)
    for judge in attribute_world.judges().values():
        was, now = (judge((x.clamp(0, 1) * 255).round().to(torch.uint8)) for x in (drawn, goal.targets))
        assert was.has("bar").double().mean() > 0.9
        assert now.has("bar").double().mean() < 0.1
        assert (was.has("square") == now.has("square")).double().mean() > 0.9


def test_the_share_of_retained_neighbours_takes_the_posterior_means_that_are_known(model, parts, goal):
    assert goal.retained(model, *parts) == retained_share(model, goal.targets, *parts)
    assert redirect(model, *parts, seed=0).retained(model, *parts) is None


def test_the_seed_decides_the_latents_alone(model, parts, goal):
    again, other = local(model, *parts, seed=0), local(model, *parts, seed=1)
    assert torch.equal(again.targets, goal.targets)
    assert not torch.equal(other.latents, goal.latents)
    assert torch.equal(goal.latents, redirect(model, *parts, seed=0).latents)


def test_a_model_without_latents_is_refused(parts):
    with pytest.raises(UsageError, match="redirecting needs a model with posterior"):
        local(torch.nn.Identity(), *parts, seed=0)
