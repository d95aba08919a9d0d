"""Weights & Biases: offline unless told otherwise; ``wandb sync`` sends what lies in the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gsu_cli.loggers.base import needed


class Wandb:
    """A run of a project.

    Args:
        project: its name.
        mode: "offline", "online" or "disabled".
    """

    def __init__(self, project: str = "gsu", mode: str = "offline") -> None:
        self.project, self.mode = project, mode
        self._run: Any = None

    def start(self, folder: Path, name: str, params: Mapping[str, str]) -> None:
        """Begins the run; its files lie in ``folder/wandb``."""
        wandb = needed("wandb", "wandb")
        self._run = wandb.init(
            project=self.project,
            mode=self.mode,
            dir=str(folder),
            name=f"{name} {folder.name}",
            config=dict(params),
            settings=wandb.Settings(silent=True, console="off"),
        )

    def log(self, name: str, value: float, step: int) -> None:
        """One point, with a step axis of its own: epochs and batches are not one clock."""
        self._run.log({name: value, f"{name}/step": step})

    def finish(self, status: str) -> None:
        """Ends the run; anything but "done" counts as failed."""
        self._run.finish(exit_code=0 if status == "done" else 1)
