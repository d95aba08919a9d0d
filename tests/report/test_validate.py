"""Records that read and yet are none: each is named as broken, with the field; none is a traceback."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from gsu_cli.report.compact import read_compact
from gsu_cli.report.html.page import render
from gsu_cli.report.keys import default_keys
from gsu_cli.report.overview import tables
from gsu_cli.report.runs import collect
from gsu_cli.report.validate import validated
from gsu_cli.run.record import FILE
from made_runs import costly, run

RESULTS = Path(__file__).parents[2] / "docs/results"
MEASURED = asdict(costly(0.1, 0.05))["measurements"][0]


@pytest.mark.parametrize(
    ("damage", "field"),
    [
        ({"command": [1, 2]}, "command"),
        ({"error": 3}, "error"),
        ({"config": {"method": "ascent"}}, "config.method"),
        ({"config": {"forget": [1]}}, "config.forget"),
        ({"seeds": {"train": "x"}}, "seeds"),
        ({"seconds": {"unlearn": "long"}}, "seconds"),
        ({"versions": {"torch": 2}}, "versions"),
        ({"inputs": {"dataset": "mnist"}}, "inputs"),
        ({"outputs": {"samples": "samples.png"}}, "outputs"),
        ({"split": {"n_forget": 1}}, "split"),
        ({"update": {"shots": 1}}, "update"),
        ({"update": {"method": "x", "details": [1]}}, "update.details"),
        ({"update": {"method": "x", "cosine": "c"}}, "update.cosine"),
        ({"update": {"method": "x", "predicted": {"retain": "much"}}}, "update.predicted"),
        ({"judges": ["cnn"]}, "judge"),
        ({"judges": [{"name": None}]}, "judge"),
        ({"status": "great"}, "status"),
        ({"notes": [1]}, "note"),
        ({"curve": [{"budget": 0.01}]}, "curve"),
        ({"curve": [3]}, "curve"),
        ({"measurements": [{**MEASURED, "n": -5}]}, "cannot be"),
        ({"measurements": [{**MEASURED, "unit": "share", "value": 7.0}]}, "cannot be"),
        ({"measurements": [{**MEASURED, "low": 0.9, "high": 0.1}]}, "cannot be"),
        ({"judges": [{"name": "cnn", "trust": 0.9}]}, "trust"),
        ({"config": {"protocol": 0.01}}, "config.protocol"),
        ({"transitions": {"judged": {"cnn": 3}}}, "transitions.judged"),
        ({"transitions": {"judged": {"cnn": {"counts": {"1": 3}}}}}, "counts"),
        ({"transitions": {"judged": {"cnn": {"others_gain": "few"}}}}, "others_gain"),
        ({"transitions": {"moved": {"between_neighbours": "far"}}}, "transitions.moved"),
        ({"measurements": [{**MEASURED, "value": "0.1"}]}, "measurement"),
        ({"measurements": [{**MEASURED, "unit": 3}]}, "measurement"),
        ({"measurements": [{**MEASURED, "low": 0.1}]}, "interval"),
        ({"measurements": [{**MEASURED, "judge": {}}]}, "measurement"),
        ({"measurements": [{**MEASURED, "change_high": 10**400}]}, "measurement"),
        ({"split": {"forget": "class 1", "n_forget": [None]}}, "split.n_forget"),
        ({"split": {"forget": "class 1", "n_forget": -1}}, "split.n_forget"),
        ({"split": {"forget": "canaries", "copies": 0}}, "split.copies"),
        ({"split": {"forget": "class 1", "slug": 3}}, "split.slug"),
        ({"inputs": {"dataset": {"note": 7}}}, "inputs.dataset.note"),
        ({"inputs": {"dataset": {"remarks": "none"}}}, "inputs.dataset.remarks"),
        ({"inputs": {"checkpoint": {"making": ["x"]}}}, "inputs.checkpoint.making"),
        ({"outputs": {"unlearned": {"sha256": 5}}}, "outputs.unlearned.sha256"),
        ({"device": {"type": "cpu", "threads": "many"}}, "device.threads"),
        ({"git": {"commit": 12}}, "git.commit"),
        ({"seconds": {"unlearn": float("nan")}}, "seconds.unlearn"),
        ({"peak_memory_mb": float("inf")}, "peak_memory_mb"),
        ({"update": {"method": "x", "details": {"mine": [1.0, float("nan")]}}}, "update.details.mine.1"),
        ({"training": {"losses": [10**400]}}, "training.losses.0"),
        ({"measurements": [{**MEASURED, "value": True}]}, "measurement"),
        ({"measurements": [{**MEASURED, "n": True}]}, "measurement"),
        ({"seeds": {"train": False}}, "seeds"),
        ({"split": {"forget": "class 1", "n_forget": True}}, "split.n_forget"),
        ({"update": {"method": "x", "cosine": True}}, "update.cosine"),
    ],
)
def test_each_damage_is_named(tmp_path, damage, field):
    data: dict[str, Any] = {**asdict(costly(0.1, 0.05)), **damage}
    (tmp_path / FILE).write_text(json.dumps(data))
    runs, broken = collect([tmp_path])
    assert runs == []
    ((path, why),) = broken
    assert path == tmp_path / FILE
    assert field in why
    assert "Copy the record again" in why


def test_what_gsu_writes_is_whole(record, tmp_path):
    for made in (record, run(), run(status="failed", error="x"), costly(0.1, 0.05)):
        assert validated(made, tmp_path) is made


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/records.json")), ids=lambda path: path.parent.name)
def test_every_kept_record_is_whole(path):
    """Audited runs among them, whose differences of shares may lie below 0."""
    for kept in read_compact(path):
        assert validated(kept, path) is kept


@pytest.mark.parametrize(
    ("name", "value", "whole"), [("auc_minus_x", -0.4, True), ("auc", -0.4, False), ("auc_minus_x", -1.4, False)]
)
def test_a_difference_of_shares_may_lie_below_zero(tmp_path, name, value, whole):
    entry = MEASURED | {"name": name, "unit": "share", "value": value, "low": None, "high": None}
    (tmp_path / FILE).write_text(json.dumps(asdict(costly(0.1, 0.05)) | {"measurements": [entry]}))
    runs, broken = collect([tmp_path])
    assert (len(runs), len(broken)) == (int(whole), int(not whole))


def test_any_subset_of_fields_makes_a_page(tmp_path):
    """Older schemas lack fields; a missing one is no reason to fall over."""
    data = json.loads(json.dumps(asdict(costly(0.1, 0.05))))
    for i, name in enumerate(k for k in data if k not in ("verb", "schema")):
        (tmp_path / str(i)).mkdir()
        (tmp_path / str(i) / FILE).write_text(json.dumps({k: v for k, v in data.items() if k != name}))
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / FILE).write_text(json.dumps({"verb": "unlearn", "schema": 1}))
    runs, broken = collect([tmp_path])
    assert broken == []
    records = [record for _, record in runs]
    by = default_keys(records)
    assert tables(records, by)
    assert "<html" in render(runs, broken, by, title="t", command="c", about="a")


def test_a_record_nested_beyond_reading_stops_no_other(tmp_path, monkeypatch):
    for name in ("deep", "whole"):
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE).write_text(json.dumps(asdict(costly(0.1, 0.05))))
    loads, seen = json.loads, []

    def too_deep(text: str) -> Any:
        seen.append(text)
        if len(seen) == 1:
            raise RecursionError("maximum recursion depth exceeded")
        return loads(text)

    monkeypatch.setattr(json, "loads", too_deep)
    runs, ((path, why),) = collect([tmp_path])
    assert [folder.name for folder, _ in runs] == ["whole"]
    assert path == tmp_path / "deep" / FILE
    assert "must be readable JSON" in why
