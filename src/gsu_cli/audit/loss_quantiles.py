"""Where the loss of each image stands among retrained models, as quantiles over a set of images."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.audit.base import UNLEARNED, Curve

SHARES = [k / 20 for k in range(1, 20)]
"""Of the images, in order of their standing."""

Points = list[tuple[float, float, float | None, float | None]]


def quantiles(name: str, mine: Tensor, losses: Tensor) -> list[Curve]:
    """By how many spreads of retraining images lie above it; as the floor, retrained models among one another.

    The spread is one for all images, as that of the divergence. Each model is compared with all retrained ones but one
    in turn: the unlearned one in the mean, a retrained one when it is the one.

    Args:
        name: of the set of images.
        mine: ``(n,)`` float64, of the unlearned model.
        losses: ``(m, n)``, of at least two retrained ones.

    Returns:
        One curve; none where retrained models do not differ.
    """
    spread = losses.var(0).mean().sqrt()
    if not float(spread):
        return []
    others = (losses.sum(0) - losses) / (len(losses) - 1)  # the mean of all but each
    standing = {UNLEARNED: (mine - others).mean(0) / spread, "floor": (losses - others).flatten() / spread}
    at = torch.tensor(SHARES, dtype=torch.float64)
    points: dict[str, Points] = {}
    for model, values in standing.items():
        found: list[float] = values.double().quantile(at).tolist()
        points[model] = [(q, v, None, None) for q, v in zip(SHARES, found, strict=True)]
    label = f"above retraining, {name.partition('_')[0]}"  # as short as a chart's edge
    return [Curve(f"standing_{name}", "spreads", "share of the images", points, label=label)]
