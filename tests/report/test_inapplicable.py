"""A method that does not apply to a family is no failure: records, tables and sweeps say n/a."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gsu_cli.errors import NotApplicableError
from gsu_cli.report.aggregate import table_of
from gsu_cli.report.groups import group
from gsu_cli.report.quantities import Quantity
from gsu_cli.report.sweep import print_sweep
from gsu_cli.report.table import text
from gsu_cli.run.record import Measurement, Record, write_record


def record(method: str, status: str) -> Record:
    found = Record("unlearn", status=status, command=["gsu", "unlearn", f"method={method}"])  # type: ignore[arg-type]
    found.config = {"method": {"_target_": f"gsu_cli.methods.{method}.X"}}
    found.update = {"method": method}
    if status == "done":
        found.measurements = [
            Measurement("feature_ratio", name, value, n=100, unit="share", better="lower", judge="cnn")
            for name, value in (("original", 0.2), ("unlearned", 0.1))
        ]
    else:
        found.error = "NotApplicableError: `method=newton` needs a model with a training loss; found Dcgan."
    return found


def test_a_group_says_so_and_counts_no_failure() -> None:
    groups = group([record("ascent", "done"), record("newton", "n/a"), record("salun", "failed")], ["method"])
    by = {g.values[0]: g for g in groups}
    assert [len(by[m].failed) for m in ("ascent", "newton", "salun")] == [0, 0, 1]
    assert [len(by[m].inapplicable) for m in ("ascent", "newton", "salun")] == [0, 1, 0]
    found = table_of(groups, ["method"], [Quantity("change", "feature_ratio", "cnn")])
    rows = {
        text(row[0], found.columns[0]): [text(cell, c) for cell, c in zip(row, found.columns, strict=True)]
        for row in found.rows
    }
    assert "n/a" in rows["newton"]
    assert "n/a" not in rows["salun"]
    assert rows["newton"][-1] == "0"
    assert rows["salun"][-1] == "1"


def test_a_sweep_counts_it_as_no_failure(tmp_path: Path, capsys) -> None:
    for name, status in (("a", "done"), ("b", "n/a")):
        (tmp_path / name).mkdir()
        write_record(tmp_path / name / "record.json", replace(record("newton" if name == "b" else "ascent", status)))
    assert print_sweep(tmp_path) == 0
    assert "n/a" in capsys.readouterr().out


def test_a_budget_that_is_no_loss_says_its_unit() -> None:
    from gsu_cli.report.summary import spent_budget

    found = record("fisher_surgery", "done")
    assert spent_budget(found) == []
    found.update["details"] = {
        "budget": 0.08, "budget_spent": 0.0379, "images": {"budget": 800},
        "retain_cost": {"unit": "share of the variance", "words": "drift of retained samples"},
    }  # fmt: skip
    (line,) = spent_budget(found)
    assert line == "drift of retained samples: 3.79% of 8.00% allowed, share of the variance, on 800 samples"
    found.update["details"]["retain_cost"]["fresh"] = {"value": 0.102, "images": 893}
    (both,) = spent_budget(found)
    assert both == f"{line}; 10.20% on 893 that no step looked at"
    found.update["details"]["budget_spent"] = 0.102  # as it may be of held samples, too
    (both,) = spent_budget(found)
    assert both.endswith("on 800 samples; 10.20% on 893 that no step looked at")
    found.update["details"]["images"]["held"] = 500
    (one,) = spent_budget(found)
    assert one.endswith("10.20% of 8.00% allowed, share of the variance, on 800 samples that no step is taken on")


def test_a_sweep_in_which_nothing_applies_is_an_error(tmp_path: Path, capsys) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_record(tmp_path / name, record(f"newton_{name}", "n/a"))
    with pytest.raises(
        NotApplicableError, match="method of one cell at least must apply to its model; found n/a in all 2"
    ):
        print_sweep(tmp_path)
    assert "n/a" in capsys.readouterr().out
