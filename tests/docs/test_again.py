"""scripts/again.py: kept numbers beside those of a run of today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from gsu_cli.report.compact import read_compact
from gsu_cli.run.record import Record

ROOT = Path(__file__).parents[2]


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import again as found  # type: ignore[import-not-found]  # a script

    return found  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def kept() -> Record:
    return read_compact(ROOT / "docs/results/demo/records.json")[0]


def shifted(record: Record, name: str, by: float) -> Record:
    """The same record with one number of the unlearned model moved, by so many half widths of its interval."""
    others = [one for one in record.measurements if not (one.name == name and one.subject == "unlearned")]
    one = next(one for one in record.measurements if one.name == name and one.subject == "unlearned")
    assert one.value is not None
    assert one.low is not None
    assert one.high is not None
    return replace(record, measurements=[*others, replace(one, value=one.value + by * (one.high - one.low) / 2)])


def test_a_record_is_the_same_as_itself(again: ModuleType, kept: Record) -> None:
    (weights, same, near, moved, _), count = again.compared(kept, kept)
    assert (weights, near, moved, count) == ("same", "0", "0", 0)
    assert int(same) == sum(one.value is not None for one in kept.measurements)


@pytest.mark.parametrize(("by", "near", "moved"), [(0.5, "1", "0"), (-1.5, "0", "1")])
def test_a_number_is_near_within_its_interval_and_moved_beyond(
    again: ModuleType, kept: Record, by: float, near: str, moved: str
) -> None:
    row, count = again.compared(kept, shifted(kept, "frechet_distance", by))
    assert (row[2], row[3], count) == (near, moved, int(moved))
    assert "frechet_distance unlearned" in row[4]


def test_a_number_that_is_lacking_now_has_moved(again: ModuleType, kept: Record) -> None:
    (_, _, near, moved, words), count = again.compared(kept, replace(kept, measurements=kept.measurements[1:]))
    assert (near, moved, count) == ("0", "1", 1)
    assert words.startswith(f"{kept.measurements[0].name} {kept.measurements[0].subject}")
    assert words.endswith("lacking")


def test_other_weights_are_told(again: ModuleType, kept: Record) -> None:
    row, _ = again.compared(kept, replace(kept, outputs={"unlearned": {"sha256": "0" * 64}}))
    assert row[0] == "other"
