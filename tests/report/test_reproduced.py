"""The table of a reproduction: order of the spec, what stands beside, holes with reasons, pins, published rows."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gsu_cli.errors import UsageError
from gsu_cli.report.formats.terminal import Lines
from gsu_cli.report.reproduced import missed, print_table, table, unmeasured, write_table
from gsu_cli.report.table import text
from gsu_cli.run.record import Record
from gsu_cli.tables.cell import Cell, Outcome
from gsu_cli.tables.expectation import Expectation
from gsu_cli.tables.spec import TableSpec
from made_runs import JUDGES, Measurement


def outcome(row: str, column: str, seed: int, cut: float | None, **more: object) -> Outcome:
    """A run that cut the ratio from 0.1 by ``cut``; None: it failed."""
    cell = Cell(row, column, seed, (f"forget.class={row}", f"method={column}"))
    config = {"method": {"_target_": f"x.{column}.X", "lr": float(more.get("lr", 1.0))}, "forget": {"class": int(row)}}  # type: ignore[arg-type]
    record = Record("unlearn", status="done", command=["gsu", "unlearn", *cell.overrides], config=config)
    record.judges = [*JUDGES]
    if cut is None:
        return Outcome(cell, "key", replace(record, status="failed", error="DataError: gone"))
    record.update = {"method": column}
    for subject, value in (("original", 0.1), ("unlearned", 0.1 * (1 + cut)), ("data", 0.001 * seed)):
        record.measurements.append(
            Measurement("feature_ratio", subject, value, n=1000, unit="share", better="lower", judge="cnn")
        )
    return Outcome(cell, "key", record)


SPEC = TableSpec("t", rows={"r": "x=1"}, columns={"c": "x=1"}, seeds=[1, 2])
SIX = [
    outcome("7", "surgery", 1, -0.5), outcome("7", "surgery", 2, -0.7), outcome("7", "ascent", 1, None),
    outcome("1", "surgery", 1, -0.9), outcome("1", "surgery", 2, -0.9), outcome("1", "ascent", 1, -0.1),
]  # fmt: skip


def shown(spec: TableSpec, outcomes: list[Outcome]) -> list[list[str]]:
    found = table(spec, outcomes)
    return [[text(cell, column) for cell, column in zip(row, found.columns, strict=True)] for row in found.rows]


def test_rows_stand_in_the_order_of_the_spec() -> None:
    rows = shown(SPEC, SIX)
    assert [row[:2] for row in rows] == [["7", "surgery"], ["7", "ascent"], ["1", "surgery"], ["1", "ascent"]]
    assert rows[0][2].startswith("-60.0% ± ")
    assert rows[2][2] == "-90.0%", "the same in every run: no interval"
    assert rows[1][2:] == ["-", "0", "1"]
    assert "failed: gone" in table(SPEC, SIX).rows[1][-1].note


def chosen(one: Outcome, **config: object) -> Outcome:
    assert one.record is not None
    return replace(one, record=replace(one.record, config={**one.record.config, **config}))


def test_seeds_that_differ_in_what_is_not_shown_are_one_setting() -> None:
    """One run measured more than another: no other setting, unless the table shows what the options are of."""
    two = [outcome("7", "surgery", 1, -0.5), outcome("7", "surgery", 2, -0.7)]
    more = [chosen(two[0], metric={"feature_ratio": {}, "kid": {"size": 100}}), two[1]]
    spec = replace(SPEC, show=["feature_ratio"])
    assert shown(spec, more) == shown(spec, two)
    other = [chosen(one, metric={"feature_ratio": {"size": i}}) for i, one in enumerate(two)]
    assert shown(spec, other) != shown(spec, two), "two settings of what is shown have a worst one"


def test_the_budget_of_a_method_is_no_setting_of_what_stands_beside() -> None:
    two = [outcome("7", "surgery", 1, -0.5), outcome("7", "surgery", 2, -0.7)]
    spec = replace(SPEC, references=["data"])
    budgets = [chosen(two[0], protocol={"budget": 0.01}), chosen(two[1], protocol={"budget": None})]
    data, method = shown(spec, budgets)
    assert data[3].startswith("-"), "two seeds of one setting: none is the worst"
    assert method[3].startswith("-50.0%"), "of the method they are two"
    assert table(spec, budgets).rows[0][3].value is None


def test_a_cell_not_run_is_a_hole() -> None:
    rows = table(SPEC, [replace(SIX[0], record=None), SIX[1]]).rows
    assert [cell.value for cell in rows[0][-2:]] == [1, 1]
    assert rows[0][-1].note == "1 not run"
    none = table(SPEC, [*(replace(o, record=None) for o in SIX[:2]), *SIX[3:]]).rows[0]
    assert (none[2].note, none[-1].note) == ("not run", "2 not run")


def test_references_are_counted_once_a_seed() -> None:
    rows = table(replace(SPEC, references=["original", "data"], absolute=True), SIX).rows
    labels = [(row[0].label, row[1].label) for row in rows]
    assert labels[:4] == [("7", "original"), ("7", "real data"), ("7", "surgery"), ("7", "ascent")]
    original, data, surgery = rows[:3]
    assert (original[2].value, original[2].n) == (pytest.approx(0.1), 2)
    assert original[3].label == " ", "no change of the original from itself"
    assert data[2].value == pytest.approx(0.0015)
    mixed = [replace(SIX[0], record=None), outcome("7", "ascent", 1, -0.2), SIX[1]]
    assert table(replace(SPEC, references=["data"]), mixed).rows[0][2].low is not None, (
        "seeds of one setting, two methods"
    )
    assert surgery[2].value == pytest.approx(0.04)
    assert surgery[3].value == pytest.approx(-0.6)


def timed(one: Outcome) -> Outcome:
    assert one.record is not None
    update = {**one.record.update, "details": {"cost": {"gradient_evaluations_per_image": 1.0}}}
    return replace(one, record=replace(one.record, seconds={"unlearn": 4.5}, update=update))


def test_no_method_ran_on_a_reference_so_nothing_is_missing_there() -> None:
    """It said "not measured: the stage unlearn is not in the record" below every table."""
    cells = [timed(o) for o in SIX if o.done]
    found = table(replace(SPEC, references=["original", "data"], mean=True), cells)
    names = [c.name for c in found.columns]
    assert "worst.cnn" in names, "a column that no quantity stands for"
    for row in found.rows:
        blank = {name for name, cell in zip(names, row, strict=True) if cell.label == " "}
        changes = {"feature_ratio.cnn", "worst.cnn"} if row[1].label == "original" else set()
        assert blank == ({"seconds", "gradients"} | changes if row[1].label in ("original", "real data") else set())
    assert not [cell.note for row in found.rows for cell in row if "not in the record" in cell.note]


def test_a_terminal_breaks_no_word_of_a_table() -> None:
    """Eighty characters broke "Gradient surgery" and "+296.5% ± 948.5" within their words."""
    cells = [timed(outcome("1", "a_method_of_a_long_name", seed, -seed / 10)) for seed in (1, 2)]
    screen = io.StringIO()
    found = table(replace(SPEC, absolute=True), cells)
    print_table(found, Lines(file=screen, width=60), 60)
    said = screen.getvalue()
    assert max(map(len, said.splitlines())) <= 60
    assert said.count("a_method_of_a_long_name") >= 2, "each part has the keys"
    for column, cell in zip(found.columns, found.rows[0], strict=True):
        assert text(cell, column) in said
    assert said.count(found.footnotes[0][:30]) == 1


def test_the_mean_weighs_rows_and_names_the_worst() -> None:
    found = table(replace(SPEC, mean=True), SIX)
    row = next(row for row in found.rows if (row[0].label, row[1].label) == ("mean", "surgery"))
    assert row[2].value == pytest.approx((-0.6 - 0.9) / 2)
    (worst,) = [i for i, column in enumerate(found.columns) if column.head.startswith("worst")]
    assert row[worst].label == "-60.0% class 7"


def test_each_entry_of_the_rows_has_a_mean_of_its_own() -> None:
    """Rows of several families would make a mean of unlike things."""
    entries = {"7": "old", "1": "new"}
    apart = [replace(o, cell=replace(o.cell, entry=entries[o.cell.row])) for o in SIX]
    rows = table(replace(SPEC, mean="each", references=["data"]), apart).rows
    means = {(row[0].label, row[1].label): row[2].value for row in rows if row[0].label.startswith("mean")}
    assert set(means) == {(f"mean of {e}", c) for e in ("old", "new") for c in ("real data", "surgery", "ascent")}
    assert means["mean of old", "surgery"] == pytest.approx(-0.6)
    assert means["mean of new", "surgery"] == pytest.approx(-0.9)


def test_published_figures_are_words_beside_ours() -> None:
    figures = {"row": "7", "column": "surgery", "feature ratio (CNN)": "about 0.343", "source": "a paper"}
    rows = shown(replace(SPEC, published=[figures]), SIX)
    assert rows[-1] == ["7", "surgery", "about 0.343", "-", "-"]
    found = table(replace(SPEC, published=[figures]), SIX)
    assert found.rows[-1][0].note == "published: a paper"
    assert found.rows[-1][2].value is None


def test_a_published_figure_without_a_column_is_a_footnote() -> None:
    rows = table(replace(SPEC, published=[{"row": "7", "FID": "12", "source": "a paper"}]), SIX).rows
    assert rows[-1][0].note == "published: a paper; FID 12"


@pytest.mark.parametrize(
    ("expected", "complaint"),
    [
        (Expectation("change", "feature_ratio.cnn", (-0.95, -0.85), "1", "surgery"), ""),
        (Expectation("level", "feature_ratio.cnn", (0.009, 0.011), "1", "surgery"), ""),
        (Expectation("change", "feature_ratio.cnn", (-0.75, -0.75), column="surgery"), ""),
        (Expectation("change", "feature_ratio.cnn", (-1, -0.95), "1", "surgery"),
         "change of feature_ratio.cnn for 1, surgery is -0.9, not within -1 and -0.95"),
        (Expectation("level", "feature_ratio.knn", (0, 1)), "level of feature_ratio.knn for all cells has no number"),
        (Expectation("change", "feature_ratio.cnn", (-1, 1), "3"), "change of feature_ratio.cnn for 3 has no number"),
    ],
)  # fmt: skip
def test_pins(expected: Expectation, complaint: str) -> None:
    assert missed(replace(SPEC, expect=[expected]), SIX) == ([complaint] if complaint else [])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"show": ["feature_ratio", "feature_ratio.cnn", "seconds", "unlearn", "gradients"]}, []),
        ({"sort": "feature_ratio.cnn"}, []),
        (
            {"show": ["feature_ratoi", "feature_ratio"]},
            ["`table.show` names feature_ratoi, which no cell measured. Did you mean 'feature_ratio'?"],
        ),
        (
            {"sort": "feature_ratio"},
            ["`table.sort` names feature_ratio, which no cell measured. Did you mean 'feature_ratio.cnn'?"],
        ),
        ({"sort": "feature_ratio.knn"}, ["`table.sort` names feature_ratio.knn, which no cell measured. "
                                         "Did you mean 'feature_ratio.cnn'?"]),
    ],
)  # fmt: skip
def test_a_slip_in_what_is_shown_or_sorted_by_is_said(more: dict[str, object], said: list[str]) -> None:
    assert unmeasured(replace(SPEC, **more), SIX) == said  # type: ignore[arg-type]
    assert unmeasured(replace(SPEC, **more), [SIX[2]]) == []  # type: ignore[arg-type]


def test_one_judge_can_be_shown_alone() -> None:
    heads = [c.head for c in table(replace(SPEC, show=["feature_ratio.cnn"]), SIX).columns]
    assert "feature ratio (CNN)" in heads, heads


def test_the_folder(tmp_path: Path) -> None:
    runs = [outcome("1", "surgery", 1, -0.1 * k, lr=10.0**k) for k in (1, 2, 3)]
    write_table(tmp_path, replace(SPEC, plot=True), runs, ["gsu", "reproduce", "table=t"])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "table.md", "table.csv", "table.tex", "table.json", "cells.json", "records.json", "along-method.lr.svg"
    }  # fmt: skip
    assert "made by gsu reproduce table=t" in (tmp_path / "table.md").read_text()
    (first, *_) = json.loads((tmp_path / "cells.json").read_text())
    assert first["command"] == "gsu unlearn forget.class=1 method=surgery seed=1"
    picture = (tmp_path / "along-method.lr.svg").read_text()
    root = ElementTree.fromstring(picture)
    words = "".join(root.itertext())
    assert words.count("feature ratio (CNN)") == 1, "a chart: one judge, and no -ELBO was measured"
    assert "surgery" in words
    assert not re.search(r"(href|src|url)\W+http", picture), "it needs nothing else"


def costly(o: Outcome, cost: float) -> Outcome:
    """The same run, with what it cost."""
    assert o.record is not None
    for subject, value in (("original", 100.0), ("unlearned", 100.0 * (1 + cost)), ("retrained", 101.0)):
        o.record.measurements.append(
            Measurement("heldout_loss_retain", subject, value, n=10, unit="nats", better="lower")
        )
    o.record.measurements.append(
        Measurement("feature_ratio", "retrained", 0.001, n=1000, unit="share", better="lower", judge="cnn")
    )
    return o


def test_the_front_of_a_leaderboard(tmp_path: Path) -> None:
    """A figure per block of means; the marks of the legend are those of the chart."""
    runs = [costly(outcome(row, "fast", 1, -0.4), 0.01) for row in ("1", "7")]
    runs += [costly(outcome("1", "slow", 1, -0.9), 0.02)]
    subset = {"rows": ["1"], "columns": ["slow"]}
    write_table(tmp_path, replace(SPEC, plot="front", mean="only", subset=subset), runs, ["gsu"])
    assert {p.name for p in tmp_path.glob("*.svg")} == {"front-mean-of-1.svg", "front-mean-of-all-2.svg"}
    words = [*ElementTree.fromstring((tmp_path / "front-mean-of-1.svg").read_text()).itertext()]
    legend = ["fast", "slow", "retrained without the forgotten data"]
    assert [w for w in words if w in legend][-3:] == legend
    assert "slow" not in (tmp_path / "front-mean-of-all-2.svg").read_text()


@pytest.mark.parametrize("plot", ["fronts", None, 2])
def test_a_plot_is_one_of_three(plot: object) -> None:
    with pytest.raises(UsageError, match=r"`table\.plot` must be true, false or front"):
        replace(SPEC, plot=plot)  # type: ignore[arg-type]


def test_a_leaderboard_is_sorted_means() -> None:
    slow = [outcome("7", "slow", 1, -0.95), outcome("1", "slow", 1, -0.85), outcome("1", "broken", 1, None)]
    rows = table(replace(SPEC, mean="only", sort="feature_ratio.cnn", references=["data"]), SIX + slow).rows
    assert [(row[0].label, row[1].label) for row in rows] == [
        ("mean", "real data"), ("mean", "slow"), ("mean", "surgery"), ("mean", "ascent"), ("mean", "broken")
    ]  # fmt: skip
    assert rows[0][2].n == 4, "two seeds of each digit, whichever method measured them"


def test_columns_of_a_subset_are_compared_on_common_rows() -> None:
    runs = [outcome(row, "fast", 1, cut) for row, cut in (("7", -0.2), ("1", -0.4), ("4", -0.6))]
    runs.append(outcome("1", "slow", 1, -0.9))
    spec = replace(SPEC, mean="only", sort="feature_ratio.cnn", subset={"rows": ["1"], "columns": ["slow"]})
    rows = table(spec, runs).rows
    assert [(row[0].label, row[1].label, row[2].value) for row in rows] == [
        ("mean of 1", "slow", pytest.approx(-0.9)),
        ("mean of 1", "fast", pytest.approx(-0.4)),
        ("mean of all 3", "fast", pytest.approx(-0.4)),
    ]
