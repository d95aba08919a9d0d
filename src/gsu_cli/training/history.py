"""What is known of a training while it runs and after it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """Where training is: finished steps of all, current epoch (from 1), running mean loss of the epoch.

    ``rate`` counts images a second, of this process alone.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float
    rate: float = 0.0


@dataclass
class History:
    """Mean training loss of each finished epoch; seconds of this process (a resumed run counts its own part)."""

    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    resumed_at_epoch: int = 0
