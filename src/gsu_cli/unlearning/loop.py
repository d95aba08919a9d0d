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

import torch
from torch import Tensor

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import mean_gradient, mean_loss
from gsu_cli.models.protocols import HasLoss
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.vectors import Vector, is_finite
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.descent import Descent, Part
from gsu_cli.unlearning.images import CHECK_IMAGES, draw_images
from gsu_cli.unlearning.optimisers import Adam, Sgd
from gsu_cli.unlearning.weights import cosine

PARTS: tuple[Part, Part] = ("retain", "forget")


Direction = Callable[[int], tuple[Vector, dict[str, float]]]
"""Step number, from 0 -> what the optimiser receives as gradient, and judge-free quantities by name."""


def iterate(descent: Descent, name: str, direction: Direction) -> Update:
    """Runs the loop and says what it did.

    In a run of a search the losses in between wait until the run is known to keep the budget (`Task.later`).

    Returns:
        The update; ``details`` holds ``trajectory`` (logged steps), ``per_step`` (the method's quantities), ``cost``
        and ``stopped`` (the step at which the retain budget ended the loop, or None).

    Raises:
        NonFiniteError: a direction, loss or weight is not finite; the model is back at the last good logged state.
    """
    task, loop, model = descent.task, descent.loop, descent.task.model
    weights = descent.weights
    checks = {part: draw_images(task.split, part, CHECK_IMAGES, seed=task.stream("check", part)) for part in PARTS}
    noise = {part: task.stream("check noise", part) for part in PARTS}

    parts = PARTS if isinstance(model, HasLoss) else ()
    if loop.retain_budget is not None and not parts:
        raise UsageError(
            "`method.retain_budget` needs a model with a training loss",
            found=type(model).__name__,
            way_out="Leave it out, or type protocol.budget, which counts the drift of samples",
        )

    def losses(theta: Vector | None = None) -> dict[str, float]:
        return {part: mean_loss(model, checks[part], seed=noise[part], theta=theta) for part in parts}

    def begin() -> tuple[dict[str, float], float | None]:
        found = losses()
        gradients = [mean_gradient(model, checks[part], descent.names, seed=noise[part]).vector for part in parts]
        return found, cosine(*gradients) if gradients else None

    update = Update(name, 0)
    start, update.cosine = task.shared.once("start", begin, scope=loop.scope)
    trajectory: dict[str, list[float]] = {"step": [0], **{part: [value] for part, value in start.items()}}
    trajectory["moved"] = [0.0]
    per_step: dict[str, list[float]] = {}
    origin = [w.detach().clone() for w in weights]
    good, stopped = (0, start, [w.clone() for w in origin]), None
    waits = task.later is not None and loop.retain_budget is None  # nothing rests on the losses in between
    passed: list[tuple[int, list[Tensor]]] = []

    def note(step: int, now: dict[str, float], here: list[Tensor]) -> None:
        moved = math.sqrt(sum(float(wide(a - b).square().sum()) for a, b in zip(here, origin, strict=True)))
        for key, value in {"step": step, **now, "moved": moved}.items():
            trajectory[key].append(value)

    def look_back() -> None:
        now = start
        for step, here in passed:
            try:
                now = losses(dict(zip(descent.names, here, strict=True)))
            except NonFiniteError as e:
                raise _not_finite("the loss", step - 1, int(trajectory["step"][-1])) from e
            note(step, now, here)
        update.realised = {part: now[part] - start[part] for part in parts}

    optimiser = (Adam if loop.optimiser == "adam" else Sgd)(weights, loop.lr)
    try:
        with task.stage("step"):
            for k in range(loop.steps):
                v, quantities = direction(k)
                values = {**quantities, "": 0.0 if is_finite(v) else math.nan}
                if bad := [key for key, value in values.items() if not math.isfinite(value)]:
                    raise _not_finite(bad[0] or "the direction", k, good[0])
                for key, w in zip(descent.names, weights, strict=True):
                    w.grad = v[key].detach()
                optimiser.step()
                for key, value in quantities.items():
                    per_step.setdefault(key, []).append(value)
                task.on_progress(k + 1, loop.steps, quantities.get("loss", 0.0))
                if (k + 1) % loop.log_every and k + 1 < loop.steps:
                    continue
                if waits:
                    good = k + 1, start, [w.detach().clone() for w in weights]
                    passed.append((k + 1, good[2]))
                    continue
                if loop.retain_budget is not None:  # else nothing rests on it
                    descent.cost.forward += len(checks["retain"])
                try:
                    now = losses()
                    increase = (now["retain"] - start["retain"]) / abs(start["retain"]) if parts else 0.0
                except NonFiniteError as e:
                    if loop.retain_budget is None:
                        raise _not_finite("the loss", k, good[0]) from e
                    increase = math.inf  # beyond any budget
                if loop.retain_budget is not None and increase > loop.retain_budget:
                    stopped = k + 1
                    _put(weights, good[2])
                    break
                good = k + 1, now, [w.detach().clone() for w in weights]
                note(*good)
    except NonFiniteError:
        _put(weights, good[2])
        raise
    finally:
        optimiser.forget_gradients()
    update.shots = good[0]
    if waits and task.later is not None:
        task.later.append(look_back)
    update.realised = {part: good[1][part] - start[part] for part in parts}
    update.details = {
        "trajectory": trajectory,
        "per_step": per_step,
        "stopped": stopped,
        "cost": descent.cost.record(len(task.split.dataset.train)),
    }
    return update


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
