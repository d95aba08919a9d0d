"""Runs of one checkpoint are of one, whether or not their records say how it was made."""

from __future__ import annotations

from pathlib import Path

from gsu_cli.report.figures.pareto import pareto
from gsu_cli.report.keys import default_keys
from gsu_cli.report.runs import collect
from gsu_cli.run.record import Record
from made_runs import costly, lay_out

SHA = "9a9dc0fc" * 8


def of(method: str, seed: int, **facts: str) -> Record:
    record = costly(0.01, 0.05, method=method, seed=seed)
    record.inputs["checkpoint"] = {"sha256": SHA, **facts}
    return record


def test_an_older_and_a_newer_record_of_the_same_bytes_have_one_checkpoint(tmp_path: Path) -> None:
    runs = {"old": of("ascent", 1), "new": of("newton", 1, making="5371e6ae")}
    found, broken = collect([lay_out(tmp_path / "outputs", runs)])
    records = [record for _, record in found]
    by = default_keys(records)
    assert not broken
    assert "weights" not in by
    figure = pareto(records, by)
    assert figure is not None
    assert sorted(series.name for series in figure.legend) == ["ascent", "newton"]


def test_other_bytes_stay_apart(tmp_path: Path) -> None:
    runs = {"old": of("ascent", 1), "new": of("newton", 1, making="5371e6ae")}
    runs["old"].inputs["checkpoint"]["sha256"] = "b" * 64
    found, _ = collect([lay_out(tmp_path / "outputs", runs)])
    assert {path.name: record.inputs["checkpoint"].get("making") for path, record in found} == {
        "old": None,
        "new": "5371e6ae",
    }
