"""What Fisher surgery writes down of a step: what it promises to second order, and what it took."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from gsu_cli.solvers.candidates import Candidate
from gsu_cli.surgery.second_order import Parabola, parabola
from gsu_cli.surgery.streaming import BlockLoss, accumulate_gradient, accumulate_product
from gsu_cli.surgery.vectors import Vector, add_scaled, dot, select
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.weights import cosine

NEAR = 1e-3  # of the step: where a second gradient tells the curvature along it, at half the price of a product


def quadratic(loss: Any, theta: Vector, d: Vector) -> tuple[Vector, Parabola]:
    """The gradient of ``loss.blocks()`` at ``theta``, and what the loss does along ``d`` to second order."""
    moved = [k for k, x in d.items() if bool(x.any())] or list(d)  # a refit moves one layer, and ``d.Hd`` asks no other
    g, Hd = accumulate_product(loss.blocks(products=True), theta, d, moved)
    along = parabola(select(g.vector, moved), Hd, select(d, moved))
    return g.vector, along


def differenced(loss: Any, theta: Vector, d: Vector, h: float) -> tuple[Vector, Parabola]:
    """The same from gradients at ``theta`` and at ``theta + h d`` alone, ``h > 0`` a small part of the step.

    Of a UNet these two cost half of what `quadratic` does, and less than a thousandth of the curvature is lost. By what
    does not move nothing is differentiated there.
    """
    moved = select(d, [k for k, x in d.items() if bool(x.any())] or list(d))
    g = accumulate_gradient(loss.blocks(), theta).vector
    rest = {k: x for k, x in theta.items() if k not in moved}
    near = add_scaled(select(theta, moved), h, moved)
    blocks = (partial(_with, block, rest) for block in loss.blocks())
    slope, there = dot(select(g, moved), moved), dot(accumulate_gradient(blocks, near).vector, moved)
    return g, Parabola(slope, (there - slope) / h)


def _with(block: BlockLoss, rest: Vector, moved: Vector) -> Tensor:
    return block({**rest, **moved})


def foresee(
    update: Update,
    checks: Mapping[str, Any],
    origin: Vector,
    best: Candidate,
    shots: int,
    *,
    follows: bool = False,
    near: float | None = None,
) -> None:
    """Notes what the first step promises: cosine, surviving share and, of a single step, second-order changes.

    Args:
        update: gets them.
        checks: losses with ``blocks()``, of "retain" and "forget".
        origin: weights before the step.
        best: the step.
        shots: of the whole update.
        follows: whether an encoder will; changes of the decoder alone would be of another step.
        near: share of the step at which a second gradient stands for a product with the Hessian; None: none does.
    """
    update.surviving_share = best.surviving
    if follows:
        g = {part: accumulate_gradient(loss.blocks(), origin).vector for part, loss in checks.items()}
        update.cosine = cosine(g["retain"], g["forget"])
        return
    d, h = best.direction, None if near is None else near * best.step

    def along(loss: Any) -> tuple[Vector, Parabola]:
        return quadratic(loss, origin, d) if h is None else differenced(loss, origin, d, h)

    found = {part: along(loss) for part, loss in checks.items()}
    update.cosine = cosine(found["retain"][0], found["forget"][0])
    if shots == 1:
        update.predicted = {part: p.change(best.step) for part, (_, p) in found.items()}


def counted(
    method: Any,
    ways: Collection[str],
    log: list[dict[str, Any]],
    *,
    forget: int,
    budget: int,
    curvature: int,
    generated: int,
    encoded: int,
    looks: int,
    at_targets: int,
    measured: Sequence[int],
    spared: Sequence[int],
    differentiated: Sequence[int],
) -> Cost:
    """Images by kind of work; passes through the decoder alone, or its first layers, count as whole ones.

    Args:
        method: with its options.
        ways: where candidates came from.
        log: of the steps.
        forget, budget: images to forget, and those of the budget.
        curvature: retained images for products, at most.
        generated: images that targets were made of, own samples that were looked at, and what a choice was fitted to.
        encoded: images that passed the encoder for the targets.
        looks: images of looks that no candidate notes.
        at_targets: images to forget whose redirect loss was known when their targets were made.
        measured, spared, differentiated: of each step along a gradient, retained images in the Fisher, sites that are
            spared, and those whose gradient is.
    """
    gradients = "least_squares" not in ways
    both = [min(curvature, n) + min(max(curvature // 2, 1), forget) for n in spared]
    products = sum(both) if "gauss_newton" in ways else 0
    return Cost(
        double_backward=method.iterations * products,  # a Gauss-Newton product costs as much
        gradients=method.shots * (2 if "ascent" in ways else 1) * forget + sum(differentiated) if gradients else 0,
        fisher=sum(measured) * (2 if method.ekfac else 1),
        generated=generated,
        forward=encoded
        + looks
        + budget * (sum(c["evaluations"] for c in log) + method.shots)  # each shot begins with a look
        + forget * (sum("estimated" not in c for c in log) + method.shots)
        - at_targets
        + sum(c["images"] for c in log),
    )


def noted(c: Candidate, chosen: bool) -> dict[str, Any]:
    """A candidate for the record.

    ``relative_increase`` was measured at ``step_within_budget``. What else bounds a step ends it at
    ``step_within_bounds``, and a solver may end it before that, at ``step``.
    """
    return {
        "damping": c.damping,
        "mu": c.mu,
        "chosen": chosen,
        "step": c.step,
        "step_within_budget": c.search.step if c.layer is None else c.step_within,  # of a refit a weight was searched
        "step_within_bounds": c.step_within,
        "redirect_loss": c.redirect_loss,
        "relative_increase": c.search.relative_increase,
        "evaluations": len(c.search.evaluations),
        "layer": c.layer,
        "length": c.length,
        "images": c.images,
        **({"estimated": True} if c.estimated else {}),
        **({} if c.share is None else {"solver": c.solver, "share": c.share}),
    }
