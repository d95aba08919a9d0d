"""record.json: what is written is read back, and nothing that is no number passes for one."""

from __future__ import annotations

import json
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from gsu_cli.errors import GsuError, NonFiniteError
from gsu_cli.run.record import FILE, Measurement, Record, read_record, write_record
from gsu_cli.run.schema import SCHEMA

RATIO = Measurement("feature_ratio", "unlearned", 0.01, 0.005, 0.02, 10_000, "share", "lower", "cnn", "ab12")
MISSING = Measurement("fid", "unlearned", None, reason="no Inception weights")


def full() -> Record:
    return Record(
        verb="unlearn",
        status="done",
        command=["gsu", "unlearn", "forget.class=1"],
        started="2026-01-31T12:00:00+00:00",
        config={"method": {"lr": 1e-5, "name": "x"}, "metrics": [1, None]},
        config_hash="0123",
        seeds={"train": 0, "unlearn": 1},
        git={"commit": "abc", "dirty": False},
        seconds={"total": 1.5},
        peak_memory_mb=200.1,
        inputs={"dataset": {"name": "mnist", "n": {"train": 3}}},
        notes=["the weights came from elsewhere"],
        update={"cosine": 0.1 + 0.2, "predicted": {"retain": None}},
        judges=[{"name": "cnn"}],
        measurements=[RATIO, MISSING],
    )


def edited(folder: Path, **changes: Any) -> Path:
    data = json.loads(write_record(folder, full()).read_text())
    (folder / FILE).write_text(json.dumps({**data, **changes}))
    return folder


def test_roundtrip_by_folder_and_by_file(tmp_path: Path) -> None:
    path = write_record(tmp_path, full())
    assert path == tmp_path / FILE
    assert read_record(tmp_path) == read_record(path) == full()


def test_find() -> None:
    record = full()
    assert record.find("feature_ratio", "unlearned", "cnn") is RATIO
    assert record.find("feature_ratio", "unlearned", "knn") is None
    assert record.find("fid", "unlearned") is MISSING


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_what_is_no_number_is_refused_by_name(tmp_path: Path, bad: float) -> None:
    write_record(tmp_path, full())
    broken = full()
    broken.update["details"] = {"steps": [1.0, (2.0, bad)]}
    with pytest.raises(NonFiniteError, match=f"found {bad} at `update.details.steps.1.1`"):
        write_record(tmp_path, broken)
    assert read_record(tmp_path) == full(), "the old record stays"
    write_record(tmp_path, broken, nan_as_null=True)
    assert read_record(tmp_path).update["details"] == {"steps": [1.0, [2.0, None]]}


def test_a_config_keeps_what_was_typed(tmp_path: Path) -> None:
    record = full()
    record.config["method"]["lr"], record.config["most"] = nan, [inf]
    write_record(tmp_path, record)
    assert read_record(tmp_path).config == {"method": {"lr": "nan", "name": "x"}, "metrics": [1, None], "most": ["inf"]}


def test_older_schemas_are_read(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"schema": 1, "verb": "train", "status": "done"}')
    assert read_record(tmp_path) == Record("train", status="done")


def test_newer_schemas_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GsuError, match=f"a whole number from 1 to {SCHEMA}; found {SCHEMA + 1}. Update gsu"):
        read_record(edited(tmp_path, schema=SCHEMA + 1))


