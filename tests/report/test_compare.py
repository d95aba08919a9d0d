"""Two runs field by field, and runs found by what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from gsu_cli.report.compare import compare
from gsu_cli.report.filters import matching, present
from gsu_cli.report.formats.terminal import grid, render
from gsu_cli.report.table import Table, text
from gsu_cli.report.two_lines import two_lines
from made_runs import Measurement, costly, run


def words(table: Table) -> list[list[str]]:
    return [[text(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]


def by_title(tables: list[Table]) -> dict[str, Table]:
    return {table.title: table for table in tables}


def test_a_run_is_no_different_from_itself():
    found = by_title(compare(run(), run()))
    assert words(found["Settings"]) == words(found["Made with"]) == []
    assert found["Settings"].footnotes == ("no setting differs",)
    assert {row[-1] for row in words(found["Measurements"])} <= {"same", "-"}


def test_settings_that_differ_by_their_dotted_names():
    a, b = run(1, 1, lr=0.1), run(1, 2, lr=0.2, method="newton")
    b.config["paths"] = {"output_dir": "elsewhere"}
    b.config["method"]["when"] = None
    assert words(by_title(compare(a, b))["Settings"]) == [
        ["seeds.train", "1", "2"],
        ["seeds.unlearn", "1", "2"],
        ["seeds.evaluate", "1", "2"],
        ["method._target_", "gsu_cli.methods.ascent.X", "gsu_cli.methods.newton.X"],
        ["method.lr", "0.1", "0.2"],
        ["method.when", "-", "null"],
    ]


def test_versions_and_bytes():
    a = replace(run(), versions={"torch": "2.6", "numpy": "2"}, git={"commit": "abc", "dirty": False})
    b = replace(run(), versions={"torch": "2.7", "numpy": "2"}, git={"commit": "abc", "dirty": True})
    b.inputs = {"dataset": {"name": "mnist", "sha256": "e" * 64}, "checkpoint": {"path": "x"}}
    b.outputs = {"unlearned": {"sha256": "f" * 64}}
    found = by_title(compare(a, b))
    assert words(found["Made with"]) == [["versions.torch", "2.6", "2.7"], ["git.dirty", "false", "true"]]
    assert words(found["Files, sha256"]) == [
        ["inputs: dataset", "d", "e" * 12, "differs"],
        ["outputs: unlearned", "-", "f" * 12, "in one alone"],
    ]


def test_measurements_side_by_side():
    def ratio(value: float, half: float) -> Measurement:
        return Measurement(
            "feature_ratio", "unlearned", value, value - half, value + half, 100, "share", "lower", "cnn"
        )

    a, b = (replace(run(), measurements=[m]) for m in (ratio(0.10, 0.01), ratio(0.05, 0.01)))
    c = replace(run(), measurements=[ratio(0.11, 0.02), Measurement("fid", "unlearned", None, reason="no weights")])
    (row,) = words(by_title(compare(a, b))["Measurements"])
    assert row == [
        "feature ratio (CNN)",
        "unlearned",
        "0.1000 [0.0900, 0.1100]",
        "0.0500 [0.0400, 0.0600]",
        "-50.0%",
        "apart",
    ]
    first, second = by_title(compare(a, c))["Measurements"].rows
    assert first[-1].label == "overlap"
    assert (second[2].note, second[3].note) == ("not measured in this run", "not measured: no weights")
    assert second[-1].label == "-"


def test_quality_of_unequally_many_images_says_so():
    def distance(n: int, role: str) -> Measurement:
        return Measurement("frechet_distance", "unlearned", 3.0, 2.0, 4.0, n, judge="cnn", role=role)

    few, many, cost = (
        replace(run(), measurements=[distance(*x)]) for x in ((200, "quality"), (9000, "quality"), (200, "cost"))
    )
    (row,) = by_title(compare(few, many))["Measurements"].rows
    assert row[-1].note == "of 200 and of 9,000 images, which alone may set them apart"
    for same in (few, cost):
        (row,) = by_title(compare(few, same))["Measurements"].rows
        assert row[-1].note == ""


def test_a_run_that_failed_early_compares_too():
    failed = run(status="failed", error="boom")
    failed.seconds = {}
    found = by_title(compare(failed, costly(0.1, 0.05)))
    assert ["status", "failed", "done"] in words(found["Made with"])
    assert words(found["Wall time"]) == [["unlearn", "-", "3.0"]]


RUNS = [
    (Path(str(i)), record)
    for i, record in enumerate([run(1), run(2, method="newton"), run(1, status="failed"), run(10, method="newton")])
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [0, 1, 2, 3]),
        ({"method": ["ascent"]}, [0, 2]),
        ({"method": ["Ascent", "newton"], "status": ["done"]}, [0, 1, 3]),
        ({"forget": ["class_1"]}, [0, 2]),
        ({"forget": ["Class 10"]}, [3]),
        ({"dataset": ["mnist"], "verb": ["train"]}, []),
    ],
)
def test_filters(wanted, found):
    assert [int(path.name) for path, _ in matching(RUNS, wanted)] == found


def test_what_there_is_to_filter_by():
    assert present(RUNS, "status") == "done (3), failed (1)"
    assert present([], "method") == "none"


def test_runs_that_answer_two_questions_say_so():
    """Of two data sets, or of two classes: the changes between them read as if a method had made them."""
    a = replace(run(), split={"forget": "class 1"})
    a.inputs = {"dataset": {"name": "mnist", "sha256": "d" * 64}}
    b = replace(run(), split={"forget": "class 1 (cat)"})
    b.inputs = {"dataset": {"name": "pets", "sha256": "e" * 64}}
    said = by_title(compare(a, b))["Measurements"].footnotes[-1]
    assert said.startswith("they saw other data (mnist and pets), and they forget class 1 and class 1 (cat): a change")
    assert len(by_title(compare(a, a))["Measurements"].footnotes) == 1


def test_nothing_that_differs_has_no_heads_over_nothing():
    lines = render(by_title(compare(run(), run()))["Settings"]).splitlines()
    assert lines == ["Settings", "no setting differs"]


def test_in_eighty_columns_no_interval_and_no_word_is_broken():
    named = (("feature_ratio_reconstructions", "cnn", 0.99), ("retained_moved", "", 0.7951))
    made = [Measurement(n, "unlearned", v, v - 0.05, v + 0.005, 100, "share", judge=j or None) for n, j, v in named]
    a, b = (replace(run(), measurements=made[:n]) for n in (2, 1))
    table = by_title(compare(a, b))["Measurements"]
    assert two_lines(table, 200) is table
    console = Console(width=80, highlight=False)
    with console.capture() as captured:
        console.print(grid(two_lines(table, 80)))
    lines = [" ".join(line.split()) for line in captured.get().splitlines() if "─" not in line]
    first = lines.index("quantity from A to B")
    assert lines[first : first + 7] == [
        "quantity from A to B",
        "of A B intervals",
        "ratio in reconstructions 0.9900 0.9900 0.0%",
        "(CNN) [0.9400, 0.9950] [0.9400, 0.9950] same",
        "unlearned",
        "retained samples that 0.7951 - [1] - [2]",
        "moved [0.7451, 0.8001]",
    ]
    others = by_title(compare(run(1), run(2)))["Settings"]
    assert two_lines(others, 10) is others


def test_a_difference_says_that_it_is_from_a() -> None:
    """Not from the original: of retrained weights, say, the base of the comparison is the first run's number."""
    a, b = run(), run()
    for record, value in ((a, 0.002), (b, 0.004)):
        record.measurements = [
            Measurement("feature_ratio", "retrained", value, 0.001, 0.006, n=1000, unit="share", judge="cnn")
        ]
    row = by_title(compare(a, b))["Measurements"].rows[0]
    assert row[4].note == "the difference itself, since A is near zero"
