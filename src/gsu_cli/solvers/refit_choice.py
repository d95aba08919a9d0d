"""Refits compared by estimates; only the one that is taken is measured whole until it spends the budget.

Of a layer's refit, its change taken longer, all sites of the budget are looked at once, where a blind estimate leads:
from there on the estimate is good to a few percent (see `solvers.pilot`), and so is the redirect loss of a part of the
sites to redirect. Mostly a longer change is taken in the end, and it moves other sites than the least squares' own. The
sites that one layer's refit moves most are those that another's does: the deepest layer is looked at first, and what
it has taught tells whether a layer before it is worth a look of its own, and where. A change that is taken longer costs
about as much where it is as far, so its search begins there. What one search has found out, the next one knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gsu_cli.solvers.candidates import Candidate, choose
from gsu_cli.solvers.pilot import Pilot
from gsu_cli.solvers.refit_rays import Ray, Redirected
from gsu_cli.solvers.refit_trials import SLOPE, Trial, increase_at, measured_whole, searched, trials
from gsu_cli.solvers.step_problem import StepProblem
from gsu_cli.surgery.bent import slope_of
from gsu_cli.surgery.least_squares import Refit

BLIND = 0.3  # of the budget: how near to it a blind estimate is taken
LIKELY = 0.8  # of the best decrease of the redirect loss: a layer that promises less is not looked at whole
WORTH = 8  # looks at a part that one at all sites costs, from which on they are looked at where the change is longer


def refits_by_estimates(
    problem: StepProblem, refits: Sequence[Refit], pilot: Pilot, lengths: Sequence[float], bracket: tuple[float, float]
) -> list[Candidate]:
    """The refit that `choose` takes by estimates, measured whole, among the others as they were estimated.

    Args:
        problem: where; without further bounds.
        refits: of the layers.
        pilot: of the retain loss, at its start.
        lengths: of the chosen layer's change, tried in their order until one is as good.
        bracket: of the weight of what is to be redirected, where the search begins.

    Returns:
        In the order in which they were tried; the one that was measured may be taken. Empty where no refit stays within
        the budget.
    """
    comparison = _Comparison(problem, pilot, lengths, bracket)
    for refit in reversed(refits):
        comparison.look_at(refit)
    comparison.take_longer()
    return comparison.candidates()


class _Comparison:
    """What was tried so far, the deepest layer's first change at the end of ``tried``; arguments as above."""

    def __init__(
        self, problem: StepProblem, pilot: Pilot, lengths: Sequence[float], bracket: tuple[float, float]
    ) -> None:
        self.problem, self.pilot, self.lengths, self.bracket = problem, pilot, lengths, bracket
        self.look = Redirected(problem)
        self.learnt = lengths[-1] if lengths and len(problem.cost) >= WORTH * pilot.sites else 1.0
        self.tried: list[Trial] = []
        self.taught: dict[str, tuple[float, float]] = {}  # layer -> weight and cost where all sites were looked at

    def look_at(self, refit: Refit) -> None:
        """Tries a layer's refit; whole where what is known of a deeper one says that it is worth that."""
        own, ray, slope, where = self.pilot.fresh(), Ray(self.problem, refit, 1.0), SLOPE, None
        if self.tried:
            near, passed = self._near(ray)
            if near and _lowers(near[0], self.problem) < LIKELY * _lowers(self.best, self.problem):
                self.tried = near + self.tried
                return
            self._charge(passed)
            where, slope = (near[0].weight, near[0].slope) if near else (None, SLOPE)
        far = replace(ray, length=self.learnt)
        if where is None:
            blind = searched(far, own, self.bracket, BLIND)
            where, slope = blind.step, slope_of(blind.evaluations, self.problem.allowed) or SLOPE
        elif self.learnt != 1:
            where = far.as_far_as(ray.step(where)[1], where)
        if where == 0:
            return
        seen = self.taught[refit.layer.module] = where, increase_at(far, own, where)
        own.learn()
        known = (seen,) if self.learnt == 1 else ()
        guess = None if known else ray.as_far_as(far.step(where)[1], where)
        more = trials(
            ray, own, self.bracket, self.look, refit.images, measured=(seen,), known=known, guess=guess, slope=slope
        )
        self.tried = more + self.tried

    def take_longer(self) -> None:
        """Tries the chosen layer's change taken longer, until one length is as good as any."""
        if not self.tried:
            return
        first = self.best
        for length in self.lengths:
            own, longer = first.pilot.known(), replace(first.ray, length=length)
            guess = longer.as_far_as(first.candidate.step, first.weight)
            there = (self.taught[longer.refit.layer.module],) if length == self.learnt else ()
            self.tried += trials(longer, own, self.bracket, self.look, 0, known=there, guess=guess, slope=first.slope)
            if self.best is self.tried[-1] and self.tried[-1].ray.length == length:
                return

    def candidates(self) -> list[Candidate]:
        """All as estimated, the best of those that stay within the budget measured; empty where none does."""
        left = self.tried
        while left:
            best = _taken(left, self.problem)
            if (whole := measured_whole(best, self.bracket)) is not None:
                return [whole if t is best else t.candidate for t in self.tried]
            left = [t for t in left if t is not best]
        return []

    @property
    def best(self) -> Trial:
        """That `choose` takes."""
        return _taken(self.tried, self.problem)

    def _near(self, ray: Ray) -> tuple[list[Trial], int]:
        """Another layer's refit by what the best one has taught, at no site anew; and the images that passed for it."""
        best = self.best
        known, refit = best.pilot.known(), ray.refit
        near = trials(
            ray, known, self.bracket, self.look, refit.images, guess=best.weight, slope=best.slope, tolerance=BLIND
        )
        return near, known.images + len(self.look.part) * len(near)

    def _charge(self, images: int) -> None:
        """Counts them with the best one, which led there."""
        best = self.best
        charged = replace(best, candidate=replace(best.candidate, images=best.candidate.images + images))
        self.tried = [charged if t is best else t for t in self.tried]


def _lowers(trial: Trial, problem: StepProblem) -> float:
    return problem.before - trial.candidate.redirect_loss


def _taken(tried: Sequence[Trial], problem: StepProblem) -> Trial:
    best = choose([t.candidate for t in tried], problem.before)
    return next(t for t in tried if t.candidate is best)
