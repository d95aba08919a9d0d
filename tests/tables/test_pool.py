"""Jobs in processes: so many at a time, on one thread, and a dead one is a result."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing import forkserver
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


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux what a process hears")
def test_the_server_is_deaf_to_ctrl_c(tmp_path: Path) -> None:
    """It printed a traceback of its imports where Ctrl-C came while it began."""
    assert dict(in_processes(job, [(tmp_path, "a")], workers=1, preload="torch")) == {0: 0}
    status = Path(f"/proc/{forkserver._forkserver._forkserver_pid}/status").read_text()
    (blocked,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk"))
    assert blocked >> (signal.SIGINT - 1) & 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, []), "ours is put back"


def test_leaving_early_ends_all(tmp_path: Path) -> None:
    jobs = [(tmp_path, "exit"), *((tmp_path, f"slow {k}") for k in range(3))]
    for _ in in_processes(job, jobs, workers=2, preload="torch"):
        break
    time.sleep(0.6)
    assert len(list(tmp_path.iterdir())) == 0
