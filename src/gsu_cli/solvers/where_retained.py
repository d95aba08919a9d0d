"""Where retained images lie at the latents of what is to be forgotten, what they expect there is the target.

Of few latents classes lie on top of each other. Another picture is dear there: the budget's images are at the same
place. What the retained ones among them expect (`objectives.expected`) is where retraining would lead, and to first
order the retain loss falls towards it; the exact problem is solved for it, with nothing kept for the last layer. Of
many latents no retained image is there. docs/design/031-expected-targets.md has the numbers.
"""

from __future__ import annotations

from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.objectives.expected import retained_there
from gsu_cli.objectives.targets import log_odds
from gsu_cli.solvers.usual import AUTO, expects
from gsu_cli.unlearning.contract import Task

LEAST = 50  # images to forget: of fewer a latent's own image has too few others of its class beside it to tell a share
ENOUGH, HALF = 10.0, 0.5  # retained images at a forgotten latent, effectively, and their share of the density there


def target_there(task: Task, target: str, forget: Images, retain: Images) -> tuple[str, dict[str, Any]]:
    """What ``target`` stands for where it is "auto", and for the record what lies at its latents, if asked.

    Args:
        task: of one step.
        target: as typed.
        forget, retain: training images, in random order.
    """
    if len(forget) < LEAST or not expects(task.model, task.split, 1, typed=(target,)):
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
        retain: training images, the budget's ``used`` first; where there are not `LEAST` others, all of them are asked.
        used: of the budget.
    """
    return retain[used:] if target == "expected" and len(retain) - used >= LEAST else retain


def where_retained(task: Task, forget: Images, retain: Images) -> dict[str, Any]:
    """Options of `solvers.latent.LatentSurgery` that are others where retained images are at the forgotten latents.

    Args:
        task: of one step, of which nothing is typed.
        forget, retain: training images, in random order.
    """
    with task.stage("objective"):
        target, told = target_there(task, AUTO, forget, retain)
    instead = {"target": target, "solver": "gauss_newton", "finish": None} if target != AUTO else {}
    return {"there": told.get("retained_there"), **instead}
