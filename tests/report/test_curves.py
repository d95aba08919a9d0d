"""The trade-off curves of runs in the page: a line per method along its budgets."""

from __future__ import annotations

from dataclasses import asdict

from gsu_cli.report.figures.curves import BUDGET, curves, unfolded
from gsu_cli.report.keys import key
from gsu_cli.run.record import Record
from made_runs import costly, run


def with_curve(method: str) -> Record:
    record = costly(0.01, 0.05, method=method)
    for budget, ratio in ((0.003, 0.08), (0.01, 0.05), (0.03, 0.02)):
        point = costly(budget, ratio, method=method)
        mine = [asdict(m) for m in point.measurements if m.subject == "unlearned"]
        record.curve.append({"budget": budget, "strength": 1.0, "measurements": mine})
    return record


def test_a_point_is_a_run_at_its_budget():
    points = unfolded(with_curve("newton"))
    assert [key(p, f"method.{BUDGET}") for p in points] == ["0.003", "0.01", "0.03"]
    assert [p.find("feature_ratio", "unlearned", "cnn").value for p in points] == [0.08, 0.05, 0.02]
    assert {p.find("feature_ratio", "original", "cnn").value for p in points} == {0.1}


def test_a_line_per_method():
    figure = curves([with_curve("newton"), with_curve("ascent"), run(7)], ["method", "forget"])
    assert figure is not None
    assert figure.title == "Trade-off curves"
    assert [s.name for s in figure.legend] == ["ascent", "newton"]
    assert [len(s.points) for s in figure.charts[0].series if s.name] == [3, 3]


def test_none_without_curves():
    assert curves([run(1), costly(0.01, 0.05)], ["method"]) is None