@pytest.mark.parametrize(
    ("schema", "shown"), [(0, "0"), (-1, "-1"), ("2", '"2"'), (True, "true"), (2.0, "2.0"), (None, "null")]
)
def test_what_is_no_schema_is_refused(tmp_path: Path, schema: object, shown: str) -> None:
    """They were read as if they were of today."""
    with pytest.raises(GsuError) as raised:
        read_record(edited(tmp_path, schema=schema))
    assert f"must be a whole number from 1 to {SCHEMA}; found {shown}. Name the folder of a run" in str(raised.value)


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    more = [{"name": "fid", "subject": "data", "value": 1.0, "colour": "red"}]
    record = read_record(edited(tmp_path, weather="fine", measurements=more))
    assert record.measurements == [Measurement("fid", "data", 1.0)]
    assert not hasattr(record, "weather")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be readable JSON"),
        ('{"verb": "unl', "must be readable JSON"),
        ("\udcff", "must be readable JSON"),
        ("[]", "a record written by gsu; found JSON without 'verb' and 'schema'. Name the folder of a run"),
        ("3", "must be a record written by gsu"),
        ('{"schema": 1}', "a record written by gsu; found JSON without 'verb'. Name the folder of a run"),
        ('{"verb": "train"}', "a record written by gsu; found JSON without 'schema'. Name the folder of a run"),
    ],
)
def test_broken_and_foreign_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(GsuError, match=message):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("inputs", []), ("started", None), ("verb", 3), ("command", "gsu"), ("seconds", 1), ("measurements", None)],
)
def test_fields_of_another_type(tmp_path: Path, field: str, value: object) -> None:
    with pytest.raises(GsuError, match=f"`{field}` must be a "):
        read_record(edited(tmp_path, **{field: value}))


@pytest.mark.parametrize(
    "entry", [3, {}, {"name": "fid", "subject": "data"}, {"name": "x", "subject": "data", "value": "1"}]
)
def test_measurements_that_are_none(tmp_path: Path, entry: object) -> None:
    with pytest.raises(GsuError, match="must hold whole measurements"):
        read_record(edited(tmp_path, measurements=[entry]))


@pytest.mark.parametrize(("judge", "words"), [(None, "x of data twice"), ("cnn", "x of data by judge cnn twice")])
def test_a_number_that_stands_twice(tmp_path: Path, judge: str | None, words: str) -> None:
    entry = {"name": "x", "subject": "data", "value": 1.0, "low": None, "high": None, "n": 3, "unit": "share"}
    entry |= {"better": None, "judge": judge, "sha256": None}
    with pytest.raises(GsuError, match=f"each number must stand once in .*; found {words}. Copy the record again"):
        read_record(edited(tmp_path, measurements=[entry, {**entry, "value": 2.0}]))
    others = [entry, {**entry, "judge": "knn"}, {**entry, "subject": "original"}]
    assert len(read_record(edited(tmp_path, measurements=others)).measurements) == 3


def test_weights_in_place_of_a_record(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"\xe0\x00\x00")
    with pytest.raises(GsuError, match="must be readable JSON; found a file that is no text"):
        read_record(tmp_path / "w.safetensors")


def test_no_record(tmp_path: Path) -> None:
    with pytest.raises(GsuError, match=r"a run folder must hold a record.json; found none at .*gsu show runs"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    "numbers",
    [
        {"value": nan},
        {"value": inf},
        {"value": 1.0, "low": nan},
        {"value": 1.0, "high": inf},
        {"value": None},
        {"value": 1.0, "reason": "and yet a value"},
        {"value": None, "low": 0.1, "high": 0.2, "reason": "no value"},
    ],
)
def test_a_measurement_is_a_finite_number_or_a_reason(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fid: "):
        Measurement("fid", "unlearned", **numbers)


def test_a_reason_is_a_sentence_of_ours_or_names_what_another_library_raised() -> None:
    said = "`method=newton` needs a model with a training loss"
    for kind in ("NotApplicableError", "UsageError", "NonFiniteError"):
        assert Record("unlearn", error=f"{kind}: {said}").reason == said
    assert (
        Record("unlearn", error="ZeroDivisionError: division by zero").reason == "ZeroDivisionError: division by zero"
    )
    assert Record("unlearn").reason == ""


def test_a_stop_is_told_without_the_name_of_an_exception() -> None:
    assert Record("train", status="interrupted", error="KeyboardInterrupt").reason == "stopped before its end"
    swept = Record("train", status="interrupted", error="KeyboardInterrupt, with its sweep")
    assert swept.reason == "stopped before its end, with its sweep"
