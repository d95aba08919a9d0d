"""The one loop of the methods that take many steps: batches, stop rule, trajectory, costs, and a way back.

    theta <- optimiser(theta, v_k),   k = 0 ... steps - 1,

``v_k`` what the method gives for step ``k`` (descent follows ``-v_k``). The model stays in eval mode: BatchNorm buffers
and dropout lie outside of what a gradient method controls. Every ``log_every`` steps the losses of fixed retain and
forget *training* images are measured under fixed noise; no judge takes part. With ``retain_budget`` the loop stops when
the retain loss has risen by more than that share, and goes back to the last logged state within it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import mean_gradient
from gsu_cli.models.protocols import HasLoss
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.vectors import Vector, is_finite
from gsu_cli.unlearning.check_losses import PARTS, CheckLosses
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.descent import Descent, Part
from gsu_cli.unlearning.optimisers import Adam, Sgd
from gsu_cli.unlearning.weights import cosine

Direction = Callable[[int], tuple[Vector, dict[str, float]]]
"""Step number, from 0 -> what the optimiser receives as gradient, and judge-free quantities by name."""


def iterate(descent: Descent, name: str, direction: Direction) -> Update:
    """Runs the loop and says what it did.

    In a run of a search the losses in between wait until the run is the chosen one (`Task.later`).

    Returns:
        The update; ``details`` holds ``trajectory`` (logged steps), ``per_step`` (the method's quantities), ``cost``
        and ``stopped`` (the step at which the retain budget ended the loop, or None).

    Raises:
        NonFiniteError: a direction, loss or weight is not finite; the model is back at the last good logged state.
        UsageError: a retain budget, and a model without a training loss.
    """
    task, watched = descent.task, _Watched.of(descent)
    start, cosine_of_parts = task.shared.once("start", watched.begin, scope=descent.loop.scope)
    update = Update(name, 0, cosine=cosine_of_parts)
    walk = _Walk.from_here(descent, watched, start)
    try:
        with task.stage("step"):
            walk.go(direction)
    except NonFiniteError:
        walk.back()
        raise
    finally:
        walk.optimiser.forget_gradients()
    update.shots = walk.good.step
    if walk.waits and task.later is not None:
        task.later.append(lambda: walk.look_back(update))
    update.realised = watched.rises(walk.good.losses, start)
    update.details = {
        "trajectory": walk.trajectory,
        "per_step": walk.per_step,
        "stopped": walk.stopped,
        "cost": descent.cost.record(len(task.split.dataset.train)),
    }
    return update


@dataclass(frozen=True)
class _Watched:
    """Losses of fixed training images under fixed noise; of a model without a training loss there is none."""

    descent: Descent
    parts: tuple[Part, ...]
    checks: CheckLosses

    @classmethod
    def of(cls, descent: Descent) -> _Watched:
        task, model = descent.task, descent.task.model
        parts = PARTS if isinstance(model, HasLoss) else ()
        if descent.loop.retain_budget is not None and not parts:
            raise UsageError(
                "`method.retain_budget` needs a model with a training loss",
                found=type(model).__name__,
                way_out="Leave it out, or type protocol.budget, which counts the drift of samples",
            )
        return cls(descent, parts, CheckLosses.of(task))

    def losses(self, theta: Vector | None = None) -> dict[str, float]:
        """Of each part, at ``theta`` or at the present weights."""
        return self.checks.now(theta) if self.parts else {}

    def begin(self) -> tuple[dict[str, float], float | None]:
        """Losses at the original, and the cosine of the gradients of the parts."""
        model, names, found = self.descent.task.model, self.descent.names, self.losses()
        images, seeds = self.checks.images, self.checks.seeds
        gradients = [mean_gradient(model, images[p], names, seed=seeds[p]).vector for p in self.parts]
        return found, cosine(*gradients) if gradients else None

    def rises(self, now: dict[str, float], start: dict[str, float]) -> dict[str, float]:
        """By how much each loss has risen."""
        return {part: now[part] - start[part] for part in self.parts}


@dataclass(frozen=True)
class _Logged:
    """A logged state that was finite, and within the retain budget."""

    step: int
    losses: dict[str, float]
    weights: list[Tensor]


@dataclass
class _Walk:
    """The weights on their way.

    Attributes:
        start: losses at the original.
        origin: its weights.
        good: where there is a way back to.
        waits: whether losses in between wait, since nothing rests on them; then ``passed`` are the logged states.
        stopped: the step at which the retain budget ended the loop.
    """

    descent: Descent
    watched: _Watched
    weights: list[Tensor]
    start: dict[str, float]
    origin: list[Tensor]
    optimiser: Adam | Sgd
    trajectory: dict[str, list[float]]
    good: _Logged
    waits: bool
    per_step: dict[str, list[float]] = field(default_factory=dict)
    passed: list[_Logged] = field(default_factory=list)
    stopped: int | None = None

    @classmethod
    def from_here(cls, descent: Descent, watched: _Watched, start: dict[str, float]) -> _Walk:
        loop, weights = descent.loop, descent.weights
        origin = [w.detach().clone() for w in weights]
        trajectory: dict[str, list[float]] = {"step": [0], **{part: [value] for part, value in start.items()}}
        waits = descent.task.later is not None and loop.retain_budget is None
        optimiser = (Adam if loop.optimiser == "adam" else Sgd)(weights, loop.lr)
        good = _Logged(0, start, [w.clone() for w in origin])
        return cls(descent, watched, weights, start, origin, optimiser, trajectory | {"moved": [0.0]}, good, waits)

    def go(self, direction: Direction) -> None:
        """All steps, or as many as the retain budget allows."""
        loop = self.descent.loop
        for k in range(loop.steps):
            self._step(k, *direction(k))
            if ((k + 1) % loop.log_every == 0 or k + 1 == loop.steps) and not self._log(k):
                return

    def _step(self, k: int, v: Vector, quantities: dict[str, float]) -> None:
        descent = self.descent
        values = {**quantities, "": 0.0 if is_finite(v) else math.nan}
        if bad := [key for key, value in values.items() if not math.isfinite(value)]:
            raise _not_finite(bad[0] or "the direction", k, self.good.step)
        for key, w in zip(descent.names, self.weights, strict=True):
            w.grad = v[key].detach()
        self.optimiser.step()
        for key, value in quantities.items():
            self.per_step.setdefault(key, []).append(value)
        descent.task.on_progress(k + 1, descent.loop.steps, quantities.get("loss"))

    def _log(self, k: int) -> bool:
        """Measures the present state; False, and back to the last good one, where it is beyond the retain budget."""
        budget, start, here = self.descent.loop.retain_budget, self.start, [w.detach().clone() for w in self.weights]
        if self.waits:
            self.good = _Logged(k + 1, start, here)
            self.passed.append(self.good)
            return True
        if budget is None:
            try:
                now = self.watched.losses()
            except NonFiniteError as e:
                raise _not_finite("the loss", k, self.good.step) from e
        else:
            self.descent.cost.forward += len(self.watched.checks.images["retain"])  # else nothing rests on it
            try:
                now = self.watched.losses()
                increase = (now["retain"] - start["retain"]) / abs(start["retain"])
            except NonFiniteError:
                increase = math.inf  # beyond any budget
            if increase > budget:
                self.stopped = k + 1
                self.back()
                return False
        self.good = _Logged(k + 1, now, here)
        self._note(self.good, now)
        return True

    def back(self) -> None:
        """To the last good state."""
        _put(self.weights, self.good.weights)

    def look_back(self, update: Update) -> None:
        """Measures what was passed while losses waited."""
        now = self.start
        for state in self.passed:
            try:
                now = self.watched.losses(dict(zip(self.descent.names, state.weights, strict=True)))
            except NonFiniteError as e:
                raise _not_finite("the loss", state.step - 1, int(self.trajectory["step"][-1])) from e
            self._note(state, now)
        update.realised = self.watched.rises(now, self.start)

    def _note(self, state: _Logged, now: dict[str, float]) -> None:
        pairs = zip(state.weights, self.origin, strict=True)
        moved = math.sqrt(sum(float(wide(a - b).square().sum()) for a, b in pairs))
        for key, value in {"step": state.step, **now, "moved": moved}.items():
            self.trajectory[key].append(value)


@torch.no_grad()
def _put(weights: list[Tensor], values: list[Tensor]) -> None:
    for w, value in zip(weights, values, strict=True):
        w.copy_(value)


def _not_finite(what: str, k: int, good: int) -> NonFiniteError:
    return NonFiniteError(
        f"{what} must stay finite (step {k + 1})",
        found="nan or inf",
        way_out=f"Lower method.lr or method.steps (finite until step {good}); the original checkpoint is untouched",
    )
