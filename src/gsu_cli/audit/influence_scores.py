"""How much each forgotten image weighs in a model: on held-out retained images, and on each of a few samples.

    I(z, z') = g(z') (H + lambda I)^-1 g(z) / n_r

The change of the loss of ``z'`` that removing ``z`` from training brings, to first order: one Newton step on the loss
of what is retained, exact where that loss is quadratic. The paper's plain product leaves the curvature out,
``g(z').g(z)``. Source: Koh and Liang, ICML 2017, equation 2; ``H`` of the retained images, as in `methods.newton`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gsu_cli.audit.base import Case
from gsu_cli.curvature.damped import DampedCurvature, SolverName
from gsu_cli.data.base import Images
from gsu_cli.gradients import image_slopes, mean_gradient
from gsu_cli.judges.base import Judge
from gsu_cli.models.frozen import generating
from gsu_cli.run.seeds import derive

NOISE = 8
"""Repeats of noise over which the gradient of a single image is averaged."""


@dataclass(frozen=True)
class Targets:
    """What influence is measured on, the same for every model.

    Attributes:
        retained: held-out images that are to stay; their mean loss is one target.
        samples: of the original, each a target of its own.
        shown: which of them show what was forgotten, by the first judge that can tell; None where none can.
        judge: its name.
    """

    retained: Images
    samples: Images
    shown: Tensor | None = None
    judge: str | None = None

    def groups(self) -> dict[str, Tensor]:
        """Indices of samples by what they are: "shown" and "other", or "samples"."""
        if self.shown is None:
            return {"samples": torch.arange(len(self.samples))}
        return {"shown": self.shown.nonzero()[:, 0], "other": (~self.shown).nonzero()[:, 0]}


@dataclass(frozen=True)
class Scores:
    """Of one model.

    Attributes:
        influence: by solver, ``(targets, images)`` float64: of each forgotten image on each target; the first target
            is the retained loss, the others are samples. In the unit of the loss, as if all forgotten images weighed
            as this one: means over images are the influence of the whole forget set.
        product: the plain inner products, the same shape, in units of their own.
        residual: by solver, the largest relative residual.
        losses: ``(samples,)`` of the samples.
    """

    influence: Mapping[SolverName, Tensor]
    product: Tensor
    residual: Mapping[SolverName, float]
    losses: Tensor


def targets(case: Case, original: Any, n: int, among: int = 400) -> Targets:
    """Held-out retained images, and ``n`` samples of the original, half of them showing what was forgotten."""
    retained = case.images("unseen_retained")
    pool = case.samples(original, max(n, among))
    for judge in case.context.judges.values():
        shown = _shown(judge, pool.pixels, case)
        if shown is not None and shown.any() and not shown.all():
            few = [found.nonzero()[:, 0] for found in (shown, ~shown)]
            chosen = torch.cat([few[0][: (n + 1) // 2], few[1][: n // 2]])
            return Targets(retained, pool[chosen], shown[chosen], judge.name)
    return Targets(retained, pool[torch.arange(n)])


def _shown(judge: Judge, pixels: Tensor, case: Case) -> Tensor | None:
    found: Tensor | None = judge(pixels).shows(case.split)
    return found


def scores(
    case: Case,
    model: Any,
    goals: Targets,
    forgotten: Images,
    *,
    solvers: Sequence[SolverName],
    curvature: DampedCurvature,
) -> Scores:
    """How much each of ``forgotten`` weighs in each target at the weights of a model.

    Raises:
        NonFiniteError: a solver found no solution.
    """
    names, seed = generating(model), derive(case.seed, "audit", "influence")
    sources = [(goals.retained, 1), *((goals.samples[torch.tensor([k])], NOISE) for k in range(len(goals.samples)))]
    weight = case.split.n_forget / case.split.n_retain
    rows: dict[SolverName, list[Tensor]] = {solver: [] for solver in solvers}
    worst: dict[SolverName, float] = dict.fromkeys(solvers, 0.0)
    products: list[Tensor] = []
    for k, (images, times) in enumerate(sources):
        case.on_progress(k, len(sources), "influence")
        g = mean_gradient(model, _repeated(images, times), names, seed=derive(seed, "target", k)).vector
        products.append(_slopes(model, forgotten, g, seed))
        for solver in solvers:
            found = curvature.solve(g, solver)
            worst[solver] = max(worst[solver], found.residual)
            rows[solver].append(weight * _slopes(model, forgotten, found.x, seed))
    return Scores(
        {solver: torch.stack(found) for solver, found in rows.items()},
        torch.stack(products),
        worst,
        case.losses_of(model, goals.samples, "influence"),
    )


def _slopes(model: Any, images: Images, v: dict[str, Tensor], seed: int) -> Tensor:
    return torch.stack([image_slopes(model, images, v, seed=derive(seed, "image", k)) for k in range(NOISE)]).mean(0)


def _repeated(images: Images, times: int) -> Images:
    return images if times == 1 else images[torch.arange(len(images)).repeat(times)]
