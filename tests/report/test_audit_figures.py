"""Figures of an audit, from what a probe declared: no probe is known by name."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from gsu_cli.report.audit import markdown, notes, read, render
from gsu_cli.report.figures.audit import FURTHER, MOST_ROWS, figures
from gsu_cli.report.figures.chart import REFERENCE

ROOT = Path(__file__).parents[2]
CURVE = {
    "name": "own_share",
    "unit": "share",
    "along": "fraction",
    "judge": "cnn",
    "label": "",
    "points": {"unlearned": [[0.001, 0.1, 0.05, 0.2], [0.5, 0.2, None, None]], "retrained": [[0.001, 0.3, 0.2, 0.4]]},
}
DOTS = {
    "title": "how far",
    "unit": "nats",
    "level": {"chance": 5.0},
    "rows": {
        "forgotten images": {"original": [1.0, 0.5, 1.5], "unlearned": [2.0, None, None], "floor": [0.5, 0.4, 0.6]},
        "others": {"unlearned": [3.0, 2.5, 3.5], "retrained 2": [1.0, 0.9, 1.1], "retrained 3": [1.2, 1.1, 1.3]},
    },
}


def of(curves: list[Any], dots: list[Any] | None = None) -> dict[str, Any]:
    probe = {"measurements": [], "sentences": ["It forgot."], "curves": curves}
    return {"probes": {"own": probe if dots is None else {**probe, "dots": dots}, "silent": {**probe, "curves": []}}}


def test_a_curve_is_a_chart_with_a_line_a_model_and_its_intervals() -> None:
    figure = figures(of([CURVE]))["own"]
    (chart,) = figure.charts
    assert (chart.title, chart.x.title, chart.y.title) == ("share (cnn)", "fraction", "share")
    assert (chart.x.scale.kind, chart.y.ticks[0][1][-1]) == ("log", "%")
    assert [(s.name, s.joined) for s in chart.series] == [("unlearned", True), ("retrained", True)]
    first, last = chart.series[0].points
    assert (first.x, first.y, first.y_span) == (0.001, 0.1, (0.05, 0.2))
    assert first.about == "unlearned, fraction 0.001: 10.00% (5.00% to 20.00%)"
    assert last.y_span is None
    assert figure.about.startswith("It forgot.")


def test_dots_are_rows_from_top_to_bottom_and_marks_of_a_row_lie_apart() -> None:
    (chart,) = figures(of([], [DOTS]))["own"].charts
    assert [text for _, text in chart.y.ticks] == ["forgotten images", "others"]
    assert [place for place, _ in chart.y.ticks] == [1, 0]
    by_name = {s.name: s for s in chart.series}
    (before,), after = by_name["original"].points, by_name["unlearned"].points
    assert (before.x, before.x_span) == (1.0, (0.5, 1.5))
    assert 1.5 > before.y > after[0].y > 0.5
    assert [p.x for p in after] == [2.0, 3.0]
    assert by_name["floor"].index == REFERENCE
    assert [p.x for s in chart.series if s.name == FURTHER for p in s.points] == [1.0, 1.2]
    assert len({s.index for s in chart.series if s.name == FURTHER}) == 1
    level = by_name["chance"]
    assert [p.x for p in level.points] == [5.0, 5.0]
    assert chart.x.scale.high > 5


def test_a_model_has_one_colour_in_every_figure() -> None:
    (chart,) = figures(of([{**CURVE, "points": {"retrained": CURVE["points"]["unlearned"]}}]))["own"].charts  # type: ignore[index]
    other = figures(of([], [DOTS]))["own"]
    assert {s.name: s.index for s in chart.series}["retrained"] == 1
    assert {s.name: s.index for s in other.legend}["unlearned"] == 0
    assert [s.name for s in other.legend] == ["original", "unlearned", "floor", FURTHER, "chance"]


def test_many_rows_become_several_charts() -> None:
    rows = {f"row {k}": {"unlearned": [1.0, None, None]} for k in range(MOST_ROWS + 1)}
    charts = figures(of([], [{**DOTS, "rows": rows}]))["own"].charts
    assert [len(c.y.ticks) for c in charts] == [MOST_ROWS, 1]


def test_a_probe_without_anything_to_draw_has_no_figure() -> None:
    assert list(figures(of([CURVE]))) == ["own"]
    assert figures(of([{**CURVE, "points": {}}])) == {}


def test_kept_audits_are_drawn_with_the_originals_own_curve() -> None:
    kept = json.loads((ROOT / "docs/results/audit/class_1.json").read_text("utf-8"))
    found = figures(kept)
    assert list(found) == ["percentile", "membership", "likeness", "rebound", "relearning"]
    for name in ("rebound", "relearning"):
        for chart in found[name].charts:
            assert [s.name for s in chart.series] == ["unlearned", "retrained", "original"]


def test_findings_of_another_shape_are_not_read(tmp_path: Path) -> None:
    for wrong in ("{", "[]", '{"probes": {"a": 1}}', '{"probes": {"a": {"measurements": [], "curves": []}}}'):
        (tmp_path / "audit.json").write_text(wrong)
        assert read(tmp_path) is None
    for probe in ({"measurements": [{}]}, {"measurements": ["x"]}, {"curves": [{"points": {}}]}, {"sentences": [3]}):
        whole = {"measurements": [], "curves": [], "sentences": []}
        (tmp_path / "audit.json").write_text(json.dumps({"probes": {"a": {**whole, **probe}}}))
        assert read(tmp_path) is None
    (tmp_path / "audit.json").write_text(json.dumps(of([CURVE])))
    assert read(tmp_path) is not None


def test_notes_stand_below_the_numbers_they_are_about(tmp_path: Path) -> None:
    older = of([CURVE])
    assert notes(older) == [], "findings of before notes are read"
    newer = {**older, "notes": ["held-out images were trained on"]}
    printed = io.StringIO()
    render(newer, tmp_path, Console(file=printed, width=200))
    assert printed.getvalue().splitlines()[-2] == "NOTE  held-out images were trained on"
    assert "- Note: held-out images were trained on\n" in markdown(newer)
