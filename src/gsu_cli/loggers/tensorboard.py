"""TensorBoard: event files in the run's own folder; look with ``tensorboard --logdir outputs``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gsu_cli.loggers.base import needed


class TensorBoard:
    """Scalars, and the config as text.

    Args:
        subfolder: of the run's folder.
    """

    def __init__(self, subfolder: str = "tensorboard") -> None:
        self.subfolder = subfolder
        self._writer: Any = None

    def start(self, folder: Path, name: str, params: Mapping[str, str]) -> None:
        """Opens the event file."""
        needed("tensorboard", "tensorboard")
        self._writer = needed("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(folder / self.subfolder))
        rows = [f"| {key} | {value} |" for key, value in params.items()]
        self._writer.add_text(name, "\n".join(["| setting | value |", "|---|---|", *rows]))

    def log(self, name: str, value: float, step: int) -> None:
        """One point of a scalar."""
        self._writer.add_scalar(name, value, step)
        self._writer.flush()  # a training is looked at while it runs

    def finish(self, status: str) -> None:
        """Notes how it ended, and closes the file."""
        self._writer.add_text("status", status)
        self._writer.close()
