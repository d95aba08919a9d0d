"""Where retained images lie at the latents of what is to be forgotten, what they expect there is the target.

Of few latents classes lie on top of each other. Another picture is dear there: the budget's images are at the same
place. What the retained ones among them expect (`objectives.expected`) is where retraining would lead, and to first
order the retain loss falls towards it; the exact problem is solved for it, with nothing kept for the last layer. Of
many latents no retained image is there. docs/design/031-expected-targets.md has the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.objectives.expected import retained_there
from gsu_cli.objectives.targets import log_odds
from gsu_cli.solvers.auto_options import AUTO, expects
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.images import budget_of

LEAST = 50  # images to forget: of fewer a latent's own image has too few others of its class beside it to tell a share
ENOUGH, HALF = 10.0, 0.5  # retained images at a forgotten latent, effectively, and their share of the density there


def target_there(
    task: Task, target: str, forget: Images, retain: Images, besides: int = 0
) -> tuple[str, dict[str, Any]]:
    """What ``target`` stands for where it is "auto", and for the record what lies at its latents, if asked.

    Every run of a search would find the same, so the first one does. What it passes, `encoded` counts.

    Args:
        task: of one step.
        target: as typed.
        forget, retain: training images, in random order.
        besides: how many of the first retained images are not asked of.
    """
    if len(forget) < LEAST or not expects(task.model, task.split, 1, typed=(target,)):
        return target, {}

    def look() -> dict[str, float]:
        odds, seed = log_odds(task.split, forget, retain[besides:]), task.stream("redirect")
        return retained_there(task.model, forget, retain, log_odds=odds, seed=seed, besides=besides)

    there = task.shared.once("there", look, retain=len(retain), forget=len(forget), besides=besides)
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


def encoded(told: Mapping[str, Any] | None, forget: Images, retain: Images, among: Images) -> int:
    """How many images pass an encoder at rest for the targets, with those of the rule; of the same images once.

    Args:
        told: what the rule found; nothing where it was not asked.
        forget, retain: training images, of which the rule asks.
        among: what was `asked` for the targets.
    """
    return len(forget) + len(among) + (len(retain) if told and among is not retain else 0)


def where_retained(task: Task, forget: Images, retain: Images, budget: int, *, others: bool) -> dict[str, Any]:
    """Options of `solvers.latent.LatentSurgery` that are others where retained images are at the forgotten latents.

    Args:
        task: of one step, of which nothing is typed.
        forget, retain: training images, in random order.
        budget: images that it is measured on, at most, where targets are expected.
        others: whether it must leave others to spare.
    """
    with task.stage("objective"):
        used = len(budget_of(task, retain, budget, others=others))
        besides = len(retain) - len(asked("expected", retain, used))
        target, told = target_there(task, AUTO, forget, retain, besides)
    instead = {"target": target, "solver": "gauss_newton", "finish": None} if target != AUTO else {}
    return {"there": told.get("retained_there"), **instead}
