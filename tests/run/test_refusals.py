"""What is a refusal, of which nothing is left, and what is a failure, which keeps its record."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsu_cli.run.folders import Claim
from gsu_cli.run.record import Record, write_record
from gsu_cli.run.refusals import discard_if_unused, is_refused

LOADED = {"load": 0.1, "total": 0.2}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"error": "UsageError: `lr` must be > 0"}, True),
        ({"error": "UsageError: of a late check", "seconds": {**LOADED, "unlearn": 1.0}}, True),
        ({"error": "DataError: a folder must be there", "seconds": LOADED}, True),
        ({"error": "CheckpointError: weights must be whole"}, True),
        ({"error": "CheckpointError: of a reference", "seconds": {**LOADED, "references": 60.0}}, False),
        ({"error": "DataError: while measuring", "seconds": {**LOADED, "evaluate": 1.0}}, False),
        ({"error": "DataError: after a result", "outputs": {"model": {"path": "model.safetensors"}}}, False),
        ({"error": "NonFiniteError: the loss must be finite", "seconds": LOADED}, False),
        ({"error": "OutputError: the disk is full", "seconds": LOADED}, False),
        ({"error": "ZeroDivisionError: a defect"}, False),
        ({"error": "NotApplicableError: a result", "status": "n/a"}, False),
        ({"error": "KeyboardInterrupt", "status": "interrupted"}, False),
        ({"error": None, "status": "running"}, False),
        ({"error": None, "status": "done"}, False),
    ],
)
def test_what_is_a_refusal(tmp_path: Path, fields: dict[str, object], refused: bool) -> None:
    write_record(tmp_path, Record("unlearn", **{"status": "failed", **fields}))  # type: ignore[arg-type]
    assert is_refused(tmp_path) is refused


def test_no_record_and_a_damaged_one_are_none(tmp_path: Path) -> None:
    assert not is_refused(tmp_path)
    (tmp_path / "record.json").write_text("{", encoding="utf-8")
    assert not is_refused(tmp_path)


def test_a_refused_line_leaves_no_copy_of_the_weights_it_was_given(tmp_path: Path) -> None:
    claimed = Claim(tmp_path / "run", is_sweep=False, before=None)
    claimed.path.mkdir()
    for name in ("imported.safetensors", "record.json", "gsu.log"):
        (claimed.path / name).touch()
    assert not discard_if_unused(claimed), "a run that went on keeps them"
    assert discard_if_unused(claimed, refused=True)
    assert not claimed.path.exists()
