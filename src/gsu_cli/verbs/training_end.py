"""Where a training ended: a loss without a unit, or alone, says neither what it is nor whether it still fell."""

from __future__ import annotations

from collections.abc import Sequence

from gsu_cli.models.protocols import HasLoss, loss_unit


def ended(model: object, losses: Sequence[float], *, is_judge: bool) -> str:
    """The loss of the last epoch with its unit, beside that of a tenth of the epochs before.

    Args:
        model: that was trained.
        losses: of each epoch, in the model's own unit.
        is_judge: whether it names what images show.

    >>> ended(None, [3.0, 2.0], is_judge=True), ended(None, [2.0], is_judge=False)
    ('loss 2.0000 (cross-entropy) in epoch 2, 3.0000 in epoch 1', 'loss 2.0000 (both networks) in epoch 1')
    """
    unit = "cross-entropy" if is_judge else loss_unit(model) if isinstance(model, HasLoss) else "both networks"
    n = len(losses)
    text = f"loss {losses[-1]:.4f} ({unit}) in epoch {n}"
    earlier = n - max(1, n // 10)
    return f"{text}, {losses[earlier - 1]:.4f} in epoch {earlier}" if n > 1 else text
