"""Was influence removed? How much the forgotten images weighed before the step, and how much is left.

What there was is the prediction at the original's weights: how much removing the images changes a loss. What the step
removed is how much that loss really changed. What is left is the difference, and retraining's own is the error of the
prediction. The formula at the weights of the unlearned or the retrained model says something else, how much *adding*
the images would change: it is large where they were never learned, so it does not measure what is left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from gsu_cli.audit.base import ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Result, mean, null
from gsu_cli.audit.influence_scores import Scores, Targets, scores, targets
from gsu_cli.audit.influence_words import sentences, unsolved
from gsu_cli.audit.jackknife import LEAST, jackknifed
from gsu_cli.audit.ranking import interval, rank_correlation
from gsu_cli.checks import as_choice, as_choices, as_int, as_numbers
from gsu_cli.curvature.damped import CURVATURES, SOLVERS, CurvatureName, DampedCurvature, SolverName
from gsu_cli.evaluation.intervals import mean_half_width, quantile95
from gsu_cli.models.frozen import generating
from gsu_cli.models.protocols import IMAGE_SITES, lacking, loss_unit
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive

TOLERANCE = 1e-3  # relative residual of conjugate gradients: over forgotten images influences nearly cancel


class ForgottenInfluence:
    """How much they weigh in held-out losses and samples, what is left of it, and do inner products order it alike?

    Of several dampings the sentences give the numbers of the first, and how far those of the others lie apart.

    Args:
        solvers: the first is the one that sentences are about and the others are compared with.
        curvature: "gauss_newton" or "hessian".
        damping: one, or several to compare; in mean eigenvalues of the Kronecker-factored Fisher, > 0.
        samples: of the original, at most half of them showing what was forgotten.
        images: forgotten ones, at most.
        retained: images that the curvature is of, at most.
        steps: of conjugate gradients, at most.
        depth: terms of LiSSA's series.

    Raises:
        UsageError: an option means nothing.
    """

    def __init__(
        self,
        solvers: Sequence[SolverName] = ("cg", "kfac"),
        curvature: CurvatureName = "gauss_newton",
        damping: float | Sequence[float] = 10.0,
        samples: int = 4,
        images: int = 200,
        retained: int = 500,
        steps: int = 20,
        depth: int = 1000,
    ) -> None:
        self.solvers = cast("tuple[SolverName, ...]", as_choices("audit.influence.solvers", solvers, SOLVERS))
        self.curvature = cast("CurvatureName", as_choice("audit.influence.curvature", curvature, CURVATURES))
        self.damping = as_numbers("audit.influence.damping", damping, more_than=0.0)
        self.samples, self.images = as_int("audit.influence.samples", samples), as_int("audit.influence.images", images)
        self.retained, self.steps = as_int("audit.influence.retained", retained), as_int("audit.influence.steps", steps)
        self.depth = as_int("audit.influence.depth", depth)

    def __call__(self, case: Case) -> Result:
        original = case.models[ORIGINAL].model
        if missing := lacking(original, [IMAGE_SITES]):
            return Result([null("influence", case.models[ORIGINAL], f"the model lacks {missing[0]}")])
        if not len(case.images("unseen_retained")):
            return Result([null("influence", case.models[ORIGINAL], "there is no held-out image that is to stay")])
        goals = targets(case, original, self.samples)
        forgotten = case.some("forgotten", self.images)
        found: dict[str, dict[float, Scores]] = {}
        for name, a in case.models.items():
            at = DampedCurvature(
                a.model, case.some("retained", self.retained), generating(a.model),
                seed=derive(case.seed, "audit", "influence", "curvature"), damping=self.damping[0], kind=self.curvature,
                steps=self.steps, depth=self.depth, tolerance=TOLERANCE,
            )  # fmt: skip
            found[name] = {
                d: scores(case, a.model, goals, forgotten, solvers=self.solvers, curvature=at.damped(d))
                for d in self.damping
            }
        of = len(case.split.different)
        rows = [
            m
            for name, by in found.items()
            for d in by
            for m in self._of(case.models[name], d, by[d], goals=goals, of=of)
        ]
        rows += [m for name in (UNLEARNED, RETRAINED) if name in found for m in _against(case, name, found, goals)]
        said = sentences(case, rows, goals, self.solvers[0], self.damping)
        return Result(rows, sentences=[*said, *unsolved(rows, self.solvers)])

    def _of(self, a: Audited, damping: float, s: Scores, *, goals: Targets, of: int) -> list[Measurement]:
        unit, rows, at = loss_unit(a.model), [], f"_at_{damping:g}"
        for solver, matrix in s.influence.items():
            rows.append(_of_part(mean(f"influence_on_retained_{solver}{at}", a, matrix[0], unit), of))
            for group, index in goals.groups().items():
                if len(index):
                    rows.append(_left(f"influence_on_{group}_{solver}{at}", a, matrix[1 + index], unit=unit, of=of))
        reference = s.influence[self.solvers[0]]
        others: Mapping[str, Tensor] = {"inner_product": s.product} | {k: s.influence[k] for k in self.solvers[1:]}
        for name, matrix in others.items():
            rows += _orders(a, name, reference, matrix, at=at, of=of)
        rows += [
            Measurement(f"residual_{solver}{at}", a.name, value, n=len(reference), sha256=a.sha256)
            for solver, value in s.residual.items()
        ]
        return rows


def _orders(a: Audited, name: str, reference: Tensor, matrix: Tensor, *, at: str, of: int) -> list[Measurement]:
    """Rank correlation over the forgotten images: on the retained loss, and the mean of those on each sample.

    The mean's interval is over both, samples and the forgotten images that were looked at, of ``of`` in all: these are
    the same for every sample, so what chance among them does is in none of the differences between samples.
    """
    n, rows = reference.shape[1], []
    on_retained = rank_correlation(reference[0], matrix[0])
    key = f"rank_correlation_{name}_on_retained{at}"
    if on_retained is None:
        rows.append(null(key, a, "fewer than two forgotten images that differ"))
    else:
        score = None if n < LEAST else jackknifed(reference[:1].T, matrix[:1].T)
        low, high = interval(on_retained, n, score)
        rows.append(Measurement(key, a.name, on_retained, low, high, n, sha256=a.sha256))
    each = [rank_correlation(x, y) for x, y in zip(reference[1:], matrix[1:], strict=True)]
    known = torch.tensor([r for r in each if r is not None], dtype=torch.float64)
    key = f"rank_correlation_{name}_on_samples{at}"
    if not len(known):
        return [*rows, null(key, a, "nothing to order")]
    found = mean(key, a, known, "", least=-1.0, most=1.0)
    if found.low is not None and n < of:
        if n < LEAST:
            return [*rows, replace(found, low=None, high=None)]
        unseen = quantile95(n) * math.sqrt(1 - n / of)
        low, high = jackknifed(reference[1:].T, matrix[1:].T).interval(unseen, mean_half_width(known))
        found = replace(found, low=low, high=high)
    return [*rows, found]


def _against(case: Case, name: str, found: Mapping[str, Mapping[float, Scores]], goals: Targets) -> list[Measurement]:
    """What really happened to the losses since the original, and how much of the predicted change is left to do."""
    a, unit = case.models[name], loss_unit(case.models[name].model)
    change = case.losses(a, "unseen_retained") - case.losses(case.models[ORIGINAL], "unseen_retained")
    rows, of = [mean("change_on_retained", a, change, unit)], len(case.split.different)
    before, after = found[ORIGINAL], next(iter(found[name].values()))
    groups = {group: index for group, index in goals.groups().items() if len(index)}
    moved = after.losses - next(iter(before.values())).losses
    rows += [mean(f"change_on_{group}", a, moved[index], unit) for group, index in groups.items()]
    for damping, s in before.items():
        of_each, at = s.influence[next(iter(s.influence))], f"_at_{damping:g}"
        rows.append(_left(f"influence_left_on_retained{at}", a, of_each[:1], change, unit=unit, of=of))
        for group, index in groups.items():
            rows.append(_left(f"influence_left_on_{group}{at}", a, of_each[1 + index], moved[index], unit=unit, of=of))
    return rows


def _of_part(m: Measurement, of: int) -> Measurement:
    """A mean over forgotten images as one over all ``of`` of them: of all that are known nothing is left to chance."""
    if m.value is None or m.low is None or m.high is None:
        return m
    if m.n >= of:
        return replace(m, low=None, high=None)
    unseen = math.sqrt(1 - m.n / of)
    return replace(m, low=m.value - unseen * (m.value - m.low), high=m.value + unseen * (m.high - m.value))


def _left(name: str, a: Audited, of_each: Tensor, change: Tensor | float = 0.0, *, unit: str, of: int) -> Measurement:
    """What was predicted, less what happened.

    Args:
        name, a, unit: of the number.
        of_each: influence of each forgotten image on each of the losses, or on their mean, ``(n or 1, forgotten)``.
        change: of each loss, ``(n,)``; 0 of a prediction alone.
        of: forgotten images in all.

    Returns:
        With an interval over both, the losses and the forgotten images that were looked at, of ``of`` in all; with
        none where one of several was.
    """
    found = mean(name, a, of_each.mean(1) - change, unit)
    if of_each.shape[1] == 1 < of:  # of how the others differ from it nothing is known
        return replace(found, low=None, high=None)
    over = _of_part(mean(name, a, of_each.mean(0), unit), of)
    if None in (found.value, found.low, found.high, over.value, over.low, over.high):
        return found
    half = math.hypot((found.high - found.low) / 2, (over.high - over.low) / 2)  # type: ignore[operator]
    return replace(found, low=found.value - half, high=found.value + half)  # type: ignore[operator]
