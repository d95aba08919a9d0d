"""Where retained images lie at the latents of what is to be forgotten, what they expect there is the target.

Of few latents classes lie on top of each other. Another picture is dear there: the budget's images are at the same
place. What the retained ones among them expect (`objectives.expected`) is where retraining would lead, and costs
nothing; the exact problem is solved for it, with nothing kept for the last layer. Of many latents no retained image is
there. docs/design/031-expected-targets.md has the numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gsu_cli.data.base import Images
from gsu_cli.objectives.expected import retained_there
from gsu_cli.unlearning.contract import Task

if TYPE_CHECKING:
    from gsu_cli.solvers.latent import LatentSurgery

ENOUGH = 10.0  # retained images at a forgotten latent, effectively


def where_retained(surgery: LatentSurgery, task: Task, forget: Images, retain: Images) -> LatentSurgery:
    """``surgery``, or what is done instead where `ENOUGH` retained images are at the forgotten latents.

    Args:
        surgery: of which `expects` says whether to look.
        task: of the run.
        forget, retain: training images, in random order.
    """
    if not surgery.expects:
        return surgery
    with task.stage("objective"):
        there = retained_there(task.model, forget, retain, seed=task.stream("redirect"))
    if there < ENOUGH:
        return replace(surgery, there=there)
    return replace(surgery, there=there, target="expected", solver="gauss_newton", finish=None)
