"""The shortest step that forgets nearly as far as any along the way does, so that other images pay for no more."""

from __future__ import annotations

import math
from dataclasses import replace

from gsu_cli.solvers.candidates import Candidate
from gsu_cli.solvers.step_problem import StepProblem

ENOUGH = 0.9  # of the most that the redirect loss falls along the step
BISECTIONS = 3  # of the step
DOUBT = 0.02  # of the decrease: where a parabola foresees as much more or less than `ENOUGH`, a length is measured


def shortened(problem: StepProblem, longest: Candidate, slope: float = math.nan) -> tuple[Candidate, float, int]:
    """The shortest step that lowers the redirect loss `ENOUGH` as far as any that was measured within the budget.

    What is left of the budget buys little forgetting there, and other images pay for it: ones need a sixth of 1 %.
    It is known to an eighth of the longest. Along the step the redirect loss is nearly a parabola, which says where
    to look first.

    Args:
        problem: with the redirect loss.
        longest: the step within the budget.
        slope: of the redirect loss along its direction, at length 0; nan: not known.

    Returns:
        The step, what it raises the retain loss by, relative, and at how many lengths the redirect loss was measured.
    """
    gained = problem.before - longest.redirect_loss
    best, looks = _shortest(problem, longest, slope) if gained > 0 else (longest, 0)
    increase = problem.relative_increase(problem.at(best.direction, best.step))
    if best is longest or increase <= problem.allowed:
        return best, increase, looks
    # where the retain loss is no bowl, a shorter step than the one that was measured may cost more
    return longest, problem.relative_increase(problem.at(longest.direction, longest.step)), looks


def _shortest(problem: StepProblem, longest: Candidate, slope: float) -> tuple[Candidate, int]:
    """It, and the looks that took: at the length that a parabola foresees, then at its neighbour, then by bisection.

    What is taken was measured. A shorter length that was not is one that the parabola leaves short of enough by more
    than `DOUBT`, and by more than three times what it was wrong by where it was measured.
    """
    gained, end, parts = problem.before - longest.redirect_loss, longest.step, 2**BISECTIONS
    lengths = dict.fromkeys(range(parts + 1), 0.0) | {parts: end}
    for half in (parts >> i for i in range(1, BISECTIONS + 1)):
        lengths |= {k: (lengths[k - half] + lengths[k + half]) / 2 for k in range(half, parts, 2 * half)}
    c = gained + slope * end  # of the parabola through both ends, with the slope
    foreseen = {k: (-slope * t + c * (t / end) ** 2) / gained for k, t in lengths.items()}
    losses, doubt, low, high = dict[int, float](), DOUBT, 0, parts
    most = max(1.0, *foreseen.values())
    k = next((k for k in range(1, parts) if not foreseen[k] < ENOUGH * most), parts - 1)
    most = 1.0  # as measured: at the end, then wherever it is more
    while high - low > 1:
        share = foreseen[k]
        if not losses or not ENOUGH * most - share > doubt:
            losses[k] = problem.reached(problem.at(longest.direction, lengths[k]))
            share = (problem.before - losses[k]) / gained
            doubt, most = max(doubt, 3 * abs(share - foreseen[k])), max(most, share)
        low, high = (low, k) if share >= ENOUGH * most else (k, high)
        k = (low + high) // 2 if len(losses) > 1 else high - 1 if high == k else low + 1
    best = longest if high == parts else replace(longest, step=lengths[high], redirect_loss=losses[high])
    return best, len(losses)
