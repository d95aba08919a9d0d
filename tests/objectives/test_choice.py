"""Which of several kinds of targets is taken: the nearest that the encoder takes for retained."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import attribute_world
from gsu_cli.objectives.choice import SURE, choose_goal
from gsu_cli.objectives.redirect import redirect, retained_share
from gsu_cli.objectives.translate import translate


@pytest.fixture(scope="module")
def model():
    return attribute_world.trained()


@pytest.fixture(scope="module")
def parts():
    split = attribute_world.split()
    return split.forget_images, split.retain_images


@pytest.fixture(scope="module")
def goal(model, parts):
    return translate(model, *parts, seed=0)


def test_the_share_of_retained_neighbours_tells_the_two_sets_apart(model, parts):
    forget, retain = parts
    held = attribute_world.split()
    for images, sure in ((held.heldout_retain_images, True), (held.heldout_forget_images, False)):
        share = retained_share(model, images.floats(), forget, retain)
        assert share > 0.9 if sure else share < 0.1


def test_the_share_by_brute_force(model, parts):
    forget, retain = (part[torch.arange(40)] for part in parts)
    targets = attribute_world.split().heldout_retain_images.floats()
    with torch.no_grad():
        means = [model.posterior(x)[0].double() for x in (targets, retain.floats(), forget.floats())]
    near = torch.cdist(means[0], torch.cat(means[1:])).topk(10, largest=False).indices
    found = retained_share(model, targets, parts[0][torch.arange(40)], parts[1])
    assert found == pytest.approx((near < 40).double().mean().item(), abs=1e-3)


def test_of_those_that_are_sure_the_nearest_is_taken(model, parts):
    near = redirect(model, *parts, seed=0, shortlist=None)
    far = replace(near, targets=near.targets.roll(1, 0))  # drawings of retained latents as well, but of others
    for goals in ({"far": far, "near": near}, {"near": near, "far": far}):
        chosen = choose_goal(model, goals, *parts)
        assert chosen.kind == "near"
        assert torch.equal(chosen.targets, near.targets)
        assert chosen.retained >= SURE
    with torch.no_grad():
        drawn = model.decode(near.latents)
    naive = torch.stack([(a - b).square().mean().sqrt() for a, b in zip(drawn, near.targets, strict=True)]).mean()
    assert chosen.distance == pytest.approx(float(naive), rel=1e-5)


def test_what_is_drawn_already_is_nearest_but_not_retained(model, parts, goal):
    """No distance at all, and the attribute still there: the encoder says so."""
    with torch.no_grad():
        still = replace(goal, targets=model.decode(goal.latents))
    for goals in ({"still": still, "moved": goal}, {"moved": goal, "still": still}):
        assert choose_goal(model, goals, *parts).kind == "moved"


def test_where_none_is_sure_the_one_most_taken_for_retained_is(model, parts, goal):
    with torch.no_grad():
        drawn = model.decode(goal.latents)
    half = replace(
        goal, targets=torch.where(torch.arange(len(drawn))[:, None, None, None] % 2 == 0, drawn, goal.targets)
    )
    none = replace(goal, targets=drawn)
    chosen = choose_goal(model, {"half": half, "none": none}, *parts)
    assert (chosen.kind, chosen.distance > 0) == ("half", True)
    assert 0.3 < chosen.retained < SURE


def test_alike_is_the_clean_drawing_nearest_in_pixels(model, parts):
    """By brute force over all of them: never further than what the shortlist of latents offers."""
    listed = redirect(model, *parts, seed=0)
    every = redirect(model, *parts, seed=0, shortlist=None)
    with torch.no_grad():
        drawn = model.decode(every.latents).flatten(1).double()
    gap = {name: (g.targets.flatten(1).double() - drawn).norm(dim=1) for name, g in (("l", listed), ("e", every))}
    assert (gap["e"] <= gap["l"] + 1e-4).all()
    assert gap["e"].mean() < gap["l"].mean()
