"""Each logger writes what it heard; a missing package is one sentence; nothing is imported before it is chosen."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gsu_cli.errors import UsageError
from gsu_cli.loggers.base import Logger, Silent, final_points, needed, update_points
from gsu_cli.loggers.mlflow import Mlflow
from gsu_cli.loggers.tensorboard import TensorBoard
from gsu_cli.loggers.wandb import Wandb
from gsu_cli.run.record import Measurement, Record

RECORD = Record(
    "unlearn",
    update={
        "method": "ascent",
        "shots": 1,
        "cosine": None,
        "realised": {"retain": 0.5},
        "details": {"trajectory": {"step": [0, 10], "retain": [100.0, 101.0]}, "rank": 3},
    },
    measurements=[
        Measurement("feature_ratio", "unlearned", 0.25, judge="cnn"),
        Measurement("feature_ratio", "unlearned", None, judge="knn", reason="no judge"),
        Measurement("heldout_loss_retain", "original", 100.0),
    ],
)


def test_what_a_logger_hears() -> None:
    assert list(update_points(RECORD)) == [
        ("update/shots", 1.0, 0),
        ("update/realised.retain", 0.5, 0),
        ("trajectory/retain", 100.0, 0),
        ("trajectory/retain", 101.0, 10),
    ]
    assert list(final_points(RECORD)) == [
        ("unlearned/feature_ratio/cnn", 0.25, 0),
        ("original/heldout_loss_retain", 100.0, 0),
    ]


@pytest.mark.parametrize("odd", ["x", [1], {"step": 3}, {"step": ["a"]}, {"step": [0, 1], "retain": [1.0], "a": "b"}])
def test_a_trajectory_that_is_something_else(odd: object) -> None:
    record = replace(RECORD, update={**RECORD.update, "details": {"trajectory": odd}})
    assert [name for name, *_ in update_points(record)] == ["update/shots", "update/realised.retain"]


def hear(logger: Logger, folder: Path) -> None:
    logger.start(folder, "train", {"seed": "1", "method.lr": "0.001"})
    logger.log("train/loss", 2.0, 1)
    logger.log("train/loss", 1.0, 2)
    logger.finish("done")


def test_tensorboard(tmp_path: Path) -> None:
    hear(TensorBoard(), tmp_path)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars("train/loss")] == [(1, 2.0), (2, 1.0)]
    texts = {tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in found.Tags()["tensors"]}
    assert "| method.lr | 0.001 |" in texts["train/text_summary"]
    assert texts["status/text_summary"] == "done"


class FakeMlflowClient:
    """Stands for the client of MLflow, with the signatures of its documentation; the real one is tested below."""

    def __init__(self, tracking_uri: str | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        FakeMlflowClient.last = self

    last: FakeMlflowClient

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str) -> str:
        return "7"

    def create_run(self, experiment_id: str, run_name: str, tags: dict[str, str]) -> Any:
        self.calls.append(("run", experiment_id, run_name, tags["gsu.verb"]))
        return SimpleNamespace(info=SimpleNamespace(run_id="r"))

    def log_param(self, run_id: str, key: str, value: str) -> None:
        self.calls.append(("param", run_id, key, value))

    def log_metric(self, run_id: str, key: str, value: float, step: int) -> None:
        self.calls.append(("metric", run_id, key, value, step))

    def set_terminated(self, run_id: str, status: str) -> None:
        self.calls.append(("end", run_id, status))


def fake_module(name: str, **contents: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    return module


def test_mlflow_by_a_fake_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", fake_module("mlflow", MlflowClient=FakeMlflowClient))
    hear(Mlflow(), tmp_path)
    assert FakeMlflowClient.last.calls == [
        ("run", "7", f"train {tmp_path.name}", "train"),
        ("param", "r", "seed", "1"),
        ("param", "r", "method.lr", "0.001"),
        ("metric", "r", "train/loss", 2.0, 1),
        ("metric", "r", "train/loss", 1.0, 2),
        ("end", "r", "FINISHED"),
    ]


def test_wandb_by_a_fake_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    run = SimpleNamespace(log=heard.append, finish=lambda exit_code: heard.append(("exit code", exit_code)))

    def init(**given: Any) -> Any:
        heard.append({key: given[key] for key in ("project", "mode", "dir", "config")})
        return run

    fake = fake_module("wandb", init=init, Settings=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    hear(Wandb(), tmp_path)
    params = {"seed": "1", "method.lr": "0.001"}
    assert heard == [
        {"project": "gsu", "mode": "offline", "dir": str(tmp_path), "config": params},
        {"train/loss": 2.0, "train/loss/step": 1},
        {"train/loss": 1.0, "train/loss/step": 2},
        ("exit code", 0),
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of SQLAlchemy and alembic
def test_mlflow_itself(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    hear(Mlflow(uri), tmp_path)
    client = mlflow.MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("gsu").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "1", "method.lr": "0.001"}
    points = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(p.step, p.value) for p in points] == [(1, 2.0), (2, 1.0)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_itself(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    hear(Wandb(), tmp_path)
    (written,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    assert b"train/loss" in written.read_bytes()


@pytest.mark.parametrize(
    ("logger", "extra"), [(TensorBoard(), "tensorboard"), (Mlflow(), "mlflow"), (Wandb(), "wandb")]
)
def test_a_missing_package(logger: Logger, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(UsageError, match=rf"`logger={extra}` needs .* pip install 'gsu-cli\[{extra}\]'"):
        logger.start(tmp_path, "train", {})


def test_a_defect_inside_a_package_is_not_a_missing_package() -> None:
    with pytest.raises(UsageError, match="no nowhere"):
        needed("nowhere.deeper", "mlflow")


def test_silence(tmp_path: Path) -> None:
    hear(Silent(), tmp_path)
    assert list(tmp_path.iterdir()) == []
