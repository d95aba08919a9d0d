"""What the step did to the retain loss: predicted, measured, and what is certain of it.

    L(t) = loss of retained images at theta_0 + t d,    d = theta - theta_0 of the unlearned model
    first order t g.d,    second order t g.d + t^2/2 d.H d,    bound t g.d + t^2/2 B,    B >= d.H(t) d on the segment

By Taylor's theorem the bound holds wherever ``B`` does. ``B`` is the largest curvature along ``d`` at a few points of
the segment, plus half the largest difference of neighbours, from sampled Hessian-vector products. So these are assumed:
the curvature rises between two points by no more than that; the images and the noise at which it was sampled stand for
the retain loss; the loss is twice differentiable along the segment (activations such as ReLU are so almost everywhere).
"""

from __future__ import annotations

from typing import Any

import torch

from gsu_cli.audit.base import ORIGINAL, UNLEARNED, Audited, Case, Curve, Result, ends, mean, null
from gsu_cli.checks import as_int, as_share
from gsu_cli.gradients import hessian_vector, image_losses, parameters
from gsu_cli.models.model import copied
from gsu_cli.models.protocols import loss_unit
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive
from gsu_cli.run.signed import signed
from gsu_cli.surgery.second_order import Parabola, parabola
from gsu_cli.surgery.vectors import Vector, add_scaled, dot, norm

Point = tuple[float, float, float | None, float | None]
BLOCK = 100  # images at once: differentiating twice keeps many activations


class StepCertificate:
    """Predictions of the retain loss along the step, the remainder, and the largest part within a budget for sure.

    Args:
        budget: relative increase of the retain loss, in (0, 1].
        retained: images that the loss is of, at most.
        points: of the segment at which the curvature is sampled, both ends among them.

    Raises:
        UsageError: an option means nothing.
    """

    def __init__(self, budget: float = 0.01, retained: int = 500, points: int = 5) -> None:
        self.budget = as_share("audit.step.budget", budget)
        self.retained = as_int("audit.step.retained", retained, 2)
        self.points = as_int("audit.step.points", points, 2)

    def __call__(self, case: Case) -> Result:
        before, a = case.models[ORIGINAL].model, case.models[UNLEARNED]
        there, here = parameters(a.model), parameters(before)
        d: Vector = {k: there[k] - x for k, x in here.items() if not torch.equal(there[k], x)}
        if not d:
            return Result([null("step_increase", a, "the unlearned weights are the original's")])
        images = case.some("retained", self.retained)
        seed = derive(case.seed, "audit", "step")
        at = [k / (self.points - 1) for k in range(self.points)]
        losses = [
            image_losses(
                before, images, seed=seed, theta=add_scaled({k: here[k] for k in d}, t, d), block=BLOCK
            ).double()
            for t in at
        ]
        bends: list[float] = []
        curve = None
        for k, t in enumerate(at):
            case.on_progress(k, len(at), "step")
            g, Hd = hessian_vector(_moved(before, t, d), images, d, seed=seed, block=BLOCK)
            curve = parabola(g.vector, Hd, d) if curve is None else curve
            bends.append(dot(Hd, d))
        assert curve is not None  # noqa: S101  # there are two points at least
        steepest = max(bends) + max(abs(x - y) for x, y in zip(bends[1:], bends, strict=False)) / 2
        bound, start = Parabola(curve.slope, max(steepest, 0.0)), float(losses[0].mean())
        allowed = self.budget * abs(start)
        certain = min(1.0, bound.step_for(allowed) or 1.0)
        increase = mean("step_increase", a, losses[-1] - losses[0], loss_unit(before))
        rows = [increase, *self._rows(a, len(images), curve, bound, increase, certain=certain, length=norm(d))]
        points: dict[str, list[Point]] = {
            "measured": [(t, *_value(mean("", a, x - losses[0], ""))) for t, x in zip(at, losses, strict=True)],
            "first order": [(t, t * curve.slope, None, None) for t in at],
            "second order": [(t, curve.change(t), None, None) for t in at],
            "bound": [(t, bound.change(t), None, None) for t in at],
        }
        line = Curve("step_retain_increase", loss_unit(before), "share of the step", points, label="retain loss")
        return Result(rows, [line], [self._said(increase, curve, bound, certain, loss_unit(before))])

    def _rows(
        self,
        a: Audited,
        n: int,
        curve: Parabola,
        bound: Parabola,
        increase: Measurement,
        *,
        certain: float,
        length: float,
    ) -> list[Measurement]:
        unit, measured = increase.unit, increase.value or 0.0
        numbers = {
            "step_length": (length, ""),
            "step_first_order": (curve.slope, unit),
            "step_second_order": (curve.change(1.0), unit),
            "step_remainder": (measured - curve.change(1.0), unit),
            "step_bound": (bound.change(1.0), unit),
            "step_certified": (certain, "share"),
        }
        return [Measurement(k, a.name, v, n=n, unit=u, sha256=a.sha256) for k, (v, u) in numbers.items()]

    def _said(self, increase: Measurement, curve: Parabola, bound: Parabola, certain: float, unit: str) -> str:
        first = (increase.value, curve.slope, curve.change(1.0), bound.change(1.0))
        loss, slope, second, most = (signed(v, ".4g") for v in first)
        return (
            f"The step changed the loss of retained images by {loss}{ends(increase)} {unit}. Predicted were {slope} "
            f"(first order) and {second} (second), with a bound of {most}. By the bound, whose assumptions "
            f"docs/audit.md states, the first {certain:.1%} of the step cost no more than {self.budget:.1%}."
        )


def _moved(model: Any, t: float, d: Vector) -> Any:
    found = copied(model)
    with torch.no_grad():
        for k, x in d.items():
            found.get_parameter(k).add_(x, alpha=t)
    return found


def _value(m: Measurement) -> tuple[float, float | None, float | None]:
    return m.value or 0.0, m.low, m.high
