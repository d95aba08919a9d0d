"""Which retained images a step must spare: not always those on which its budget is measured."""

from __future__ import annotations

from gsu_cli.data.base import Images
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.images import first, other_retained, others_left


def spared_by(task: Task, retain: Images, cost: SiteLoss, step: int) -> tuple[Images, SiteLoss]:
    """Whose Fisher and whose gradient a step spares: from the second shot on others than the budget's own.

    At the original that gradient is as good as zero. Later a direction that lowers the loss of the images on which
    the budget is measured would buy room that no other image gives. Where too few others are left, it may.

    Args:
        task: of the run.
        retain: retained images, the budget's first.
        cost: the retain loss of the budget.
        step: which one it is; 0: the first.
    """
    n = len(cost)
    if step == 0 or not others_left(task, n):
        return retain, cost
    others = other_retained(task, n, len(retain), step)
    return others, frozen_elbo(task.model, first(others, n), seed=task.stream("retain latents", step))


def stay_images(task: Task, retain: Images, used: int, step: int) -> tuple[Images, int]:
    """Retained images whose latents are to stay in a refit of the last layer, and how many of the first do not count.

    Least squares would spare those of the budget more than the rest, and the budget would not see what the rest pays:
    none of the first ``used``, which are the budget's (see `unlearning.images.with_others`). Of a first step the others
    have their posteriors already, from the choice of targets; where they are fewer than the budget's, new ones are
    taken.
    """
    if step == 0 and len(retain) >= 2 * used:
        return retain, used
    return (other_retained(task, used, len(retain), step), 0) if len(task.split.retain) > used else (retain, 0)
