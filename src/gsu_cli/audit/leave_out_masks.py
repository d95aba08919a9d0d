"""Which model of a leave-out design is trained on which image: parts dealt anew, or random fractions in turn."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gsu_cli.checks import as_int
from gsu_cli.errors import UsageError
from gsu_cli.run.seeds import generator


def fold_masks(n: int, models: int, folds: int, seed: int, units: Tensor | None = None) -> Tensor:
    """Which model is trained on which image, ``(models, n)`` bool.

    Args:
        n: training images.
        models: how many.
        folds: parts into which the images are dealt.
        seed: of the deals.
        units: of each image, ``(n,)``: those of one unit are left out together, such as the copies of a canary.

    Raises:
        UsageError: the numbers make no design in which each image is left out twice at least.

    >>> design = fold_masks(10, models=4, folds=2, seed=0)
    >>> design.sum(0).tolist(), design.sum(1).tolist()
    ([2, 2, 2, 2, 2, 2, 2, 2, 2, 2], [5, 5, 5, 5])
    """
    as_int("leave_out.folds", folds, 2)
    as_int("leave_out.models", models, 0)
    if models % folds or models < 2 * folds:
        raise UsageError(
            "`leave_out.models` must be a multiple of `leave_out.folds`, at least twice that, for an interval",
            found=f"{models} models of {folds} folds",
            way_out=f"For example leave_out.models={max(2, round(models / folds)) * folds}",
        )
    _, unit = torch.unique(torch.arange(n) if units is None else units, return_inverse=True)
    n_units = int(unit.max()) + 1 if n else 0
    if n_units < folds:
        raise UsageError(
            "`leave_out.folds` must be at most the number of training images",
            found=f"{folds} folds of {n_units} images",
            way_out="Lower leave_out.folds",
        )
    rows = []
    for deal in range(models // folds):
        order = torch.randperm(n_units, generator=generator(seed, "leave out", "deal", deal))
        for part in order.tensor_split(folds):
            inside = torch.ones(n_units, dtype=torch.bool)
            inside[part] = False
            rows.append(inside[unit])
    return torch.stack(rows)


def random_masks(n: int, models: int, fractions: Sequence[float], seed: int, units: Tensor | None = None) -> Tensor:
    """As `fold_masks`, of models that each lack a random fraction of the images, fractions in turn; 0 leaves none out.

    Raises:
        UsageError: the models are not as many for each fraction, or a fraction is no whole image.

    >>> (~random_masks(10, 4, [0.0, 0.3], seed=0)).sum(1).tolist()
    [0, 3, 0, 3]
    """
    if models % len(fractions) or models < 2 * len(fractions):
        raise UsageError(
            "`leave_out.models` must be a multiple of the number of `leave_out.fractions`, at least twice that",
            found=f"{models} models for {len(fractions)} fractions",
            way_out=f"For example leave_out.models={max(2, round(models / len(fractions))) * len(fractions)}",
        )
    _, unit = torch.unique(torch.arange(n) if units is None else units, return_inverse=True)
    n_units, rows = int(unit.max()) + 1, []
    for k in range(models):
        share = fractions[k % len(fractions)]
        count = round(share * n_units)
        if not count and share:
            raise UsageError(
                "`leave_out.fractions` must each be of one image at least, or 0",
                found=f"{share:g} of {n_units:,} images",
                way_out=f"Raise it to {1 / n_units:.1g} or more",
            )
        inside = torch.ones(n_units, dtype=torch.bool)
        inside[torch.randperm(n_units, generator=generator(seed, "leave out", "random", k))[:count]] = False
        rows.append(inside[unit])
    return torch.stack(rows)
