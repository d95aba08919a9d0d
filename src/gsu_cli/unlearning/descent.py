"""What an iterative method works with: its options, the weights it moves, batches, noise, costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from gsu_cli.checks import as_choice, as_int, as_number
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.batches import Batches
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.weights import SCOPES, names_in_scope

OPTIMISERS = ("adam", "sgd")


Part = Literal["forget", "retain"]


@dataclass(frozen=True)
class Loop:
    """How long and how fast: options that every iterative method shares.

    Attributes:
        steps: at most.
        lr: of the optimiser.
        batch_size: images of each part a step.
        scope: "all" parameters, or the "generator"'s.
        optimiser: "adam" or plain "sgd".
        retain_budget: largest relative raise of the retain loss on training images; None: all steps are taken.
        log_every: steps between two points of the trajectory.
    """

    steps: int
    lr: float
    batch_size: int = 128
    scope: str = "all"
    optimiser: str = "adam"
    retain_budget: float | None = None
    log_every: int = 10

    def __post_init__(self) -> None:
        as_number("method.lr", self.lr, more_than=0.0)
        for key in ("steps", "batch_size", "log_every"):
            as_int(f"method.{key}", getattr(self, key), 1)
        as_choice("method.scope", self.scope, SCOPES)
        as_choice("method.optimiser", self.optimiser, OPTIMISERS)
        if self.retain_budget is not None:
            as_number("method.retain_budget", self.retain_budget, more_than=0.0)


@dataclass
class Descent:
    """What an iterative method works with: the task, the weights it may move, batches, noise, costs."""

    task: Task
    loop: Loop
    names: list[str]
    batches: dict[str, Batches]
    noise: torch.Generator
    cost: Cost = field(default_factory=Cost)

    @classmethod
    def of(cls, task: Task, loop: Loop) -> Descent:
        """Batches and noise from streams of the task."""
        names = names_in_scope(task.model, loop.scope)
        images = {"forget": task.split.forget_images, "retain": task.split.retain_images}
        batches = {k: Batches(v, loop.batch_size, seed=task.stream("batches", k)) for k, v in images.items()}
        return cls(task, loop, names, batches, generator(task.stream("noise")))

    @property
    def weights(self) -> list[Tensor]:
        """The parameters themselves, in order of ``names``."""
        own = dict(self.task.model.named_parameters())
        return [own[k] for k in self.names]

    def differentiate(self, loss: Tensor, *, create_graph: bool = False) -> Vector:
        """The gradient of a scalar with respect to the weights; zero where the loss does not depend on them."""
        g = torch.autograd.grad(loss, self.weights, create_graph=create_graph, materialize_grads=True)
        return dict(zip(self.names, g, strict=True))

    def gradient(self, part: Part, *, create_graph: bool = False) -> tuple[Tensor, Vector]:
        """The model's mean loss on the next batch of ``part``, nats per image, and its gradient."""
        x, y = self.batches[part].draw()
        self.cost.gradients += len(x)
        loss = self.task.model.loss(x, y, self.noise).mean()
        return loss if create_graph else loss.detach(), self.differentiate(loss, create_graph=create_graph)
