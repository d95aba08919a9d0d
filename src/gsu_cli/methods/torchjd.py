"""Any two-objective aggregator of torchjd, on the rows -g_f and g_r (docs/methods/torchjd.md).

    theta -= eta A(J),    J = [-g_f; g_r],    A one of PCGrad, MGDA, UPGrad, CAGrad, NashMTL, ...

Descending both rows raises the forget loss and lowers the retain loss; aggregators differ in what they do where the
rows conflict (``g_f.g_r > 0``). ``MUNBa`` is ours: the closed form of Nash bargaining between two players, the bisector
``(u_f + u_r) / sqrt(1 + u_f.u_r)`` of the unit rows, whose length is sqrt 2 whatever the angle. Sources: Quinton and
Rey, "Jacobian Descent for Multi-Objective Optimization", arXiv 2406.16232; Wu and Harandi, MUNBa, arXiv 2411.15537.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Strength, Task, Update, check_choice, cosine
from gsu_cli.methods.iterative import Ground, Loop, iterate
from gsu_cli.surgery.vectors import Vector, flatten, scale, unflatten

AGGREGATORS: dict[str, dict[str, Any]] = {
    "AlignedMTL": {},
    "CAGrad": {"c": 0.5},
    "ConFIG": {},
    "DualProj": {},
    "ExcessMTL": {},
    "FairGrad": {"alpha": 1.0},
    "GradDrop": {},
    "GradVac": {},
    "IMTLG": {},
    "MGDA": {},
    "MUNBa": {},
    "Mean": {},
    "NashMTL": {"n_tasks": 2, "max_norm": 0.0},
    "PCD": {},
    "PCGrad": {},
    "Random": {},
    "Sum": {},
    "UPGrad": {},
}  # with the arguments that torchjd has no default for; aggregators for three rows and more are left out

Aggregator = Callable[[Tensor], Tensor]
"""Jacobian ``(2, P)`` -> direction ``(P,)``."""


class TorchJd:
    """Descends what an aggregator makes of the two rows.

    Args:
        aggregator: a class of `torchjd.aggregation`, or "MUNBa".
        options: arguments of that class, over the defaults in `AGGREGATORS`.
        lr: of the optimiser.
        steps: batches of each part.
        batch_size: images of each part a step.
        scope: "all" parameters or the "generator"'s.
        optimiser: "sgd", which keeps the aggregator's promise; "adam" rescales it away.
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "torchjd"
    knob = Strength("lr", 1e-5, 1.0)

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
        check_choice("aggregator", aggregator, list(AGGREGATORS))
        self.aggregator, self.options = aggregator, dict(options or {})
        self.loop = Loop(steps, lr, batch_size, scope, optimiser, retain_budget, log_every)
        build(self.aggregator, self.options)  # a wrong option is known before anything is loaded

    def __call__(self, task: Task) -> Update:
        ground, aggregate = Ground.of(task, self.loop), build(self.aggregator, self.options)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            (L_f, g_f), (L_r, g_r) = ground.gradient("forget"), ground.gradient("retain")
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

        update = iterate(ground, self.name, direction)
        update.details["aggregator"] = self.aggregator
        return update


def build(name: str, options: Mapping[str, Any]) -> Aggregator:
    """The aggregator called ``name``.

    Raises:
        UsageError: an argument that it does not take, or a solver that is not installed.
    """
    if name == "MUNBa":
        if options:
            raise UsageError("`method.options` must stay empty for MUNBa", found=dict(options))
        return munba
    import torchjd.aggregation  # a second: only where it is asked for

    try:
        found: Aggregator = getattr(torchjd.aggregation, name)(**{**AGGREGATORS[name], **options})
    except ImportError as e:
        raise UsageError(
            f"`method.aggregator={name}` needs a solver that is an optional part of gsu",
            found="none installed",
            way_out='Install it with pip install "gsu-cli[solvers]"; MUNBa is the closed form of NashMTL for two rows',
        ) from e
    except (TypeError, ValueError) as e:
        raise UsageError(f"`method.options` must be arguments of torchjd's {name}", found=str(e)) from e
    return found


def munba(J: Tensor) -> Tensor:
    """``(u_1 + u_2) / sqrt(1 + u_1.u_2)``, the Nash bargain of two rows; zero where a row is, or both cancel out.

    >>> munba(torch.tensor([[3.0, 0.0], [0.0, 0.5]]))
    tensor([1.0000, 1.0000])
    """
    lengths = J.norm(dim=1, keepdim=True)
    if not bool((lengths > 0).all()):
        return torch.zeros_like(J[0])
    both = (J / lengths).sum(0)
    length = both.norm()  # sqrt(2 + 2 u_1.u_2)
    return both * (math.sqrt(2) / length) if float(length) > 1e-6 else torch.zeros_like(both)
