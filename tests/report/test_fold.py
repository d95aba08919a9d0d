"""Keys that leave no room for a number on a terminal."""

from __future__ import annotations

import re

import pytest

from gsu_cli.report import columns
from gsu_cli.report.fold import folded
from gsu_cli.report.html.sheet import Sheet
from gsu_cli.report.table import Cell, Column, Table

OPTIONS = ("method.solver", "method.encoder", "method.damping", "evaluation.samples", "protocol.latents")


def rows_with(options: int, *, long: str = "auto") -> Table:
    """Methods with so many options that vary, and two numbers."""
    keys = ("dataset", "method", "forget", *OPTIONS[:options])
    heads = (*(Column(k, form="text", is_key=True) for k in keys), Column("ratio", leads=True), Column("seconds"))
    of_all = [("mnist", "fisher_surgery", "class 1", *[f"{long}{i}"] * options, 0.5 + i, 3.0) for i in range(2)]
    of_all.append(("mnist", "finetune", "class 1", *["-"] * options, 0.4, 3.0))
    cells = [tuple(Cell(v) if isinstance(v, str) else Cell(value=v) for v in row) for row in of_all]
    return Table("t", heads, tuple(cells))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("options", [0, 2, 5])
def test_every_table_fits_and_still_tells_its_rows_apart(options, width):
    table = rows_with(options)
    part, _ = columns.fitting(table, width)
    assert columns.total(part) <= width
    keys = [i for i, c in enumerate(part.columns) if c.is_key]
    assert len({tuple(row[i].label for i in keys) for row in part.rows}) == len(table.rows) if options else True
    assert "ratio" in [c.name or c.head for c in part.columns]
    for block in columns.blocks(table, width):
        assert columns.total(block) <= width


def test_what_fits_is_left_as_it_is():
    table = rows_with(2)
    part, left_out = columns.fitting(table, 120)
    assert (part, left_out) == (table, [])


def test_a_few_short_options_stand_in_their_row():
    keys = [Column(k, form="text", is_key=True) for k in ("method", "method.lr", "model.width")]
    of_all = ("ascent", "0.1", "64", 0.5), ("newton", "-", "8", 0.4)
    rows = tuple((*map(Cell, words), Cell(value=ratio)) for *words, ratio in of_all)
    short = folded(Table("t", (*keys, Column("ratio")), rows), lambda table: len(table.columns) < 4)
    assert [c.head for c in short.columns] == ["method", "settings", "ratio"]
    assert [row[1].label for row in short.rows] == ["method.lr=0.1 model.width=64", "model.width=8"]
    assert short.footnotes == ()


def test_long_ones_are_said_once_below():
    part, _ = columns.fitting(rows_with(5), 80)
    assert [c.head for c in part.columns][:4] == ["dataset", "method", "forget", "settings"]
    assert [row[3].label for row in part.rows] == ["a", "b", "-"]
    assert part.footnotes == tuple(
        f"settings {name}: " + " ".join(f"{option}=auto{i}" for option in OPTIONS) for i, name in enumerate("ab")
    )


def test_a_page_folds_them_too_and_says_all_keys_in_the_first_cell_of_a_phone():
    sheet = Sheet.of(rows_with(5), "t")
    assert [head for head, _ in sheet.heads][:4] == ["dataset", "method", "forget", "settings"]
    assert [side for _, side in sheet.heads][:5] == ["left", "left key", "left key", "left key", "right"]
    rows = ["fisher_surgery, class 1, a", "fisher_surgery, class 1, b", "finetune, class 1"]
    assert sheet.also == ["method, forget, settings", *rows]
    assert sheet.more[0].startswith("settings a: method.solver=auto0")


def test_folded_options_sort_by_the_numbers_in_them():
    """A click on the column put n=10 before n=2, and the letter aa before b."""
    heads = (*(Column(k, form="text", is_key=True) for k in ("method", *OPTIONS)), Column("ratio", leads=True))
    values = ["10", "2", "0.001", "1e-4", *map(str, range(20, 45))]
    for long in ("", "a_solver_with_a_long_name_"):
        rows = tuple(
            (Cell("ascent"), *(Cell(f"{long}{v}" if k else v) for k in range(len(OPTIONS))), Cell(value=0.5))
            for v in values
        )
        sheet = Sheet.of(Table("t", heads, rows), "t")
        at = [head for head, _ in sheet.heads].index("settings")
        places = {row[at][0]: re.search(r'data-value="(\d+)"', str(row[at][2]))[1] for row in sheet.rows}
        ordered = sorted(places, key=lambda words: int(places[words]))
        if ordered[0] == "a":
            assert ordered[24:28] == ["y", "z", "aa", "ab"]
        else:
            assert [words.split()[0].partition("=")[2] for words in ordered][:4] == ["1e-4", "0.001", "2", "10"]
