"""How strongly sampling follows a condition.

Source: Ho and Salimans, "Classifier-Free Diffusion Guidance", 2021; their ``w`` is the scale minus 1.
"""

from __future__ import annotations

import math

from gsu_cli.checks import quoted
from gsu_cli.errors import UsageError


def check_guidance(value: object, conditions: int, option: str = "model.guidance") -> float:
    """``value`` as a guidance scale.

    Args:
        value: 0 is the null condition, 1 the condition itself; above it goes beyond.
        conditions: of the model; 0 of one that has none.
        option: its name, for messages.

    Raises:
        UsageError: it is no finite number >= 0, or other than 1 for a model without conditions.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UsageError(f"`{option}` must be a finite number >= 0", found=quoted(value))
    if value != 1 and not conditions:
        raise UsageError(
            f"`{option}` needs a conditional diffusion model: it goes from what is said without a condition to what is "
            "said with it",
            found=f"{value:g} for another model",
            way_out="Train one with `gsu train model=ddpm_conditional training=ddpm`, or leave it out",
        )
    return float(value)
