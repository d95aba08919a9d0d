"""What a report asks of a record again and again is found out once, and never longer than the report is at work."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import replace

import pytest

from gsu_cli.report.keys import key
from gsu_cli.report.memo import memoised, memoised_of_all, unchanged
from gsu_cli.run.record import Record
from made_runs import run

calls: list[tuple[str, str]] = []


@memoised
def asked(record: Record, word: str) -> str:
    calls.append((record.verb, word))
    return f"{record.verb} {word}"


@memoised_of_all
def asked_of_all(records: Iterable[Record], word: str) -> list[str]:
    verbs = [record.verb for record in records]
    calls.append((" ".join(verbs), word))
    return verbs


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


def test_several_records_are_asked_once_whatever_holds_them_in_that_order() -> None:
    one, other = Record("unlearn"), Record("train")
    with unchanged():
        for records in ([one, other], (one, other), iter([one, other])):
            assert asked_of_all(records, "a") == ["unlearn", "train"]
        assert asked_of_all([other, one], "a") == ["train", "unlearn"]
        assert asked_of_all([one], "a") == ["unlearn"]
    assert [words for words, _ in calls] == ["unlearn train", "train unlearn", "unlearn"]
    assert asked_of_all(iter([one, other]), "a") == asked_of_all([one, other], "a")
    assert len(calls) == 5


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_rests_within_and_is_as_it_was_after(collects: bool) -> None:
    was = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        with unchanged():
            with unchanged():
                pass
            assert not gc.isenabled()
        assert gc.isenabled() == collects
        with pytest.raises(ValueError, match="ends"), unchanged():
            raise ValueError("ends")
        assert gc.isenabled() == collects
    finally:
        (gc.enable if was else gc.disable)()
