"""Compacted records say in tables what the whole ones say; places to read them from, each run once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gsu_cli.errors import GsuError, UsageError
from gsu_cli.report.aggregate import aggregate
from gsu_cli.report.compact import compact, read_compact, write_compact
from gsu_cli.report.runs import collect
from gsu_cli.report.step import targets
from gsu_cli.report.summary import sentences
from gsu_cli.run.record import Record, write_record

RESULTS = Path(__file__).parents[2] / "docs/results"


def test_a_compacted_record_makes_the_same_table(record, tmp_path):
    record.config = {"dataset": {"name": "mnist", "path": "/home"}, "method": {"_target_": "m.x.X", "lr": 1.0}}
    record.update["details"] = {"cost": {"gradient_evaluations_per_image": 2.0}, "losses": list(range(1000))}
    failed = Record("unlearn", status="failed", error="boom", command=["gsu", "unlearn", "forget.class=3"])
    runs = [record, failed]
    write_compact(tmp_path / "some.json", runs)
    read = read_compact(tmp_path / "some.json")
    assert aggregate(read, ["method", "forget"]) == aggregate(runs, ["method", "forget"])
    text = (tmp_path / "some.json").read_text()
    assert "/home" not in text
    assert "losses" not in text
    assert len(text.splitlines()) == len(runs) + 2


def test_the_places_of_a_disk_are_not_kept(record):
    record.command = ["gsu", "unlearn", "paths.data_dir=/home/me", "forget.class=1", "paths.output_dir=/home/me/out"]
    record.command += ["'paths.data_dir='\"'\"'/home/me'\"'\"''", "device=auto"]  # as a table's cells quote it
    record.config = {"paths": {"data_dir": "/home/me"}}
    kept = compact(record)
    assert kept["command"] == ["gsu", "unlearn", "forget.class=1"]
    assert "/home" not in json.dumps(kept)


def test_no_place_of_the_disk_is_kept_whatever_names_it(record):
    record.command = ["gsu", "unlearn", "checkpoint.path='/home/me/out/reproduce/models/a1/model.safetensors'"]
    record.config = {
        "paths": {"output_dir": "/home/me/out"},
        "checkpoint": {"path": "/home/me/out/reproduce/models/a1/model.safetensors", "retrained": "/home/me/x/r.pt"},
        "judge": {"cnn": {"path": "/home/me/my judges/cnn/model.safetensors"}},
    }
    failed = replace(record, status="failed", error="CheckpointError: /home/me/x/y.pt must be whole; found 3 bytes.")
    kept = [compact(record), compact(failed)]
    assert "/home" not in json.dumps(kept)
    assert kept[0]["config"]["checkpoint"] == {
        "path": "out/reproduce/models/a1/model.safetensors", "retrained": "x/r.pt"
    }  # fmt: skip
    assert kept[0]["command"][2] == "checkpoint.path='out/reproduce/models/a1/model.safetensors'"
    assert kept[0]["config"]["judge"]["cnn"]["path"] == "cnn/model.safetensors"
    assert kept[1]["error"] == "CheckpointError: x/y.pt must be whole; found 3 bytes."


def test_the_code_that_made_it_is_kept(record, tmp_path):
    record.git = {"commit": "a" * 40, "dirty": False}
    write_compact(tmp_path / "one.json", [record])
    (read,) = read_compact(tmp_path / "one.json")
    assert read.git == record.git


def test_compacting_twice_changes_nothing(record, tmp_path):
    write_compact(tmp_path / "one.json", [record])
    (again,) = read_compact(tmp_path / "one.json")
    assert compact(again) == compact(record)


def test_lists_from_before_the_schema_are_read():
    found = read_compact(RESULTS / "defaults/records.json")
    entries = json.loads((RESULTS / "defaults/records.json").read_text())
    assert [r.update["method"] for r in found] == [e["update"]["method"] for e in entries]
    assert {r.split["forget"] for r in found} == {"class 1"}
    assert all(r.find("feature_ratio", "unlearned", "cnn") for r in found)


@pytest.mark.parametrize(
    ("text", "said"), [("[1", "readable JSON"), ('{"a": 1}', "a list of records"), ("[1]", "a record written by gsu")]
)
def test_a_list_that_is_none(tmp_path, text, said):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(GsuError, match=said):
        read_compact(tmp_path / "x.json")


def test_places_are_folders_records_and_lists_and_each_run_comes_once(tmp_path, record):
    for i, name in enumerate(("a/one", "a/two")):
        (tmp_path / name).mkdir(parents=True)
        write_record(tmp_path / name, replace(record, started=f"2026-01-31T12:00:0{i}"))
    write_compact(tmp_path / "list.json", [replace(record, started="2026-02-01")] * 2)
    (tmp_path / "foreign.json").write_text("{}")
    places = [tmp_path / name for name in ("a", "a/two", "a/one/record.json", "list.json", "foreign.json")]
    runs, broken = collect(places)
    assert [path.name for path, _ in runs] == ["one", "two", "list.json", "list.json"]
    assert [(path.name, "a list of records" in why) for path, why in broken] == [("foreign.json", True)]


def test_a_place_that_does_not_exist(tmp_path):
    with pytest.raises(UsageError, match="that exist; found .*nowhere"):
        collect([tmp_path / "nowhere"])


def test_which_targets_a_step_had_is_kept(record):
    there = {"images": 31.24, "share": 0.62}
    record.update["details"] = {"target": {"kind": "expected", "retained_there": there}}
    assert compact(record)["update"]["details"]["target"] == {"kind": "expected", "retained_there": there}
    (line,) = targets(record)
    assert line == (
        "targets: what retained images expect at the forgotten latents (where forgotten images lie in the latent "
        "space, retained ones make up 62% of the density, in effect by 31.2 of them)"
    )
    assert line in sentences(record), "on the terminal, in summary.md and on the page of a report"
    record.update["details"]["target"]["kind"] = "discriminant"
    there |= {"images": 1.0, "share": 0.0}
    assert targets(record) == [
        "targets: pictures at near latents (where forgotten images lie in the latent space, retained ones make "
        "up 0% of the density, in effect by 1 of them)"
    ]
    for typed in ({"kind": "nearest"}, {"norm": 1.0}, "nearest"):
        record.update["details"]["target"] = typed
        assert targets(record) == []
