"""Which folder a line may take again: that of the same line, stopped before it had made anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gsu_cli.errors import UsageError
from gsu_cli.run.folders import take
from gsu_cli.run.record import Record, write_record
from gsu_cli.run.stopped import was_stopped

WORDS = ["run=a folder", "repeats=1"]
STOPPED = Record("audit", status="interrupted", command=["gsu", "audit", "'run=a folder'", "repeats=1"])


def test_the_same_line_stopped_with_nothing_made(tmp_path: Path) -> None:
    assert not was_stopped(tmp_path, "audit", WORDS), "no run at all"
    write_record(tmp_path, STOPPED)
    (tmp_path / "gsu.log").touch()
    assert was_stopped(tmp_path, "audit", WORDS)
    write_record(tmp_path, replace(STOPPED, status="failed"))
    assert was_stopped(tmp_path, "audit", WORDS)
    places = ["gsu", "audit", "--config-dir=/mine", *STOPPED.command[2:]]
    write_record(tmp_path, replace(STOPPED, command=places))
    assert was_stopped(tmp_path, "audit", WORDS), "where configs lie is no part of the words"
    (tmp_path / "record.json").write_text("{", encoding="utf-8")
    assert not was_stopped(tmp_path, "audit", WORDS)


def test_an_audit_that_was_stopped_among_its_figures_may_be_typed_again(tmp_path: Path) -> None:
    write_record(tmp_path, replace(STOPPED, outputs={"audit": {"path": "audit.json"}}))
    for name in ("audit.json", "rebound.svg"):
        (tmp_path / name).touch()
    assert was_stopped(tmp_path, "audit", WORDS)


@pytest.mark.parametrize(
    ("record", "verb", "words", "file"),
    [
        (STOPPED, "unlearn", WORDS, None),
        (STOPPED, "audit", WORDS[:1], None),
        (replace(STOPPED, status="running"), "audit", WORDS, None),
        (replace(STOPPED, status="done"), "audit", WORDS, None),
        (replace(STOPPED, verb="unlearn", outputs={"unlearned": {"path": "a.safetensors"}}), "unlearn", WORDS, None),
        (replace(STOPPED, verb="unlearn"), "unlearn", WORDS, "audit.json"),
        (STOPPED, "audit", WORDS, "state.safetensors"),
    ],
)
def test_all_else_stays_as_it_is(tmp_path: Path, record: Record, verb: str, words: list[str], file: str | None) -> None:
    write_record(tmp_path, record)
    if file:
        (tmp_path / file).touch()
    assert not was_stopped(tmp_path, verb, words)


def test_a_line_that_was_killed_says_why_its_folder_is_refused(tmp_path: Path) -> None:
    def refused() -> str:
        with pytest.raises(UsageError) as error:
            take(tmp_path, ".hydra", "hydra.run.dir")
        return str(error.value)

    write_record(tmp_path, replace(STOPPED, verb="train", status="running"))
    assert (
        "with a `gsu train` that says 'running': at work, or killed. If nothing is at work there, remove" in refused()
    )
    (tmp_path / "state.safetensors").touch()
    assert refused().endswith(f"If nothing is at work there, add resume={tmp_path} and type the line again.")
    write_record(tmp_path, replace(STOPPED, status="done"))
    assert "with a `gsu audit` that says 'done'. Name another folder" in refused()
    (tmp_path / "record.json").unlink()
    (tmp_path / "multirun.yaml").touch()
    for cell, status in enumerate(("done", "done", "running")):
        write_record(tmp_path / str(cell), replace(STOPPED, status=status))
    assert "with runs that say 'done' (2), 'running' (1): at work, or killed. If nothing" in refused()
