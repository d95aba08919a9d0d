"""What influence predicts of models that were trained without some images, and what became of them: a leave-out design.

    L_k(z) - L(z) ~ g(z).(H + lambda I)^-1 g_k  n_k / (n - n_k)

``g_k`` is the mean gradient of the ``n_k`` images that model ``k`` lacks, ``H`` the curvature of the training images,
all at the weights of the audited original. The plain inner product leaves the curvature out, ``g(z).g_k``. The
encoder's part is left out: ``g`` is of the weights that generation depends on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from gsu_cli.audit.base import Case
from gsu_cli.audit.leave_out import LOSS, LeaveOut
from gsu_cli.checks import as_choice, as_int, as_numbers
from gsu_cli.curvature.damped import CURVATURES, CurvatureName, DampedCurvature, SolverName
from gsu_cli.data.base import Images
from gsu_cli.gradients import image_slopes, mean_gradient
from gsu_cli.models.frozen import generating
from gsu_cli.run.seeds import derive
from gsu_cli.surgery.vectors import Vector

PRODUCT = "inner_product"
NOISE = 4
"""Repeats of noise over which gradients and slopes are averaged."""


@dataclass(frozen=True)
class Curved:
    """The curvature that predictions rest on, as options of a probe; see `DampedCurvature`.

    Attributes:
        dampings: in mean eigenvalues of the Kronecker-factored Fisher, > 0.
        kind: "gauss_newton" or "hessian".
        images: training images that it is of, at most.
        steps: of conjugate gradients, at most.
    """

    dampings: tuple[float, ...]
    kind: CurvatureName
    images: int
    steps: int

    @classmethod
    def of(cls, probe: str, damping: float | Sequence[float], kind: str, images: int, steps: int) -> Curved:
        """The options of ``probe``, one damping or several.

        Raises:
            UsageError: one means nothing.
        """
        return cls(
            tuple(as_numbers(f"{probe}.damping", damping, more_than=0.0)),
            cast("CurvatureName", as_choice(f"{probe}.curvature", kind, CURVATURES)),
            as_int(f"{probe}.images", images),
            as_int(f"{probe}.steps", steps),
        )


@dataclass(frozen=True)
class Prediction:
    """By one solver at one damping.

    Attributes:
        solver: one of `SOLVERS`, or `PRODUCT`.
        damping: in mean eigenvalues of the Kronecker-factored Fisher; 0 of the product.
        changes: ``(models, n + m)`` float64: of each training image, then of each held-out one that equals none.
        residual: the largest relative residual; 0 of the product.
    """

    solver: str
    damping: float
    changes: Tensor
    residual: float

    @property
    def words(self) -> str:
        return "the plain inner product" if self.solver == PRODUCT else f"{self.solver} at damping {self.damping:g}"


def predictions(
    case: Case,
    model: Any,
    design: LeaveOut,
    solvers: Sequence[SolverName],
    by: Curved,
) -> list[Prediction]:
    """By each solver at each damping, and by the plain inner product; a model that lacks nothing changes by nothing.

    Args:
        case: of the audit: its data and seed.
        model: the original.
        design: whose masks say what each model lacks.
        solvers: of `DampedCurvature`.
        by: its other options.

    Raises:
        NonFiniteError: a solver found no solution.
    """
    names, seed = generating(model), derive(case.seed, "audit", "predictions")
    data = case.split.dataset
    lacking = [(~inside).nonzero()[:, 0] for inside in design.trained_on]
    gradients = [_gradient(model, data.train[index], names, seed) if len(index) else None for index in lacking]
    order = torch.randperm(design.n, generator=torch.Generator().manual_seed(derive(seed, "images") % 2**63))
    some = data.train[order[: by.images].sort().values]
    found = [Prediction(PRODUCT, 0.0, _changes(case, model, design, gradients, seed=seed, what=PRODUCT), 0.0)]
    undamped = DampedCurvature(
        model, some, names, seed=derive(seed, "curvature"), damping=by.dampings[0], kind=by.kind, steps=by.steps
    )
    for damping in by.dampings:
        H = undamped.damped(damping)
        for solver in solvers:
            solved = [None if g is None else H.solve(g, solver) for g in gradients]
            directions = [None if s is None else s.x for s in solved]
            worst = max((s.residual for s in solved if s is not None), default=0.0)
            changes = _changes(case, model, design, directions, seed=seed, what=solver)
            found.append(Prediction(solver, damping, changes, worst))
    return found


def _gradient(model: Any, images: Images, names: Sequence[str], seed: int) -> Vector:
    several = [mean_gradient(model, images, names, seed=derive(seed, "gradient", k)).vector for k in range(NOISE)]
    return {name: torch.stack([g[name] for g in several]).mean(0) for name in several[0]}


def _changes(
    case: Case, model: Any, design: LeaveOut, directions: Sequence[Vector | None], *, seed: int, what: str
) -> Tensor:
    n, rows = design.n, []
    for k, x in enumerate(directions):
        case.on_progress(k, len(directions), f"predictions, {what}")
        if x is None:
            rows.append(torch.zeros(design.losses[LOSS].shape[1], dtype=torch.float64))
            continue
        left = int((~design.trained_on[k]).sum())
        parts = [_slopes(model, part, x, derive(seed, name)) for name, part in _parts(case)]
        rows.append(left / (n - left) * torch.cat(parts))
    return torch.stack(rows)


def _parts(case: Case) -> list[tuple[str, Images]]:
    data = case.split.dataset
    parts = [("train", data.train), ("heldout", data.heldout[case.unmet()])]
    return [(name, part) for name, part in parts if len(part)]


def _slopes(model: Any, images: Images, x: Vector, seed: int) -> Tensor:
    return torch.stack([image_slopes(model, images, x, seed=derive(seed, k)) for k in range(NOISE)]).mean(0)
