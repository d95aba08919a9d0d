"""How far retraining lies, along the fraction that is forgotten: predicted by influence, and realised.

The distance is the rise of the mean loss of the images that are left out, and of held-out ones, from models of all
images to models without that fraction: a leave-out design of `leave_out.fractions` has both. Predictions are those of
`predictions`, at the audited original. Two models of all images differ as well, by their seeds: that is the floor, the
root mean square of what they differ by on the same images, and what intervals are made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from gsu_cli.audit.base import ORIGINAL, Case, Curve, Result, ends, null
from gsu_cli.audit.loss_rise import Rise, rises_of
from gsu_cli.audit.memorisation import NO_DESIGN
from gsu_cli.audit.predictions import Curved, predictions
from gsu_cli.checks import as_choice
from gsu_cli.curvature.damped import SOLVERS, CurvatureName, SolverName
from gsu_cli.models.protocols import IMAGE_SITES, lacking, loss_unit
from gsu_cli.run.record import Measurement

LEAST = 2
"""Models of all images, for a floor."""
WORDS = {"left_out": "images left out", "heldout": "held-out images"}


class Distance:
    """Predicted and realised rise of the loss at each fraction of the design, and the floor.

    Args:
        solver: of `DampedCurvature`.
        damping: one, or several to compare; in mean eigenvalues of the Kronecker-factored Fisher, > 0.
        curvature: "gauss_newton" or "hessian".
        images: training images that the curvature is of.
        steps: of conjugate gradients, at most.

    Raises:
        UsageError: an option means nothing.
    """

    def __init__(
        self,
        solver: SolverName = "kfac",
        damping: float | Sequence[float] = 10.0,
        curvature: CurvatureName = "gauss_newton",
        images: int = 1000,
        steps: int = 50,
    ) -> None:
        self.solver = cast("SolverName", as_choice("audit.distance.solver", solver, SOLVERS))
        self.by = Curved.of("audit.distance", damping, curvature, images, steps)

    def __call__(self, case: Case) -> Result:
        a, design = case.models[ORIGINAL], case.leave_out()
        if design is None:
            return Result([null("distance", a, NO_DESIGN, loss_unit(a.model))])
        if missing := lacking(a.model, [IMAGE_SITES]):
            return Result([null("distance", a, f"the model lacks {missing[0]}")])
        whole = int(design.trained_on.all(1).sum())
        if whole < LEAST:
            few = f"needs {LEAST} models of the design that lack nothing, found {whole}: leave_out.fractions=[0,...]"
            return Result([null("distance", a, few, loss_unit(a.model))])
        _, *found = predictions(case, a.model, design, [self.solver], self.by)
        changes = {p.damping: p.changes for p in found}
        rises = {part: rises_of(design, changes, part) for part in WORDS}
        unit = loss_unit(a.model)
        rows = [m for part, several in rises.items() for r in several for m in r.rows(a, part, unit)]
        curves = [_curve(several, part, unit, self.solver) for part, several in rises.items() if several]
        return Result(rows, curves, [_said(rises["left_out"], unit, self.solver)])


def _curve(rises: list[Rise], part: str, unit: str, solver: str) -> Curve:
    at = [100 * r.n / r.of for r in rises]
    realised = [(r.realised, r.realised - r.half, r.realised + r.half) for r in rises]
    predicted = {d: [r.predicted[d] for r in rises] for d in rises[0].predicted}
    return Curve(
        f"distance_{part}", unit, "% of the training images left out",
        {
            "realised": [(x, *values) for x, values in zip(at, realised, strict=True)],
            **{
                f"predicted ({solver}, damping {d:g})": [(x, y, None, None) for x, y in zip(at, values, strict=True)]
                for d, values in predicted.items()
            },
            "another seed": [(x, r.floor, None, None) for x, r in zip(at, rises, strict=True)],
        },
        label=f"rise of the loss of {WORDS[part]}",
    )  # fmt: skip


def _said(rises: list[Rise], unit: str, solver: str) -> str:
    parts = []
    for r in rises:
        span = ends(Measurement("", "", r.realised, r.realised - r.half, r.realised + r.half), ".2g")
        predicted = " / ".join(f"{value:.2g}" for value in r.predicted.values())
        parts.append(f"{r.realised:.2g}{span} without {100 * r.n / r.of:.3g} % ({r.n:,}), {predicted} predicted")
    dampings = [f"{d:g}" for d in rises[0].predicted] if rises else []
    what = f"By so many {unit} the loss of training images rises where they are left out"
    at = f"damping{'s' * (len(dampings) > 1)} {' / '.join(dampings)}"
    return f"{what}: {'; '.join(parts)}. Predicted by {solver} at {at}."
