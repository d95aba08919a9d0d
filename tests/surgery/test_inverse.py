"""Solvers of ``(H + lambda I) x = b`` against a dense solution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gsu_cli.errors import NonFiniteError
from gsu_cli.surgery.inverse import Product, conjugate_gradients, largest_eigenvalue, lissa
from gsu_cli.surgery.vectors import VectorLike, flatten, unflatten

LIKE = {"w": torch.zeros(3, 4, dtype=torch.float64), "b": torch.zeros(5, dtype=torch.float64)}


def matrices(n: int = 4) -> list[Tensor]:
    rng = torch.Generator().manual_seed(1)
    roots = [torch.randn(9, 17, generator=rng, dtype=torch.float64) for _ in range(n)]
    return [root.T @ root / 9 for root in roots]  # singular: without damping there is no inverse


def times(M: Tensor) -> Product:
    def product(v: VectorLike) -> dict[str, Tensor]:
        return unflatten(M @ flatten(v), LIKE)

    return product


def right_hand_side() -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(2)
    return unflatten(torch.randn(17, generator=rng, dtype=torch.float64), LIKE)


def test_conjugate_gradients_solve_it_in_as_many_steps_as_there_are_unknowns() -> None:
    M, b = matrices()[0], right_hand_side()
    exact = torch.linalg.solve(M + 0.1 * torch.eye(17, dtype=torch.float64), flatten(b))
    found = conjugate_gradients(times(M), b, damping=0.1, steps=17, tolerance=1e-10)
    torch.testing.assert_close(flatten(found.x), exact, rtol=1e-6, atol=1e-8)
    assert found.residual < 1e-8
    few = conjugate_gradients(times(M), b, damping=0.1, steps=2, tolerance=1e-10)
    assert few.residual == pytest.approx(float((flatten(b) - M @ flatten(few.x) - 0.1 * flatten(few.x)).norm()
                                               / flatten(b).norm()))  # fmt: skip
    assert few.residual > 0.01


def test_the_inverse_as_preconditioner_takes_one_step() -> None:
    M, b = matrices()[0], right_hand_side()
    inverse = torch.linalg.inv(M + 0.1 * torch.eye(17, dtype=torch.float64))
    found = conjugate_gradients(times(M), b, damping=0.1, precondition=times(inverse), tolerance=1e-8)
    assert found.products == 2, "one step, and the residual"


def test_negative_curvature_is_refused() -> None:
    with pytest.raises(NonFiniteError, match="a curvature that is positive along every direction"):
        conjugate_gradients(times(matrices()[0] - 5 * torch.eye(17)), right_hand_side(), damping=0.1)


def test_lissa_sums_the_inverse_of_the_mean_of_batches() -> None:
    parts, b = matrices(), right_hand_side()
    whole = torch.stack(parts).mean(0)
    exact = torch.linalg.solve(whole + 0.5 * torch.eye(17, dtype=torch.float64), flatten(b))
    bound = max(float(torch.linalg.eigvalsh(M).max()) for M in parts) + 0.5
    one = lissa([times(whole)], b, damping=0.5, bound=bound, depth=800, whole=times(whole))
    torch.testing.assert_close(flatten(one.x), exact, rtol=1e-6, atol=1e-8)
    # batch after batch the series ends near the same point: its bias is of the order of 1 / bound
    several = [lissa([times(M) for M in parts], b, damping=0.5, bound=k * bound, depth=800 * k, whole=times(whole))
               for k in (2, 20)]  # fmt: skip
    assert several[1].residual < 0.2 * several[0].residual < 0.2
    with pytest.raises(NonFiniteError, match="the series of LiSSA must converge"):
        lissa([times(whole)], b, damping=0.5, bound=bound / 20, depth=800, whole=times(whole))


def test_power_iteration_finds_the_largest_eigenvalue() -> None:
    M = matrices()[0]
    found = largest_eigenvalue(times(M), LIKE, generator=torch.Generator().manual_seed(0), steps=200)
    assert found == pytest.approx(float(torch.linalg.eigvalsh(M).max()), rel=1e-6)
