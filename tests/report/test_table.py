"""Tables as data and what each format makes of them: nothing rounded away, nothing that breaks the format."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from gsu_cli.report.formats import RENDER, SUFFIXES, terminal
from gsu_cli.report.table import Cell, Column, Table, text, written


@pytest.fixture
def table() -> Table:
    columns = (
        Column("method", form="text"),
        Column("ratio (CNN)", better="lower", form="change"),
        Column("stage", unit="s", better="lower", form="seconds"),
        Column("runs", form="count"),
    )
    rows = (
        (Cell("fisher_surgery"), Cell(value=-0.912, low=-0.92, high=-0.904, n=3), Cell(value=1.86, n=3), Cell(value=3)),
        (Cell("a|b & <c>"), Cell(note="1 of 1 failed: lr_0 50%"), Cell(note="1 of 1 failed: lr_0 50%"), Cell(value=0)),
    )
    return Table("Cut of 100% & more", columns, rows, ("means over seeds",))


@pytest.mark.parametrize(
    ("cell", "form", "words"),
    [
        (Cell(value=-0.912, low=-0.92, high=-0.904), "change", "-91.2% ± 0.8"),
        (Cell(value=45.2, low=44.8, high=45.6), "change", "x46.2 ± 0.4"),
        (Cell(value=1.5, low=1.0, high=3.0), "number", "1.50 [1.00, 3.00]"),
        (Cell(value=0.5), "share", "0.5000"),
        (Cell(value=12_345.0), "count", "12,345"),
        (Cell("see below", 3.0), "number", "see below"),
        (Cell(note="killed"), "number", "-"),
    ],
)
def test_the_text_of_a_cell(cell, form, words):
    assert text(cell, Column("x", form=form)) == words


def test_a_hole_without_a_reason_cannot_be_made():
    with pytest.raises(ValueError, match="why it is one"):
        Cell()


@pytest.mark.parametrize("wrong", [{"value": 1.0, "low": 0.5}, {"label": "x", "low": 0.0, "high": 1.0}])
def test_an_interval_needs_both_ends_and_a_value(wrong):
    with pytest.raises(ValueError, match="two ends around a value"):
        Cell(**wrong)


def test_a_ragged_row_cannot_be_made():
    with pytest.raises(ValueError, match="2 cells in a table of 1 columns"):
        Table("t", (Column("a"),), ((Cell("1"), Cell("2")),))


def test_equal_notes_share_a_footnote(table):
    shown = written(table)
    assert [mark for row in shown.rows for _, mark in row] == ["", "", "", "", "", "1", "1", ""]
    assert shown.notes == ["1 of 1 failed: lr_0 50%"]
    assert shown.heads == ["method", "ratio (CNN) ↓", "stage, s ↓", "runs"]


def test_what_as_many_others_have_is_one_footnote_over_all_rows():
    few = "of 4,000 images, so few that it is too high: as many real ones have "
    notes = [f"{few}0.61 to 0.80", f"{few}0.54", f"{few}0.70; the same weights in all runs", "class 3 below 0.54"]
    columns = (Column("x", form="number"),)
    shown = written(Table("t", columns, tuple((Cell(value=1.0, note=note),) for note in notes)))
    assert shown.notes == [f"{few}0.54 to 0.80", f"{few}0.70; the same weights in all runs", "class 3 below 0.54"]
    assert [mark for row in shown.rows for _, mark in row] == ["1", "1", "2", "3"]


def test_every_format_has_a_suffix():
    assert RENDER.keys() == SUFFIXES.keys()


def test_markdown(table):
    lines = RENDER["markdown"](table).splitlines()
    assert lines[2] == "| method | ratio (CNN) ↓ | stage, s ↓ | runs |"
    assert lines[3] == "|---|---:|---:|---:|"
    assert lines[4] == "| fisher_surgery | -91.2% ± 0.8 | 1.9 | 3 |"
    assert lines[5] == r"| a\|b & &lt;c> | - [1] | - [1] | 0 |"
    assert lines[6:] == ["", "- [1] 1 of 1 failed: lr_0 50%", "- means over seeds"]


def test_latex(table):
    out = RENDER["latex"](table)
    assert r"\caption{Cut of 100\% \& more}" in out
    assert r"\begin{tabular}{lrrr}" in out
    assert r"fisher\_surgery & $-$91.2\% $\pm$ 0.8 & 1.9 & 3 \\" in out
    assert r"a\textbar{}b \& \textless{}c\textgreater{} & -\textsuperscript{1} & -\textsuperscript{1} & 0 \\" in out
    assert r"\footnotesize [1] 1 of 1 failed: lr\_0 50\%" in out
    assert out.isascii()
    for rule in ("toprule", "midrule", "bottomrule"):
        assert out.count(rf"\{rule}") == 1


def test_latex_of_many_columns_becomes_several_that_each_name_their_rows():
    """One table of 24 columns fits no page; Markdown had blocks all along."""
    columns = (Column("method", form="text", is_key=True), *(Column(f"c{i}") for i in range(14)))
    out = RENDER["latex"](Table("t", columns, ((Cell("a"), *(Cell(value=float(i)) for i in range(14))),)))
    assert [line for line in out.splitlines() if "begin{tabular}" in line] == [
        *[r"\begin{tabular}{lrrrrrr}"] * 2,
        r"\begin{tabular}{lrr}",
    ]
    assert [line.split(" & ")[0] for line in out.splitlines() if line.startswith(("method", "a "))] == [
        "method",
        "a",
    ] * 3
    assert (out.count(r"\begin{table}"), out.count(r"\caption"), out.count(r"\par\medskip")) == (1, 1, 2)


def test_csv_keeps_all_digits_and_leaves_holes_empty(table):
    head, first, second = csv.reader(io.StringIO(RENDER["csv"](table)))
    ratio = ["ratio (CNN)", "ratio (CNN): low", "ratio (CNN): high", "ratio (CNN): n"]
    stage = ["stage (s)", "stage (s): low", "stage (s): high", "stage (s): n"]
    assert head == ["method", *ratio, *stage, "runs", "notes"]
    assert first == ["fisher_surgery", "-0.912", "-0.92", "-0.904", "3", "1.86", "", "", "3", "3", ""]
    assert second[:10] == ["a|b & <c>", *[""] * 8, "0"]
    assert second[10] == "ratio (CNN): 1 of 1 failed: lr_0 50%; stage: 1 of 1 failed: lr_0 50%"


def test_json_reads_back(table):
    read = json.loads(RENDER["json"](table))
    assert (
        Table(
            read["title"],
            tuple(Column(**c) for c in read["columns"]),
            tuple(
                tuple(Cell(**{**c, "label": ""} if c["value"] is not None else c) for c in row) for row in read["rows"]
            ),
            tuple(read["footnotes"]),
        ).rows[0][1:]
        == table.rows[0][1:]
    )
    hole = read["rows"][1][1]
    assert hole["value"] is None
    assert hole["note"]


def test_the_terminal_shows_every_cell_and_note(table):
    out = RENDER["terminal"](table)
    for words in ("fisher_surgery", "-91.2% ± 0.8", "- [1]", "[1] 1 of 1 failed: lr_0 50%", "means over seeds"):
        assert words in out


def test_the_text_of_a_terminal_is_what_rich_makes_of_it_where_lines_may_break(table):
    odd = (Cell("two\nlines"), Cell(note="広い"), Cell(note="a note"), Cell("広い文字", 3.0))
    for one in (table, replace(table, rows=(*table.rows, odd)), replace(table, rows=())):
        console = Console(file=io.StringIO(), width=10_000, color_system=None, highlight=False)
        console.print(terminal.grid(one))
        lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
        assert RENDER["terminal"](one) == "\n".join(lines) + "\n"
