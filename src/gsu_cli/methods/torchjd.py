"""Any two-objective aggregator of torchjd, on the rows -g_f and g_r (docs/methods/torchjd.md).

    theta -= eta A(J),    J = [-g_f; g_r],    A one of PCGrad, MGDA, UPGrad, CAGrad, NashMTL, ...

Descending both rows raises the forget loss and lowers the retain loss; aggregators differ in what they do where the
rows conflict (``g_f.g_r > 0``); see `gsu_cli.solvers.aggregators`. Source: Quinton and Rey, "Jacobian Descent for
Multi-Objective Optimization", arXiv 2406.16232.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Strength, Task, Update, cosine
from gsu_cli.models.protocols import HasLoss
from gsu_cli.solvers.aggregators import build
from gsu_cli.surgery.vectors import Vector, flatten, scale, unflatten
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate


class TorchJd:
    """Descends what an aggregator makes of the two rows.

    Args:
        aggregator: a class of `torchjd.aggregation`, or "MUNBa".
        options: arguments of that class, over the defaults in `gsu_cli.solvers.aggregators`.
        lr: of the optimiser.
        steps: batches of each part.
        batch_size: images of each part a step.
        scope: "all" parameters or the "generator"'s.
        optimiser: "sgd", which keeps the aggregator's promise; "adam" rescales it away.
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "torchjd"
    needs = (HasLoss,)
    strength = Strength("lr", 1e-5, 1.0)

    def __init__(
        self,
        aggregator: str = "UPGrad",
        options: Mapping[str, Any] | None = None,
        lr: float = 1e-3,
        steps: int = 80,
        batch_size: int = 128,
        scope: str = "generator",
        optimiser: str = "sgd",
        retain_budget: float | None = None,
        log_every: int = 10,
    ) -> None:
        if not isinstance(options, Mapping | None):
            raise UsageError("`method.options` must be arguments by name, such as {c: 0.4}", found=options)
        self.aggregator, self.options = aggregator, dict(options or {})
        self.loop = Loop(steps, lr, batch_size, scope, optimiser, retain_budget, log_every)
        build(self.aggregator, self.options)  # a wrong option is known before anything is loaded

    def __call__(self, task: Task) -> Update:
        descent, aggregate = Descent.of(task, self.loop), build(self.aggregator, self.options)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            (L_f, g_f), (L_r, g_r) = descent.gradient("forget"), descent.gradient("retain")
            rows = scale(g_f, -1.0), g_r
            with torch.random.fork_rng(devices=[]):  # some aggregators draw from torch's global generator
                torch.manual_seed(task.stream("aggregator", k))
                J = torch.stack([flatten(row) for row in rows])
                found = aggregate(J.cpu()).to(J.device)  # some hold tensors of their own, or solve on the CPU
            v = unflatten(found, g_r)
            along = {
                key: cosine(v, row) or 0.0 for key, row in zip(("along_forget", "along_retain"), rows, strict=True)
            }
            losses = {"loss": float(L_r), "forget_loss": float(L_f)}
            return v, {**losses, "cosine": cosine(g_f, g_r) or 0.0, **along}

        update = iterate(descent, self.name, direction)
        update.details["aggregator"] = self.aggregator
        return update
