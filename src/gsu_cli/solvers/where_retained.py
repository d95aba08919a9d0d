"""Where retained images lie at the latents of what is to be forgotten, what they expect there is the target.

Of few latents classes lie on top of each other. Another picture is dear there: the budget's images are at the same
place. What the retained ones among them expect (`objectives.expected`) is where retraining would lead, and costs
nothing; the exact problem is solved for it, with nothing kept for the last layer. Of many latents no retained image is
there. docs/design/031-expected-targets.md has the numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gsu_cli.data.base import Images
from gsu_cli.objectives.expected import retained_there
from gsu_cli.objectives.targets import log_odds
from gsu_cli.solvers.usual import AUTO, expects
from gsu_cli.unlearning.contract import Task

if TYPE_CHECKING:
    from gsu_cli.solvers.latent import LatentSurgery

ENOUGH, HALF = 10.0, 0.5  # retained images at a forgotten latent, effectively, and their share of the density there


def target_there(task: Task, target: str, forget: Images, retain: Images) -> tuple[str, dict[str, Any]]:
    """What ``target`` stands for where it is "auto", and for the record what lies at its latents, if asked.

    Args:
        task: of one step.
        target: as typed.
        forget, retain: training images, in random order.
    """
    if not expects(task.model, task.split, 1, typed=(target,)):
        return target, {}
    odds = log_odds(task.split, forget, retain)
    there = retained_there(task.model, forget, retain, log_odds=odds, seed=task.stream("redirect"))
    enough = there["images"] >= ENOUGH and there["share"] >= HALF
    return "expected" if enough else target, {"retained_there": there}


def asked(target: str, retain: Images, used: int) -> Images:
    """Retained images that targets are chosen among or, if expected, are means of: then not those of the budget.

    It would not see what the rest pays: a mean is nearest to the images that are in it.

    Args:
        target: one of `objectives.targets.TARGETS`.
        retain: training images, the budget's ``used`` first; where there are no others, all of them are asked.
        used: of the budget.
    """
    return retain[used:] if target == "expected" and len(retain) > used else retain


def where_retained(surgery: LatentSurgery, task: Task, forget: Images, retain: Images) -> LatentSurgery:
    """``surgery``, or what is done instead where retained images are at the forgotten latents.

    Args:
        surgery: of which `expects` says whether to look.
        task: of the run.
        forget, retain: training images, in random order.
    """
    if not surgery.expects:
        return surgery
    with task.stage("objective"):
        target, told = target_there(task, AUTO, forget, retain)
    surgery = replace(surgery, there=told["retained_there"])
    return replace(surgery, target=target, solver="gauss_newton", finish=None) if target != AUTO else surgery
