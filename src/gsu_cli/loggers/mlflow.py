"""MLflow: a run of an experiment in any tracking store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gsu_cli.loggers.base import needed

STATUS = {"done": "FINISHED", "interrupted": "KILLED"}  # MLflow's words
LONGEST = 500  # characters of a value that every store takes


class Mlflow:
    """Params, metrics, and the folder of the run as a tag.

    Args:
        tracking_uri: of the store; None: MLflow's own choice (MLFLOW_TRACKING_URI, else local).
        experiment: name of the experiment; made where there is none.
    """

    def __init__(self, tracking_uri: str | None = None, experiment: str = "gsu") -> None:
        self.tracking_uri, self.experiment = tracking_uri, experiment
        self._client: Any = None
        self._run = ""

    def start(self, folder: Path, name: str, params: Mapping[str, str]) -> None:
        """Begins the run."""
        self._client = needed("mlflow", "mlflow").MlflowClient(self.tracking_uri)
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = found.experiment_id if found else self._client.create_experiment(self.experiment)
        tags = {"gsu.folder": str(folder.absolute()), "gsu.verb": name}
        self._run = self._client.create_run(experiment, run_name=f"{name} {folder.name}", tags=tags).info.run_id
        for key, value in params.items():
            self._client.log_param(self._run, key, value[:LONGEST])

    def log(self, name: str, value: float, step: int) -> None:
        """One point of a metric."""
        self._client.log_metric(self._run, name, value, step=step)

    def finish(self, status: str) -> None:
        """Ends the run with MLflow's word for how it ended."""
        self._client.set_terminated(self._run, STATUS.get(status, "FAILED"))
