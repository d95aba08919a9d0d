"""Gauss-Newton products of an output loss at given sites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from gsu_cli.gradients import BLOCK
from gsu_cli.models.decoders import prefix_of, site_maker
from gsu_cli.models.sites import Sites
from gsu_cli.surgery.functional_call import called
from gsu_cli.surgery.gauss_newton import gauss_newton_product, output_curvature
from gsu_cli.surgery.vectors import Vector, VectorLike


def site_gauss_newton(model: Any, theta: Vector, sites: Sites) -> Callable[[VectorLike], Vector]:
    """``v -> G v``, the mean over ``sites`` of ``J^T H J`` with J of the network's output, H of the output loss.

    Args:
        model: with sites, or with ``posterior``, ``decoder`` and ``likelihood``.
        theta: the weights at which it is taken, named as the model names them; ``v`` has the same names.
        sites: whose inputs count.
    """
    maker = site_maker(model)
    prefix, parts = prefix_of(model, maker.network), [part.inputs for part in sites.split(BLOCK // 2)]

    def output(theta: Vector, inputs: tuple[Tensor, ...]) -> Tensor:
        own = {k.removeprefix(prefix): v for k, v in theta.items()}
        found: Tensor = called(maker.network, own, inputs)
        return found

    H = output_curvature(maker.output_loss.nll, maker.output_loss.mean)
    return lambda v: gauss_newton_product(output, parts, H, theta, v)
