"""Which step Fisher surgery takes, and how long, by the model's own samples: ``solver=chosen``.

The redirect loss does not tell which of several directions forgets most; what the model generates afterwards does. So a
discriminant that was fitted to training images (`own_share`; no judge) looks at samples of the same noise after each
candidate step. The one is taken after which the smallest share shows what is to be forgotten, and it ends where
forgetting ends: at the shortest of a few lengths that leaves no more than the floor, or as little as the best length
does. The floor is the discriminant's own error: the share of real retained images in which it sees it, too.
docs/design/022-own-choice.md has the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.solvers.candidates import TIE, Candidate
from gsu_cli.solvers.own_share import OwnShare
from gsu_cli.solvers.step_problem import StepProblem

LENGTHS = (0.7, 0.5, 0.35, 0.25)  # of the longest step that the budget allows, beside the whole of it


def check_choosable(split: Split) -> None:
    """Refuses what no discriminant can learn to find among samples: single images, or a part of a class.

    Raises:
        UsageError: it is neither whole classes nor an attribute.
    """
    if split.by_index or split.fraction is not None or not (split.target_classes or split.target_attribute):
        raise UsageError(
            "`method.solver=chosen` looks among the model's own samples for what is forgotten, so it must be whole "
            "classes or an attribute",
            found=split.words,
            way_out="Leave out method.solver",
        )


def choose_by_share(found: Sequence[Candidate], problem: StepProblem, share: OwnShare) -> list[Candidate]:
    """The candidates with their shares, and behind them the shorter steps that were tried; the chosen one stands last.

    Shares within `TIE` of the best decrease count as equal: of equal candidates the cheapest is taken, of equal lengths
    the shortest.

    Raises:
        UsageError: no step leaves a smaller share.
    """
    looked = [replace(c, share=share(problem.at(c.direction, c.step))) for c in found if c.step > 0]
    least = min((c.share for c in looked if c.share is not None), default=share.before)
    if not least < share.before:
        raise UsageError(
            "a step must leave fewer samples that show what is to be forgotten",
            found=f"{share.before:.4f} of them before and {least:.4f} after the best of {len(looked)}",
            way_out="Raise method.budget, or leave out method.solver",
        )
    equal = [c for c in looked if c.share is not None and c.share <= enough(least, share.before, share.floor)]
    costs = [problem.relative_increase(problem.at(c.direction, c.step)) for c in equal]
    measured = [_measured(c, cost) for c, cost in zip(equal, costs, strict=True)]
    looked = [c for c in looked if all(c is not e for e in equal)] + measured
    best = measured[costs.index(min(costs))]
    shorter = [_shortened(best, part, problem, share) for part in LENGTHS]
    lengths = [best, *shorter]
    most = enough(min(c.share for c in lengths if c.share is not None), share.before, share.floor)
    taken = [c for c in lengths if c.share is not None and c.share <= most][-1]
    return [c for c in [*looked, *shorter] if c is not taken] + [taken]


def enough(least: float, before: float, floor: float) -> float:
    """The largest share that counts as forgotten as far as ``least``, or as nothing left to see.

    >>> round(enough(0.01, before=0.21, floor=0.01), 3), round(enough(0.01, before=0.21, floor=0.05), 3)
    (0.02, 0.05)
    """
    return max(floor, least + TIE * (before - least))


def _measured(c: Candidate, increase: float) -> Candidate:
    """With one measurement of the retain cost more among those it took."""
    return replace(c, search=replace(c.search, evaluations=(*c.search.evaluations, (c.step, increase))))


def _shortened(c: Candidate, part: float, problem: StepProblem, share: OwnShare) -> Candidate:
    there = problem.at(c.direction, part * c.step)
    length = None if c.length is None else part * c.length
    search = replace(c.search, evaluations=())  # the longest step's, where they are counted
    return replace(
        c, search=search, step=part * c.step, share=share(there), redirect_loss=problem.reached(there), length=length,
    )  # fmt: skip
