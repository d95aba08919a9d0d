"""Each solver against the dense Gauss-Newton matrix of a decoder of 336 weights, and slopes against autograd."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny_world
from gsu_cli.curvature.damped import CurvatureName, DampedCurvature
from gsu_cli.gradients import _blocks, image_losses, image_slopes, mean_gradient, parameters
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.seeds import derive
from gsu_cli.surgery.vectors import dot, flatten, unflatten
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe


@cache
def small() -> MlpVae:
    model = tiny_world.fresh(hidden=(4,))
    fit(model, tiny_world.dataset().train, Recipe(epochs=8, batch_size=64, lr=1e-2), seed=0)
    return model


def curvature(kind: CurvatureName = "gauss_newton", **options: Any) -> DampedCurvature:
    model = small()
    return DampedCurvature(
        model, tiny_world.dataset().train[torch.arange(60)], model.generation_parameters(), seed=0, kind=kind,
        damping=30.0, **options,
    )  # fmt: skip


def gradient() -> dict[str, Tensor]:
    model = small()
    return mean_gradient(model, tiny_world.dataset().heldout, model.generation_parameters(), seed=5).vector


def dense(at: DampedCurvature) -> Tensor:
    """``mean_i J_i^T diag(p (1 - p)) J_i`` by the Jacobian of the decoder's logits, in float64."""
    model, sites = small(), at._sites
    like = parameters(model, at.names)

    def logits(flat: Tensor, z: Tensor) -> Tensor:
        own = {k.removeprefix("decoder."): v for k, v in unflatten(flat, like).items()}
        return torch.func.functional_call(model.decoder, own, (z[None],)).flatten()

    flat = flatten(like)
    J = torch.stack([torch.func.jacrev(logits)(flat, z) for z in sites.inputs[0]]).double()
    with torch.no_grad():
        p = torch.sigmoid(model.decoder(sites.inputs[0])).flatten(1).double()
    return torch.einsum("nap,na,naq->pq", J, p * (1 - p), J) / len(J)


def test_solvers_agree_with_the_dense_gauss_newton_matrix() -> None:
    at, b = curvature(steps=200, tolerance=1e-4, depth=300, batch=60), gradient()
    G = dense(at) + at.damping * torch.eye(sum(x.numel() for x in b.values()), dtype=torch.float64)
    exact = torch.linalg.solve(G, flatten(b).double())
    for solver in ("cg", "lissa"):
        found = at.solve(b, solver)
        assert found.residual < 1e-2
        torch.testing.assert_close(flatten(found.x).double(), exact, rtol=0.02, atol=1e-3 * float(exact.abs().max()))
    near = at.solve(b, "kfac")
    x = flatten(near.x).double()
    cosine = float(x @ exact / x.norm() / exact.norm())
    assert 0.6 < cosine < 0.999, "an approximation, and no more"
    assert near.residual == pytest.approx(float((flatten(b).double() - G @ x).norm() / flatten(b).norm()), rel=1e-2)


def test_batches_of_lissa_give_nearly_the_same() -> None:
    at, b = curvature(steps=200, tolerance=1e-4, depth=300, batch=20), gradient()
    cg, series = at.solve(b, "cg"), at.solve(b, "lissa")
    assert dot(cg.x, series.x) / dot(cg.x, cg.x) == pytest.approx(1, abs=0.1)


def test_the_hessian_is_that_of_the_training_loss() -> None:
    """Its product by finite differences of gradients."""
    at, v = curvature("hessian"), gradient()
    model, names, t = small(), small().generation_parameters(), 1e-2
    found = at.product(v)
    sides = []
    for sign in (1, -1):
        moved = tiny_world.fresh(hidden=(4,))
        moved.load_state_dict(model.state_dict())
        with torch.no_grad():
            for k, x in v.items():
                moved.get_parameter(k).add_(x, alpha=sign * t)
        sides.append(mean_gradient(moved, at.images, names, seed=derive(0, "hessian")).vector)
    wanted = {k: (sides[0][k] - sides[1][k]) / (2 * t) for k in names}
    error = dot({k: found[k] - wanted[k] for k in names}, {k: found[k] - wanted[k] for k in names})
    assert error < 1e-3 * dot(wanted, wanted)


def test_slopes_are_inner_products_with_gradients_image_by_image() -> None:
    model, images, v = small(), tiny_world.dataset().train[torch.arange(7)], gradient()
    found = image_slopes(model, images, v, seed=3)
    leaves = {k: x.clone().requires_grad_() for k, x in parameters(model, v).items()}
    (block,) = _blocks(model, images, 3, None, 500)
    losses = block(leaves)
    torch.testing.assert_close(losses.detach(), image_losses(model, images, seed=3))
    for loss, slope in zip(losses, found, strict=True):
        g = torch.autograd.grad(loss, list(leaves.values()), retain_graph=True)
        assert float(slope) == pytest.approx(dot(dict(zip(leaves, g, strict=True)), v), rel=1e-4, abs=1e-4)
