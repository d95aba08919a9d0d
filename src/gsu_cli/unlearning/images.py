"""Random images of a part: what a method looks at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.models.conditions import NULL, Conditional
from gsu_cli.unlearning.contract import Task

CHECK_IMAGES = 1000
"""Of each part, at most: those on which trajectories and budgets are measured."""
LEAST_OTHERS = 500
"""Retained images beside those of a budget, for later steps of a method to spare: with fewer it spares the budget's."""


def draw_images(split: Split, part: Literal["forget", "retain"], most: int, *, seed: int) -> Images:
    """All training images of a part, or a random ``most`` of them, in random order."""
    index = split.forget if part == "forget" else split.retain
    order = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed % 2**63))
    return split.dataset.train[index[order[:most]]]


def untold(model: Any, images: Images, *, seed: int, share: float | None = None) -> Images:
    """Images of a conditional model, the condition of a random share hidden; of any other model as they are.

    A model that learnt to generate without a condition must forget there, too, and keep there what it is to keep.

    Args:
        model: whose conditions, where training hid some of them.
        images: with labels.
        seed: of the choice.
        share: in [0, 1]; None: as many as training hid.
    """
    if not (isinstance(model, Conditional) and model.conditions and model.drop):
        return images
    chosen = torch.rand(len(images), generator=torch.Generator().manual_seed(seed % 2**63))
    chosen = chosen < (model.drop if share is None else share)
    return replace(images, labels=torch.where(chosen.to(images.labels.device), NULL, images.labels))


def redirect_images(task: Task, retain: int, forget: int) -> tuple[Images, Images]:
    """Random retain and forget images, as many as given at most, for methods that redirect.

    Of a conditional model the conditions are hidden of as many retain images as training hid, and of half of those to
    forget: it must forget there, too.
    """
    model, split = task.model, task.split
    kept = draw_images(split, "retain", retain, seed=task.stream("retain"))
    gone = draw_images(split, "forget", forget, seed=task.stream("forget"))
    kept = untold(model, kept, seed=task.stream("untold", "retain"))
    return kept, untold(model, gone, share=0.5, seed=task.stream("untold", "forget"))


def other_retained(task: Task, used: int, most: int, step: int) -> Images:
    """Random retained images for step ``step``, ``most`` at most, none of which is among the first ``used``.

    Those are of `redirect_images`, which a cost is measured on: what a direction is made of must be others, or it fits
    them. Of a conditional model the conditions are hidden of as many as training hid.
    """
    index = task.split.retain
    order = torch.randperm(len(index), generator=torch.Generator().manual_seed(task.stream("retain") % 2**63))
    rest = index[order[used:]]
    again = torch.randperm(len(rest), generator=torch.Generator().manual_seed(task.stream("retain", step) % 2**63))
    images = task.split.dataset.train[rest[again[:most]]]
    return untold(task.model, images, seed=task.stream("untold", "retain", step))


def others_left(task: Task, used: int) -> bool:
    """Whether enough retained images are left for `other_retained`."""
    return len(task.split.retain) >= used + LEAST_OTHERS


def with_others(task: Task, most: int) -> int:
    """How many images a budget is measured on, ``most`` at most, where a method must have others to spare.

    All but `LEAST_OTHERS` of those retained, or half of them where there are few.
    """
    n = len(task.split.retain)
    return max(1, min(most, max(n - LEAST_OTHERS, n // 2)))


def budget_of(task: Task, retain: Images, most: int, *, others: bool) -> Images:
    """The images of `redirect_images` that a budget is measured on, the first ``most`` of those retained.

    Args:
        task: of the run.
        retain: in order.
        most: of them.
        others: whether the method must have others to spare (see `with_others`).
    """
    return first(retain, with_others(task, most) if others else most)


def first(images: Images, n: int) -> Images:
    """The first ``n`` images, or all where there are fewer; their pixels are not copied."""
    return images[:n]
