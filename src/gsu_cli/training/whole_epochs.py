"""What a training stands by while it runs: its last whole epoch, in memory and on disk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.surgery.ranks import ranks
from gsu_cli.training.averaging import Average
from gsu_cli.training.history import History
from gsu_cli.training.optimisers import Optimisers
from gsu_cli.training.state import keep, restore, weights_of


class WholeEpochs:
    """Of one training: whatever ends it, ``model`` and ``history`` are those after the last whole epoch.

    Args:
        model, optimisers, average: that are trained; ``average`` where the averaged weights are what is handed on.
        history: filled in place.
        facts: that a state on disk must agree with to be gone on with.
        state: file that holds the state after each epoch; None keeps none.
    """

    def __init__(
        self,
        model: nn.Module,
        optimisers: Optimisers,
        average: Average | None,
        history: History,
        *,
        facts: Mapping[str, Any],
        state: Path | None,
    ) -> None:
        self.model, self.optimisers, self.average, self.history = model, optimisers, average, history
        self.facts, self.state = facts, state

    def resume(self, source: Path | None) -> None:
        """Goes on from ``source`` where it exists; ``state`` then begins as the same.

        Raises:
            CheckpointError: it is of another training, or damaged; the model is untouched.
        """
        history = self.history
        history.losses, history.resumed_at_epoch = [], 0
        if source is None or not source.exists():
            return
        history.losses = restore(source, self.model, self.optimisers, self.average, self.facts)
        history.resumed_at_epoch = len(history.losses)
        if self.state is not None and not (self.state.exists() and self.state.samefile(source)):
            self._keep()

    def closed(self, loss: float) -> None:
        """An epoch is whole: the weights are what to fall back on, and on disk."""
        self._last = self._handed_on(), [*self.history.losses, loss]
        self.history.losses = list(self._last[1])
        self._keep()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Trains inside it; the model is handed on in eval mode, torch's global generator put back, seconds counted."""
        self._last = self._handed_on(), list(self.history.losses)  # one name: Ctrl-C must not come between the two
        started, callers_rng = time.perf_counter(), torch.random.get_rng_state()
        self.model.train()
        try:
            yield
            self.model.load_state_dict(self._last[0])
        except BaseException:
            self.model.load_state_dict(self._last[0])
            self.history.losses = self._last[1]
            raise
        finally:
            self.history.seconds = time.perf_counter() - started
            torch.random.set_rng_state(callers_rng)
            self.model.eval()

    def _handed_on(self) -> dict[str, Tensor]:
        return weights_of(self.model) if self.average is None else self.average.state(self.model)

    def _keep(self) -> None:
        if self.state is not None and not ranks().index:
            losses = self.history.losses
            keep(self.state, self.model, self.optimisers, self.average, losses=losses, facts=self.facts)
