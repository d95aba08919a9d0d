"""Cells of joblib are killed with their sweep: their records said "running" for ever."""

from __future__ import annotations

from pathlib import Path

from gsu_cli.run.interrupted import note_interrupted
from gsu_cli.run.record import Record, read_record, write_record


def test_what_ran_is_interrupted_and_what_had_ended_stays(tmp_path: Path) -> None:
    for status in ("running", "done", "failed"):
        (tmp_path / status / "seed=0").mkdir(parents=True)
        write_record(tmp_path / status / "seed=0", Record("train", status=status))
    (tmp_path / "record.json").write_text("{", "utf-8")
    note_interrupted(tmp_path)
    found = {status: read_record(tmp_path / status / "seed=0").status for status in ("running", "done", "failed")}
    assert found == {"running": "interrupted", "done": "done", "failed": "failed"}
