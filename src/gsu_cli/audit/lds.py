"""Does influence order models as leaving subsets out of training really does? A leave-out design is the truth.

    LDS(z) = rank correlation, over models k, of the predicted and the realised loss of z        mean over images z

The linear datamodelling score of Park et al., TRAK, arXiv 2303.14186, for a loss. Losses of one image differ
between two trainings of one recipe as well, by chance alone, so even the truth would not score 1. Intervals are
jackknifed over the models, of which there are few, and hold what very many would score as well, which is farther from
0. On training images the score is easier: whether the image itself was left out counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from torch import Tensor

from gsu_cli.audit.base import ORIGINAL, Audited, Case, Result, ends, null
from gsu_cli.audit.jackknife import jackknifed
from gsu_cli.audit.leave_out import LeaveOut
from gsu_cli.audit.memorisation import NO_DESIGN
from gsu_cli.audit.plotted import Dots, dots
from gsu_cli.audit.predictions import Curved, Prediction, predictions
from gsu_cli.checks import as_choices
from gsu_cli.curvature.damped import SOLVERS, CurvatureName, SolverName
from gsu_cli.evaluation.intervals import quantile95
from gsu_cli.models.protocols import IMAGE_SITES, lacking
from gsu_cli.run.record import Measurement

LEAST = 5
"""Models, for a rank correlation with a jackknifed interval."""
PARTS = {"heldout": "held-out image", "training": "training image"}


class LeaveSubsetOut:
    """The score of each solver at each damping, and of the plain inner product, on held-out and on training images.

    Args:
        solvers: of `DampedCurvature`.
        damping: one, or several to compare; in mean eigenvalues of the Kronecker-factored Fisher, > 0.
        curvature: "gauss_newton" or "hessian".
        images: training images that the curvature is of.
        steps: of conjugate gradients, at most.

    Raises:
        UsageError: an option means nothing.
    """

    def __init__(
        self,
        solvers: Sequence[SolverName] = ("cg", "kfac"),
        damping: float | Sequence[float] = 10.0,
        curvature: CurvatureName = "gauss_newton",
        images: int = 1000,
        steps: int = 50,
    ) -> None:
        self.solvers = cast("tuple[SolverName, ...]", as_choices("audit.lds.solvers", solvers, SOLVERS))
        self.by = Curved.of("audit.lds", damping, curvature, images, steps)

    def __call__(self, case: Case) -> Result:
        a, design = case.models[ORIGINAL], case.leave_out()
        if design is None:
            return Result([null("lds", a, NO_DESIGN)])
        if missing := lacking(a.model, [IMAGE_SITES]):
            return Result([null("lds", a, f"the model lacks {missing[0]}")])
        models = (~design.trained_on).any(1)
        if int(models.sum()) < LEAST:
            return Result([null("lds", a, f"needs {LEAST} models that lack images, found {int(models.sum())}")])
        found = predictions(case, a.model, design, self.solvers, self.by)
        rows = [m for p in found for m in _scores(a, design, models, p)]
        lacks = (~design.trained_on[models]).sum(1)
        return Result(rows, sentences=_said(rows, found, lacks), dots=_plotted(rows, found))


def _scores(a: Audited, design: LeaveOut, models: Tensor, p: Prediction) -> list[Measurement]:
    rows, n = [], design.n
    for part, within in (("heldout", slice(n, None)), ("training", slice(0, n))):
        realised, changes = design.losses["loss"][models, within].double(), p.changes[models, within]
        if not realised.shape[1]:
            continue
        score = jackknifed(changes, realised)
        n_models = int(models.sum())
        if not math.isfinite(score.value + score.error):
            rows.append(null(_name(p, part), a, "all models give one number, so there is no order"))
            continue
        low, high = score.interval(quantile95(n_models))
        rows.append(Measurement(_name(p, part), a.name, score.value, low, high, n_models, sha256=a.sha256))
    if p.damping:
        row = (f"residual_{p.solver}_at_{p.damping:g}", a.name, p.residual)
        rows.append(Measurement(*row, n=int(models.sum()), sha256=a.sha256))
    return rows


def _name(p: Prediction, part: str) -> str:
    return f"lds_{part}_{p.solver}" + (f"_at_{p.damping:g}" if p.damping else "")


def _said(rows: list[Measurement], found: Sequence[Prediction], lacks: Tensor) -> list[str]:
    by, lines = {m.name: m for m in rows}, []
    least, most = int(lacks.min()), int(lacks.max())
    sizes = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    for part, words in PARTS.items():
        scores = {p: by[_name(p, part)] for p in found if _name(p, part) in by}
        if not scores:
            continue
        best = max((p for p in scores if p.damping), key=lambda p: _known(scores[p]))
        plain = next(p for p in scores if not p.damping)
        what = [f"{_score(scores[p])} by {p.words}" for p in (best, plain)]
        what[0] += f" (the highest of {len(scores) - 1})" * (len(scores) > 2)
        lines.append(
            f"{len(lacks)} models that each lack {sizes} images: predicted and realised losses of a {words} have a "
            f"rank correlation of {what[0]}, {what[1]}."
        )
    return lines


def _score(m: Measurement) -> str:
    return "none" if m.value is None else f"{m.value:.2f}{ends(m, '.2f')}"


def _known(m: Measurement) -> float:
    return -math.inf if m.value is None else m.value


def _plotted(rows: list[Measurement], found: Sequence[Prediction]) -> list[Dots]:
    by = {m.name: m for m in rows}
    return [
        d
        for part, words in PARTS.items()
        for d in dots(
            f"rank correlation with leaving out, {words}s", "",
            {p.words: [by[_name(p, part)]] for p in found if _name(p, part) in by}, {"chance": 0.0},
        )
    ]  # fmt: skip
