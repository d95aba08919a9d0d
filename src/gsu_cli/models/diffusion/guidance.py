"""How strongly sampling follows a condition.

Source: Ho and Salimans, "Classifier-Free Diffusion Guidance", 2021; their ``w`` is the scale minus 1.
"""

from __future__ import annotations

import math

from gsu_cli.checks import quoted
from gsu_cli.errors import UsageError

MOST = 100.0  # far beyond any use; at 1e39 single precision overflows


def check_guidance(
    value: object, conditions: int, option: str = "model.guidance", *, drop: float | None = None
) -> float:
    """``value`` as a guidance scale.

    Args:
        value: 0 is the null condition, 1 the condition itself; above it goes beyond.
        conditions: of the model; 0 of one that has none.
        option: its name, for messages.
        drop: share of the training images whose condition was hidden; None where it is not known yet.

    Raises:
        UsageError: it is no number from 0 to 100, or other than 1 for a model without conditions, or for one that
            never met an image without its condition.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UsageError(f"`{option}` must be a finite number >= 0", found=quoted(value))
    if value > MOST:
        raise UsageError(f"`{option}` must be at most {MOST:g}", found=value, way_out="Type 1 to 10, as is usual")
    if value != 1 and not conditions:
        raise UsageError(
            f"`{option}` needs a conditional diffusion model: it goes from what is said without a condition to what is "
            "said with it",
            found=f"{value:g} for another model",
            way_out="Train one with `gsu train model=ddpm_conditional training=ddpm`, or leave it out",
        )
    if value != 1 and drop == 0:
        raise UsageError(
            f"`{option}` needs a model that met images without their class in training: it goes from what is said "
            "without a condition to what is said with it",
            found=f"{value:g} for a model trained with model.drop=0",
            way_out="Leave it out, or train one with model.drop=0.1",
        )
    return float(value)
