"""Columns of a table: what fits, what was asked for, what they are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gsu_cli.errors import UsageError
from gsu_cli.report import columns
from gsu_cli.report.aggregate import aggregate
from gsu_cli.report.formats import terminal
from gsu_cli.report.overview import listing, tables
from gsu_cli.report.table import Cell, Column, Table, written
from made_runs import Measurement, costly, run


@pytest.fixture
def table() -> Table:
    return aggregate([costly(0.01, 0.05, digit=d, seed=s) for d in (1, 2) for s in (1, 2)], ["method"])


def shown(table: Table) -> str:
    from rich.console import Console

    console = Console(width=10_000, color_system=None)
    with console.capture() as captured:
        console.print(terminal.grid(table, narrow=True))
    return captured.get()


@pytest.mark.parametrize(("by", "rows"), [("n", "bca"), ("-n", "cba")])
def test_rows_in_the_order_of_a_column_with_holes_last(by, rows):
    heads = (Column("m", form="text", is_key=True), Column("n", name="n.cnn"))
    values = {"a": None, "b": -1.0, "c": 2.0}
    other = Table("", heads[:1], ((Cell("z"),), (Cell("y"),)))
    table = Table("", heads, tuple((Cell(k), Cell(value=v, note="" if v else "none")) for k, v in values.items()))
    first, second = columns.in_order([table, other], by)
    assert ["".join(row[0].label for row in first.rows), second] == [rows, other]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, 300])
def test_what_fits_is_no_wider_and_breaks_no_number(table, width):
    part, left_out = columns.fitting(table, width)
    assert {c.name for c in part.columns} | set(left_out) == {c.name for c in table.columns}
    lines = shown(part).splitlines()[: 6 + len(part.rows)]
    assert max(len(line.rstrip()) for line in lines) <= max(width, columns.total(columns.take(part, [0, 1])))
    for row in written(part).rows:
        assert all(text in "\n".join(lines) for text, _ in row)
    assert [c.name for c in part.columns] == [c.name for c in table.columns if c.name not in left_out], "in their order"


def test_headline_numbers_come_first_and_failures_before_them():
    fine, bad = costly(0.01, 0.05), run(3, status="failed", error="boom")
    table = aggregate([fine, costly(0.02, 0.04, digit=2)], ["method"])
    narrow, _ = columns.fitting(table, columns.total(columns.take(table, [0, 1])))
    assert [c.name for c in narrow.columns] == ["method", "feature_ratio.cnn"]
    table = aggregate([fine, bad], ["method"])
    assert "failed" in [c.name for c in columns.fitting(table, 34)[0].columns]


def test_where_one_judge_has_room_it_is_the_one_with_the_numbers():
    """One's own images have no CNN at first; beside a run of shipped digits the CNN's holes stood there."""
    heads = (Column("data", form="text", name="data", is_key=True), *map(judged, ("cnn", "knn")))
    rows = tuple(
        (Cell(name), Cell(value=cnn, note="" if cnn else "none ships"), Cell(value=-0.9))
        for name, cnn in (("a", None), ("b", -0.5), ("c", None))
    )
    table = Table("", heads, rows)
    narrow, left_out = columns.fitting(table, columns.total(columns.take(table, [0, 2])))
    assert ([c.name for c in narrow.columns], left_out) == (["data", "feature_ratio.knn"], ["feature_ratio.cnn"])
    whole, _ = columns.fitting(table, 80)
    assert [c.name for c in whole.columns] == ["data", "feature_ratio.cnn", "feature_ratio.knn"], "in their order"


def judged(judge: str) -> Column:
    return Column(f"feature ratio ({judge})", form="change", name=f"feature_ratio.{judge}", leads=True)


def test_a_table_too_wide_for_its_keys_still_has_a_number():
    table = aggregate([costly(0.01, 0.05), costly(0.02, 0.04, digit=2)], ["method"])
    part, _ = columns.fitting(table, 5)
    assert [c.name for c in part.columns] == ["method", "feature_ratio.cnn"]
    table = aggregate([costly(0.01, 0.05), run(3, status="failed", error="boom")], ["method"])
    part, left_out = columns.fitting(table, 5)
    assert [c.name for c in part.columns] == ["method", "feature_ratio.cnn"], "failures do not take its place"
    assert "failed" in left_out


@pytest.mark.parametrize("width", [20, 60, 200])
def test_blocks_show_every_column_once_behind_the_keys(table, width):
    parts = columns.blocks(table, width)
    assert [c.name for part in parts for c in part.columns[1:]] == [c.name for c in table.columns[1:]]
    assert all(part.columns[0] == table.columns[0] for part in parts)
    assert all(columns.total(part) <= width or len(part.columns) == 2 for part in parts)


def test_columns_are_chosen_by_name_or_stem_in_the_order_asked_for(table):
    (found,) = columns.chosen([table], ["runs", "feature_ratio", "runs"])
    assert [c.name for c in found.columns] == ["method", "runs", "feature_ratio.cnn"]
    assert columns.chosen([table], ["all"]) == [table]
    other = replace(table, columns=tuple(replace(c, name=f"x{c.name}") for c in table.columns))
    assert columns.chosen([table, other], ["runs"]) == [columns.take(table, [0, len(table.columns) - 2])]
    with pytest.raises(UsageError, match=r"`columns` must hold all, or names among .*found run. Did you mean 'runs'"):
        columns.chosen([table], ["run"])
    with pytest.raises(UsageError, match="Did you mean 'feature_ratio'"):
        columns.chosen([table], ["feture_ratio"])
    back = replace(table.columns[1], name="feature_ratio_reconstructions.cnn", head="ratio in reconstructions (CNN)")
    both = replace(table, columns=(*table.columns, back), rows=tuple((*row, None) for row in table.rows))
    for asked in ("ratio", "Ratio"):
        with pytest.raises(UsageError, match="Did you mean 'feature_ratio' or 'feature_ratio_reconstructions'"):
            columns.chosen([both], [asked])
    with pytest.raises(UsageError, match="among those of a table, of which these runs make none; found x"):
        columns.chosen([], ["x"])


def test_names_and_heads_are_distinct_whatever_was_measured():
    """A distance in the features of two judges, and an attribute with the name of another measurement."""
    record = costly(0.01, 0.05)
    more = [
        Measurement("frechet_distance", subject, 3.0, n=9, judge=judge, better="lower")
        for subject in ("original", "unlearned", "retrained")
        for judge in ("cnn", "inception")
    ]
    more += [Measurement(name, "unlearned", 1.0, n=9) for name in ("hat", "attribute_hat")]
    more += [Measurement("attribute_hat", "unlearned", 0.5, n=9, judge=judge, unit="share") for judge in ("cnn", "knn")]
    record = replace(record, measurements=[*record.measurements, *more])
    for found in [*tables([record], ["method", "forget"]), listing([("x", record)])]:
        heads = [c.title() for c in found.columns]
        assert len(set(heads)) == len(heads), heads
        names = [c.name or c.head for c in found.columns]
        assert len(set(names)) == len(names), names


def test_long_words_break_and_numbers_do_not():
    words = Column("slug", form="text", is_key=True)
    table = Table("", (words, Column("cut", form="change")), ((Cell("w" * 90), Cell(value=-0.5)),))
    assert columns.total(table) < 50
    assert shown(table).count("w") == 90
