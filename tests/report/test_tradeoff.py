"""Points of a trade-off curve, and the picture of one."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from PIL import Image

from gsu_cli.report.curve_table import curve_table
from gsu_cli.report.figures.files import write_figure
from gsu_cli.report.table import text
from gsu_cli.report.tradeoff import tradeoff, tradeoff_figure
from gsu_cli.run.record import Record
from made_runs import Measurement


def ratio(subject: str, value: float | None, reason: str | None = None) -> Measurement:
    low, high = (None, None) if value is None else (value - 0.01, value + 0.01)
    return Measurement("feature_ratio", subject, value, low, high, 100, "share", "lower", "cnn", reason=reason)


def cost(subject: str, value: float) -> Measurement:
    return Measurement("heldout_loss_retain", subject, value, unit="-ELBO, nats")


def record() -> Record:
    points = [(102.0, 0.05, None), (105.0, None, "no judge"), (110.0, 0.02, None)]
    return Record(
        "unlearn",
        split={"forget": "class 1"},
        update={"method": "newton"},
        judges=[{"name": "cnn", "label": "CNN"}],
        measurements=[
            ratio("original", 0.1), cost("original", 100.0), ratio("retrained", 0.03), cost("retrained", 101.0)
        ],
        curve=[
            {"measurements": [asdict(cost("unlearned", c)), asdict(ratio("unlearned", r, why))]} for c, r, why in points
        ],
    )  # fmt: skip


def test_points_are_changes_from_the_original_and_holes_are_left_out() -> None:
    points, retrained = tradeoff(record(), "cnn")
    assert [(p.increase, p.ratio) for p in points] == [(pytest.approx(0.02), 0.05), (pytest.approx(0.1), 0.02)]
    assert (points[0].low, points[0].high) == (pytest.approx(0.04), pytest.approx(0.06))
    assert retrained is not None
    assert (retrained.increase, retrained.ratio) == (pytest.approx(0.01), 0.03)


def test_nothing_is_made_up_for_a_judge_that_was_not_there() -> None:
    assert tradeoff(record(), "knn") == ([], None)


def test_the_table_of_a_curve_says_where_no_strength_keeps_the_budget() -> None:
    found = record()
    for entry, (budget, strength) in zip(found.curve, [(1e-9, None), (0.01, 0.25), (0.02, 0.5)], strict=True):
        entry.update(option="lr", budget=budget, strength=strength)
    table = curve_table(found)
    assert [row[1].label for row in table.rows] == ["-", "none", "0.25", "0.5"]
    assert [text(row[0], table.columns[0]) for row in table.rows][1:] == ["1e-09", "0.0100", "0.0200"]
    assert table.columns[-1].title().endswith(" (CNN)")
    assert text(table.rows[-1][-1], table.columns[-1]).startswith("0.0200"), "four decimals, as shares have elsewhere"
    unjudged = replace(found, measurements=[m for m in found.measurements if m.name != "feature_ratio"])
    assert "()" not in "".join(column.title() for column in curve_table(unjudged).columns)


def test_an_option_that_is_called_as_the_budget_is_told_from_it() -> None:
    found = record()
    for entry in found.curve:
        entry.update(option="budget", budget=0.01, strength=0.01)
    titles = [column.title() for column in curve_table(found).columns]
    assert titles[:2] == ["budget", "method.budget"]


def test_the_picture(tmp_path: Path) -> None:
    for name in ("curve.png", "curve.svg", "again.svg"):
        write_figure(tmp_path / name, tradeoff_figure(record()))
    with Image.open(tmp_path / "curve.png") as image:
        assert image.width > 500
    text = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    for words in ("CNN judge, retrained", "CNN judge, original", "newton, a point per retain budget", "class 1"):
        assert words in text
    assert text == (tmp_path / "again.svg").read_text(encoding="utf-8"), "the same record, the same bytes"


def test_the_levels_go_from_side_to_side() -> None:
    (chart,) = tradeoff_figure(record()).charts
    (level,) = (s for s in chart.series if s.sign == "dotted")
    assert [(p.x, p.y) for p in level.points] == [(chart.x.scale.low, 0.1), (chart.x.scale.high, 0.1)]
