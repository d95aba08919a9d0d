"""What a report asks of a record again and again is found out once, and never longer than the report is at work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gsu_cli.report.keys import key
from gsu_cli.report.once import once, unchanged
from gsu_cli.run.record import Record
from made_runs import run

calls: list[tuple[str, str]] = []


@once
def asked(record: Record, word: str) -> str:
    calls.append((record.verb, word))
    return f"{record.verb} {word}"


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    calls.clear()


def test_once_within_and_each_time_outside() -> None:
    record, other = Record("unlearn"), Record("train")
    with unchanged():
        with unchanged():
            assert asked(record, "a") == "unlearn a"
        assert [asked(record, "a"), asked(record, "b"), asked(other, "a")] == ["unlearn a", "unlearn b", "train a"]
    assert calls == [("unlearn", "a"), ("unlearn", "b"), ("train", "a")]
    assert [asked(record, "a"), asked(record, "a")] == ["unlearn a"] * 2
    assert len(calls) == 5


def test_a_block_knows_nothing_of_the_one_before() -> None:
    record = Record("unlearn")
    with unchanged():
        asked(record, "a")
    record.verb = "train"
    with unchanged():
        assert asked(record, "a") == "train a"


def test_records_that_come_and_go_are_not_taken_for_each_other() -> None:
    with unchanged():
        assert [asked(Record(f"v{k}"), "a") for k in range(50)] == [f"v{k} a" for k in range(50)]


def test_a_record_with_other_values_is_another() -> None:
    before = run(seed=1)
    after = replace(before, status="failed")
    with unchanged():
        assert [key(r, "status") for r in (before, after, before)] == ["done", "failed", "done"]


def test_a_failure_is_no_answer() -> None:
    with unchanged():
        for _ in range(2):
            with pytest.raises(AttributeError):
                key(Record("unlearn"), 3)  # type: ignore[arg-type]
