"""Specs of tables: lines are expanded as a sweep would, and slips are refused before anything runs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from gsu_cli.errors import UsageError
from gsu_cli.tables.expectation import Expectation
from gsu_cli.tables.lines import expand
from gsu_cli.tables.spec import TableSpec

VALUES: dict[str, Any] = {
    "name": "tiny",
    "base": "dataset=mnist",
    "rows": {"digit": "forget.class=range(0,2)", "both_digits": "forget.class=[0,1]"},
    "columns": {"_": "method=ascent,finetune", "surgery": "method=gradient_surgery ~retrain +x='a b'"},
    "seeds": [1, 2],
    "optional": ["both_digits"],
}


def test_rows_times_columns_times_seeds() -> None:
    cells = TableSpec.of(VALUES).cells()
    assert len(cells) == 3 * 3 * 2 == len(set(cells))
    assert [c.row for c in cells[::6]] == ["digit 0", "digit 1", "both digits"]
    assert [c.column for c in cells[:6:2]] == ["ascent", "finetune", "surgery"]
    assert [c.seed for c in cells[:2]] == [1, 2]
    assert cells[0].overrides == ["dataset=mnist", "forget.class=0", "method=ascent", "seed=1"]
    assert cells[-1].overrides == [
        "dataset=mnist", "forget.class=[0,1]", "method=gradient_surgery", "~retrain", "+x=a b", "seed=2"
    ]  # fmt: skip
    assert [c.optional for c in cells] == [False] * 12 + [True] * 6
    assert str(cells[0]) == "digit 0, ascent, seed 1"


def test_every_sweep_word_multiplies() -> None:
    labels = [label for label, _ in expand("lr", "method.lr=1e-3,1e-2 method.scope=all,generator")]
    assert labels == ["lr 0.001 all", "lr 0.001 generator", "lr 0.01 all", "lr 0.01 generator"]


def test_a_subset_column_is_run_for_some_rows() -> None:
    subset = {"columns": ["finetune"], "rows": ["digit 1"]}
    cells = TableSpec.of(VALUES | {"subset": subset}).cells()
    assert {c.row for c in cells if c.column == "finetune"} == {"digit 1"}
    assert {c.row for c in cells if c.column == "ascent"} == {"digit 0", "digit 1", "both digits"}


def test_a_subset_column_is_run_with_some_seeds() -> None:
    subset = {"columns": ["finetune"], "rows": ["digit 1"], "seeds": [2]}
    cells = TableSpec.of(VALUES | {"subset": subset}).cells()
    assert [(c.row, c.seed) for c in cells if c.column == "finetune"] == [("digit 1", 2)]
    assert {c.seed for c in cells if c.column == "ascent"} == {1, 2}


def test_null_is_what_is_left_out() -> None:
    required = {"name", "rows", "columns", "seeds"}
    keys = [f.name for f in fields(TableSpec) if f.name not in required]
    assert "subset" in keys
    assert TableSpec.of(VALUES | dict.fromkeys(keys)) == TableSpec.of({k: VALUES[k] for k in required})


def test_slow_rows_are_run_with_seeds_of_their_own() -> None:
    cells = TableSpec.of(VALUES | {"slow": {"rows": ["both_digits"], "seeds": [0]}}).cells()
    assert [(c.column, c.seed) for c in cells if c.entry == "both digits"] == [
        ("ascent", 0), ("finetune", 0), ("surgery", 0)
    ]  # fmt: skip
    assert [c.seed for c in cells if c.row == "digit 0"] == [1, 2] * 3
    assert {c.entry for c in cells} == {"digit", "both digits"}


def test_of_several_words_about_slow_cells_the_last_counts() -> None:
    rows = {"rows": ["both_digits"], "seeds": [0]}
    cells = TableSpec.of(VALUES | {"slow": [rows, {**rows, "columns": ["surgery"], "seeds": [0, 5]}]}).cells()
    assert [(c.column, c.seed) for c in cells if c.entry == "both digits"] == [
        ("ascent", 0), ("finetune", 0), ("surgery", 0), ("surgery", 5)
    ]  # fmt: skip
    assert [c.seed for c in cells if c.row == "digit 0"] == [1, 2] * 3


def test_one_row_of_a_sweep_is_named_by_its_label() -> None:
    slow = [
        {"rows": ["both_digits"], "seeds": [0]},
        {"rows": ["both digits 1"], "columns": ["surgery"], "seeds": [3, 4]},
    ]
    rows = {"both_digits": "forget.class=0,1"}
    cells = TableSpec.of({**VALUES, "rows": rows, "optional": [], "subset": {}, "slow": slow}).cells()
    found = {(c.row, c.column): [d.seed for d in cells if (d.row, d.column) == (c.row, c.column)] for c in cells}
    assert found[("both digits 1", "surgery")] == [3, 4]
    assert all(seeds == [0] for cell, seeds in found.items() if cell != ("both digits 1", "surgery"))


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"rows": None}, "`table.rows` must be given"),
        ({"rows": {}}, "`table.rows` must map labels"),
        ({"columns": ["method=ascent"]}, "`table.columns` must map labels"),
        ({"columns": {"a": 3}}, "`table.columns` must map labels"),
        ({"rows": {"a b": "x=1", "a_b": "x=2"}, "optional": []}, "labels of `table.rows` must differ; found a b twice"),
        ({"rows": {"a": "no equals"}, "optional": []}, "must be words key=value; found 'no equals'"),
        ({"rows": {"a": "x='open"}, "optional": []}, "must be words key=value"),
        ({"rows": {"a": "x=interval(0,1)"}, "optional": []}, "must list its values; found x=interval(0,1)"),
        ({"models": {"a": ""}}, "`table.models` must map names to what is typed behind `gsu train`"),
        ({"base": "x=1,2"}, "`table.base` must set one value a key"),
        ({"seeds": []}, "`table.seeds` must be"),
        ({"seeds": [1, 1]}, "`table.seeds` must be"),
        ({"seeds": [-1]}, "`table.seeds` must be"),
        ({"seeds": 3}, "`table.seeds` must be"),
        ({"name": "cells"}, "`table.name` must be a word"),
        ({"name": "../x"}, "`table.name` must be a word"),
        ({"optional": ["digit 0"]}, "`table.optional` must name some of digit, both_digits"),
        ({"references": ["before"]}, "`table.references` must name some of original, retrained, data"),
        ({"subset": {"rows": ["digit 0"]}}, "`table.subset` must hold rows and columns"),
        ({"subset": {"rows": ["digit 1"], "columns": [], "seeds": [1.5]}}, "`table.subset.seeds` must be a list"),
        ({"subset": {"rows": ["digit 1"], "columns": [], "sides": [1]}}, "`table.subset` must hold rows and columns"),
        ({"subset": {"rows": ["digit 9"], "columns": []}}, "`table.subset.rows` must name labels"),
        ({"subset": {"rows": [], "columns": ["fintune"]}}, "found fintune. Did you mean 'finetune'?"),
        ({"row": {}}, "found row. Did you mean 'rows'?"),
        *[
            ({"slow": bad}, "`table.slow` must hold lists: rows, keys of the table, and seeds, and may hold columns")
            for bad in (
                {"rows": ["digit"]},
                {"rows": "digit", "seeds": [1]},
                {"rows": ["digit"], "columns": "ascent", "seeds": [1]},
                {"rows": None, "seeds": [1]},
                [["digit"]],
                "digit",
                5,
            )
        ],
        (
            {"slow": {"rows": ["digit"], "columns": ["ascend"], "seeds": [1]}},
            "`table.slow.columns` must name labels of the table's columns; found ascend. Did you mean 'ascent'?",
        ),
        ({"slow": {"rows": ["digits"], "seeds": [1]}}, "found digits. Did you mean 'digit'?"),
        (
            {"slow": {"rows": ["digit 7"], "seeds": [1]}},
            "`table.slow.rows` must name keys or labels of the table's rows",
        ),
        ({"slow": {"rows": ["digit"], "seeds": [-1]}}, "`table.slow.seeds` must be a list"),
        ({"mean": "all"}, "`table.mean` must be true, false, only or each; found all"),
        ({"expect": [{"change": "fid"}]}, "a line of `table.expect` must have"),
        ({"expect": [{"change": "fid", "level": "fid", "between": [0, 1]}]}, "a line of `table.expect` must have"),
        ({"expect": [{"change": "fid", "between": [0]}]}, "a line of `table.expect` must have"),
        ({"expect": [{"change": "fid", "between": [0, 1], "seed": 1}]}, "a line of `table.expect` must have"),
        ({"expect": [{"change": "fid", "between": [False, True]}]}, "a line of `table.expect` must have"),
        (
            {"expect": [{"change": "fid", "between": [0, -1]}]},
            "`between` of a line of `table.expect` must be least and most, in this order; found [0, -1]",
        ),
        (
            {"expect": [{"change": "fid", "between": [float("nan"), 1]}]},
            "`between` of a line of `table.expect` must be least and most",
        ),
    ],
)
def test_slips(more: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        TableSpec.of(VALUES | more).cells()
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("pin", "complaint"),
    [
        (
            {"column": "Ascent"},
            "`column` of a line of `table.expect` must be a label of the table's columns; found Ascent. "
            "Did you mean 'ascent'?",
        ),
        ({"row": "digit"}, "`row` of a line of `table.expect` must be a label of the table's rows; found digit."),
        ({"row": "xyz"}, "found xyz. Take the pins off with table.expect=[]"),
    ],
)
def test_a_pin_that_no_cell_can_meet_is_refused_before_a_cell_runs(pin: dict[str, str], complaint: str) -> None:
    spec = TableSpec.of(VALUES | {"expect": [pin | {"change": "fid", "between": [0, 1]}]})
    with pytest.raises(UsageError) as caught:
        spec.check_expected(spec.cells())
    assert complaint in str(caught.value)


def test_a_pin_of_a_cell_or_of_all_is_taken() -> None:
    cell = (spec := TableSpec.of(VALUES)).cells()[0]
    for pin in ({}, {"row": cell.row}, {"row": cell.row, "column": cell.column}):
        one = TableSpec.of(VALUES | {"expect": [pin | {"change": "fid", "between": [0, 1]}]})
        one.check_expected(spec.cells())


def test_an_expectation() -> None:
    found = Expectation.of({"row": "digit 0", "level": "feature_ratio.cnn", "between": [0, 0.5]})
    assert found == Expectation("level", "feature_ratio.cnn", (0, 0.5), "digit 0", None)
