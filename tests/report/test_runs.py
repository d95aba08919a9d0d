"""Runs found on disk, and the table of a sweep."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from gsu_cli.report.quantities import brief, discover
from gsu_cli.report.runs import find_runs, short
from gsu_cli.report.sweep import cells, print_sweep
from gsu_cli.run.record import FILE, Record, write_record


@pytest.fixture
def folder(tmp_path, record):
    """Two whole runs, a failed one, and what a careless disk may hold besides."""

    def add(name, value):
        (tmp_path / name).mkdir(parents=True)
        if isinstance(value, Record):
            write_record(tmp_path / name, value)
        else:
            (tmp_path / name / FILE).write_text(value if isinstance(value, str) else json.dumps(value))

    add("lr=1/seed=0", replace(record, started="2026-01-31T12:00:02+00:00"))
    add("lr=2/seed=0", record)
    add("lr=3/seed=0", Record("unlearn", status="failed", error="NonFiniteError: boom", started="2026-01-31T13"))
    add("bad/truncated", '{"verb": "unl')
    add("bad/foreign", {"hello": 1})
    add("bad/newer", {**asdict(record), "schema": 99})
    add("bad/list", [1, 2])
    add("bad/types", {"verb": "unlearn", "schema": 1, "started": 5, "measurements": 3})
    return tmp_path


def test_runs_come_by_start_and_broken_ones_with_a_reason(folder):
    runs, broken = find_runs(folder)
    assert [path.parent.name for path, _ in runs] == ["lr=2", "lr=1", "lr=3"]
    reasons = {path.parent.name: why for path, why in broken}
    assert reasons.keys() == {"truncated", "foreign", "newer", "list", "types"}
    assert "Update gsu" in reasons["newer"]
    assert all(reasons.values())


def test_an_empty_folder_has_no_runs(tmp_path):
    assert find_runs(tmp_path) == ([], [])
    assert find_runs(tmp_path / "none") == ([], [])


def test_short(record):
    assert short(record) == "mnist, forget class 1, fisher_surgery, cnn -90%, knn -75%"
    failed = Record("unlearn", status="failed", error="NonFiniteError: boom\nmore", inputs={"dataset": {"name": "x"}})
    assert short(failed) == "x, boom"
    assert short(Record("train")) == ""


def test_the_cells_of_a_row(record):
    shown = brief(discover([record]))
    assert [q.title for q in shown] == ["feature ratio (CNN)", "feature ratio (kNN)", "retain loss", "Frechet distance"]
    assert cells(record, shown)[:2] == ("-90.0%", "-75.0%")
    assert cells(record, shown)[2:] == ("+0.8%", "-12.7%", "3.2")
    assert cells(Record("unlearn"), shown) == ("-",) * (len(shown) + 1)


def test_the_sweep_table_counts_failed_and_broken_cells(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert print_sweep(folder) == 6
    out = capsys.readouterr().out
    assert out.index("lr=1/seed=0") < out.index("lr=2/seed=0") < out.index("lr=3/seed=0")
    assert "lr=3/seed=0: boom" in out
    assert "truncated" in out
    assert "-90.0%" in out


def test_cells_are_called_by_what_varies(tmp_path, record, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    for k, lr in enumerate(("1e-1", "1e-3", "5e-3")):
        (tmp_path / str(k)).mkdir()
        command = ["gsu", "unlearn", "forget.class=1", f"method.lr={lr}"]
        write_record(tmp_path / str(k), replace(record, command=command))
    assert print_sweep(tmp_path) == 0
    out = capsys.readouterr().out
    assert out.index("method.lr=1e-3") < out.index("method.lr=5e-3") < out.index("method.lr=1e-1")
    assert "forget.class=1" not in out


def test_a_sweep_without_failures(tmp_path, record, capsys):
    (tmp_path / "seed=0").mkdir()
    write_record(tmp_path / "seed=0", record)
    assert print_sweep(tmp_path) == 0
    assert "done" in capsys.readouterr().out


def test_a_sweep_that_was_stopped_before_its_first_record_prints_no_empty_table(tmp_path, capsys):
    (tmp_path / "seed=1/.hydra").mkdir(parents=True)
    assert print_sweep(tmp_path) == 0
    assert capsys.readouterr().out == ""
