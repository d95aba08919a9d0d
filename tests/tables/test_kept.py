"""A table of kept records: each in its cell, nothing runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gsu_cli.errors import GsuError
from gsu_cli.run.record import Record
from gsu_cli.tables.kept import outcomes
from gsu_cli.tables.spec import TableSpec

ROOT = Path(__file__).parents[2]
SPEC = TableSpec.of({"name": "t", "base": "dataset=mnist", "rows": {"1": "forget.class=1"},
                     "columns": {"ascent": "method=ascent method.lr=1e-5"}, "seeds": [0, 1]})  # fmt: skip


def record(*words: str) -> Record:
    return Record("unlearn", status="done", command=["gsu", "unlearn", "dataset=mnist", "forget.class=1", *words])


def test_a_record_belongs_to_the_cell_of_its_command_whatever_the_places() -> None:
    one = record("method=ascent", "method.lr=0.00001", "paths.data_dir=/x", "hydra.run.dir=y")  # seed=0 is the default
    found = outcomes(SPEC, [one])
    assert [o.record for o in found] == [one, None]
    assert [o.why for o in found] == ["", "not run"]


def test_a_record_of_no_cell_and_two_of_one_are_refused() -> None:
    one = record("method=ascent", "method.lr=1e-5", "seed=1")
    with pytest.raises(GsuError, match=r"every record must be of a cell of t; found 1 that are of none"):
        outcomes(SPEC, [record("method=newton")])
    with pytest.raises(GsuError, match=r"`records` must hold one record of each cell of t; found two of gsu unlearn"):
        outcomes(SPEC, [one, record("method=ascent", "method.lr=1e-5", "seed=1", "paths.output_dir=z")])


def test_a_record_from_before_a_default_belongs_to_the_cell_that_spells_it_out() -> None:
    alone = "method=fisher_surgery method.finish=null method.encoder=kept"
    columns = {"default": "method=fisher_surgery", "alone": alone}
    spec = TableSpec.of({"name": "t", "base": "dataset=mnist", "rows": {"1": "forget.class=1"}, "columns": columns,
                         "seeds": [0]})  # fmt: skip
    before, now, typed = record(), record(), record(*alone.split())
    now.config["method"] = {"finish": "auto", "encoder": "auto"}
    assert [o.record for o in outcomes(spec, [before])] == [None, before]
    assert [o.record for o in outcomes(spec, [now, before])] == [now, before]
    assert [o.record for o in outcomes(spec, [now, typed])] == [now, typed]
    with pytest.raises(GsuError, match="found two of"):
        outcomes(spec, [before, typed])


def test_the_line(type_line: Callable[..., Any], tmp_path: Path) -> None:
    kept = ROOT / "docs/results/digits/records.json"
    typed = type_line("reproduce", "table=digits", f"records={kept}", "paths.output_dir=out", cwd=tmp_path)
    assert (typed.code, typed.err) == (0, ""), typed
    folder = tmp_path / "out/reproduce/digits.kept"
    assert len(json.loads((folder / "records.json").read_text("utf-8"))) == 60
    page = (ROOT / "docs/results/digits/table.md").read_text("utf-8").partition("\n## ")[0]
    rows = [line for line in page.splitlines() if line[:1] == "|"]
    assert [line for line in (folder / "table.md").read_text("utf-8").splitlines() if line[:1] == "|"] == rows
    both = type_line("reproduce", "table=digits", f"records={kept}", "preview=true", cwd=tmp_path)
    assert both.code == 2
    assert "one of `preview` and `records` must be left out: records run nothing; found both" in both.err
    gone = type_line("reproduce", "table=digits", "records=nothing.json", cwd=tmp_path)
    assert gone.code == 1
    assert "nothing.json must be a list of records; found no such file or directory" in gone.err


def test_cells_that_differ_in_places_alone_are_refused() -> None:
    rows = {"here": "dataset.path=a forget.class=1", "there": "dataset.path=b forget.class=1"}
    spec = TableSpec("t", rows, {"x": "method=ascent"}, [0])
    with pytest.raises(GsuError, match="cells of t must differ in more than places of files"):
        outcomes(spec, [])
