"""The level of loss that ends a step on a decoder, or is noted: of single images their leverage, of a class its own."""

from __future__ import annotations

from gsu_cli.data.base import Images
from gsu_cli.solvers.class_level import class_level
from gsu_cli.solvers.leverage import sample_level
from gsu_cli.solvers.unseen import UnseenLevel
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.images import CHECK_IMAGES, draw_images, first

LEVEL_IMAGES = 500  # of each part, at most, for the level of a class


def level_of(task: Task, kind: str, forget: Images, fisher: KroneckerFisher, *, ends: bool) -> UnseenLevel:
    """The loss expected of the forgotten images, had they not been trained on.

    Args:
        task: whose model is the original.
        kind: "class_level" or "leverage".
        forget: images to forget.
        fisher: of retained images.
        ends: whether the level of a class ends a step; that of single images always does.
    """
    model, split, seed = task.model, task.split, task.stream("bound")
    if kind == "class_level":
        others = draw_images(split, "retain", LEVEL_IMAGES, seed=task.stream("level"))
        return class_level(model, first(forget, LEVEL_IMAGES), others, fisher, seed=seed, ends=ends)
    n = task.trained_on or len(split.dataset.train)
    return sample_level(model, first(forget, CHECK_IMAGES), fisher, trained_on=n, seed=seed, copies=split.copies)
