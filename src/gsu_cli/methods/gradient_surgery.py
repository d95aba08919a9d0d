"""Gradient surgery as published: one plain step that raises the forget loss, projected off the retain gradient.

    d = g_f - (g_f.g_r / g_r.g_r) g_r,   theta = theta_0 + eta d

Source: Bae, Kim, Jung and Lim, arXiv 2307.04550; eta 5e-4 on MNIST. Full-data gradients, all parameters, one step.
docs/methods/gradient_surgery.md numbers what the paper leaves open and what the options change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from gsu_cli.checks import as_choice, as_int, as_number
from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.gradients import class_gradients, hessian_vector, mean_gradient
from gsu_cli.methods.base import SCOPES, Strength, Task, Update, add_, cosine, names_in_scope
from gsu_cli.models.protocols import HasLoss
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.conflict import project_conflicts
from gsu_cli.surgery.projection import Projection, project_out
from gsu_cli.surgery.second_order import Parabola, parabola
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.check_losses import CheckLosses
from gsu_cli.unlearning.cost import Cost

BATCHES = 32  # the usual number of parts
CHOICES = {"scope": SCOPES, "retain_basis": ("mean", "class", "batches"), "when": ("always", "conflict")}


class GradientSurgery:
    """The paper's method; defaults are its letter.

    Args:
        lr: eta, step in units of the projected gradient of the mean loss, nats per image.
        scope: "all" parameters, or the "generator"'s: those that generation depends on.
        retain_basis: what is projected out: the "mean" retain gradient, the mean of each "class", or of ``batches``
            random parts of the retain set.
        batches: parts for ``retain_basis="batches"``.
        when: "always" project, or only on "conflict" (A-GEM: when the raw step would raise the retain loss).
        shots: steps, gradients taken anew for each.
        prediction_images: of each part, at most, for the second-order prediction and its check.
    """

    name = "gradient_surgery"
    needs = (HasLoss,)
    strength = Strength("lr", 1e-3, 1e2, power=1.0)

    def __init__(
        self,
        lr: float = 5e-4,
        scope: str = "all",
        retain_basis: str = "mean",
        batches: int = BATCHES,
        when: str = "always",
        shots: int = 1,
        prediction_images: int = 5000,
    ) -> None:
        as_number("method.lr", lr, more_than=0.0)
        as_int("method.shots", shots)
        for key, value in (("scope", scope), ("retain_basis", retain_basis), ("when", when)):
            as_choice(f"method.{key}", value, CHOICES[key])
        as_int("method.batches", batches, 1)
        if batches != BATCHES and retain_basis != "batches":
            raise UsageError(
                f"`method.batches` must be left out with method.retain_basis={retain_basis}, which does not read it",
                found=batches,
                way_out="Leave it out, or type method.retain_basis=batches",
            )
        as_int("method.prediction_images", prediction_images, 1)
        self.lr, self.scope, self.retain_basis, self.batches = float(lr), scope, retain_basis, batches
        self.when, self.shots, self.prediction_images = when, shots, prediction_images

    def direction(self, g_f: Vector, basis: list[Vector]) -> Projection:
        """The projected direction that the weights follow (theta grows along it)."""
        return (project_conflicts if self.when == "conflict" else project_out)(g_f, basis)

    def __call__(self, task: Task) -> Update:
        model, split, names = task.model, task.split, names_in_scope(task.model, self.scope)
        forget, retain = split.forget_images, split.retain_images
        update = Update(self.name, self.shots)
        checks = CheckLosses.of(task, self.prediction_images)
        cost = Cost()

        def surgery(shot: int) -> tuple[Projection, float | None]:
            parts = 1 if self.retain_basis == "mean" else 2  # a basis differentiates the retain set once more
            cost.gradients += len(forget) + parts * len(retain)
            with task.stage("gradients"):
                g_f = mean_gradient(model, forget, names, seed=task.stream("forget", shot)).vector
                g_r = mean_gradient(model, retain, names, seed=task.stream("retain", shot)).vector
            with task.stage("statistics"):
                basis = self._basis(task, g_r, retain, names, shot)
            with task.stage("step"):
                return self.direction(g_f, basis), cosine(g_f, g_r)

        def first() -> _First:
            before = checks.now()
            projection, angle = surgery(0)
            predicted: dict[str, Parabola] = {}
            if self.shots == 1:
                with task.stage("prediction"):
                    predicted = {
                        part: _predicted(model, images, projection.direction, checks.seeds[part])
                        for part, images in checks.images.items()
                    }
            return _First(before, projection, angle, predicted)

        options = {k: v for k, v in vars(self).items() if k != "lr"}
        start = task.shared.once("surgery", first, cost, **options)
        update.cosine, update.surviving_share = start.cosine, start.projection.surviving
        update.details["rank"] = start.projection.rank
        update.predicted = {part: p.change(self.lr) for part, p in start.predicted.items()}
        for shot in range(self.shots):
            projection = surgery(shot)[0] if shot else start.projection
            add_(model, projection.direction, self.lr)
            task.on_progress(shot + 1, self.shots, None)
        update.realised = checks.rises(start.before)
        update.details["cost"] = cost.record(len(split.dataset.train))
        return update

    def _basis(self, task: Task, g_r: Vector, retain: Images, names: list[str], shot: int) -> list[Vector]:
        if self.retain_basis == "mean":
            return [g_r]
        seed = task.stream("basis", shot)
        if self.retain_basis == "class":
            return [g_r, *(g.vector for g in class_gradients(task.model, retain, names, seed=seed).values())]
        return [
            g_r,  # its noise is not that of the parts, so it is not quite in their span
            *(
                mean_gradient(task.model, retain[index], names, seed=seed).vector
                for index in parts_at_random(task.split, self.batches, seed)
            ),
        ]


@dataclass(frozen=True)
class _First:
    """What the first shot rests on: nothing of it depends on the rate."""

    before: dict[str, float]
    projection: Projection
    cosine: float | None
    predicted: dict[str, Parabola]


def _predicted(model: Any, images: Images, d: Vector, seed: int) -> Parabola:
    g, Hd = hessian_vector(model, images, d, seed=seed)
    return parabola(g.vector, Hd, d)


def parts_at_random(split: Split, batches: int, seed: int) -> list[torch.Tensor]:
    """The retain set in at most ``batches`` random parts of nearly equal size: positions in ``split.retain_images``."""
    order = torch.randperm(split.n_retain, generator=generator(seed, "parts"))
    return [part for part in order.tensor_split(min(batches, split.n_retain)) if len(part)]
