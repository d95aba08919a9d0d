"""Jobs in processes: so many at a time, on one thread, and a dead one is a result."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from gsu_cli.tables.pool import in_processes
from pool_job import job


def test_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    names = ["a", "die", "b", "exit", "c"]
    heard: list[int] = []
    jobs = [(tmp_path, name) for name in names]
    found = dict(in_processes(job, jobs, workers=2, preload="torch", on_start=heard.append))
    assert found == {0: 0, 1: -signal.SIGKILL, 2: 0, 3: 3, 4: 0}
    assert heard == [0, 1, 2, 3, 4]
    assert "OMP_NUM_THREADS" not in os.environ, "ours is put back"
    texts = [(tmp_path / name).read_text().split() for name in "abc"]
    spans = [(float(text[0]), float(text[1])) for text in texts]
    assert {tuple(text[2:]) for text in texts} == {("1", "1", str(tmp_path))}
    for moment, _ in spans:
        assert sum(start <= moment < end for start, end in spans) <= 2


def test_leaving_early_ends_all(tmp_path: Path) -> None:
    jobs = [(tmp_path, "exit"), *((tmp_path, f"slow {k}") for k in range(3))]
    for _ in in_processes(job, jobs, workers=2, preload="torch"):
        break
    time.sleep(0.6)
    assert len(list(tmp_path.iterdir())) == 0
