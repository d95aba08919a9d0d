"""Runs of several devices or versions in one table are said to be: seconds do not compare, numbers need not agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gsu_cli.report.aggregate import aggregate
from gsu_cli.report.compact import read_compact, write_compact
from gsu_cli.report.devices import computed_on
from gsu_cli.report.overview import mixed_versions
from gsu_cli.report.reproduced import table
from gsu_cli.tables.cell import Cell, Outcome
from gsu_cli.tables.spec import TableSpec
from made_runs import run

CPU = {"type": "cpu", "name": "cpu", "machine": "x86_64", "threads": 1, "processes": 1, "tf32": False}
GPU = {**CPU, "type": "cuda", "name": "cuda", "model": "NVIDIA H200", "threads": 8, "tf32": True}
SECONDS = "seconds do not compare"


def notes(*runs):
    return [n for n in aggregate(list(runs), ["method"]).footnotes if n.startswith("runs were")]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (GPU, "cuda (NVIDIA H200, tf32)"),
        (CPU, "cpu (1 thread)"),
        ({**CPU, "threads": 2, "processes": 4, "autocast": "bfloat16"}, "cpu (2 threads, 4 processes, bfloat16)"),
        ({"type": "mps"}, "mps"),
        ({}, ""),
    ],
)
def test_what_it_was_computed_on(facts, words):
    assert computed_on(run(device=facts)) == words


def test_a_row_of_two_devices_says_so(tmp_path):
    runs = [run(seed=1, device=CPU), run(seed=2, device=GPU)]
    (note,) = notes(*runs)
    assert note.startswith("runs were computed on cpu (1 thread); cuda (NVIDIA H200, tf32): seconds do not compare")
    write_compact(tmp_path / "records.json", runs)
    assert notes(*read_compact(tmp_path / "records.json")) == [note]
    assert "device: cpu (1 thread); cuda (NVIDIA H200, tf32)" in mixed_versions(runs)


def test_one_device_and_runs_that_do_not_say_have_no_note():
    failed = run(seed=3, status="failed", error="gone", device=GPU)
    assert notes(run(seed=1, device=CPU), run(seed=2, device={**CPU, "name": "cpu:0"}), run(seed=4), failed) == []


def test_many_devices_are_counted():
    (note,) = notes(*(run(seed=k, device={**CPU, "threads": k}) for k in (10, 2, 1, 4, 8, 3)))
    assert "cpu (4 threads); and 2 more:" in note


def test_several_versions_of_a_package_say_so():
    runs = [run(seed=k, versions={"torch": f"2.{k}", "numpy": "2", "lab": f"code {k}"}) for k in (8, 9)]
    assert notes(*runs) == ["runs were made with several versions of torch (2.8, 2.9)"]


def test_a_reproduced_table_says_so():
    cells = [Cell("1", "a", seed, ("forget.class=1", "method=a")) for seed in (1, 2)]
    on = zip(cells, (CPU, GPU), strict=True)
    spec = TableSpec("t", rows={"1": "x=1"}, columns={"a": "x=1"}, seeds=[1, 2])
    outcomes = [Outcome(c, "key", replace(run(seed=c.seed), device=facts)) for c, facts in on]
    assert any(SECONDS in note for note in table(spec, outcomes).footnotes)
    assert not any(SECONDS in note for note in table(spec, outcomes[:1]).footnotes)
