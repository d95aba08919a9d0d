"""Tables mark what supports no claim, and average no change from near zero."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from gsu_cli.evaluation.intervals import wilson
from gsu_cli.report.aggregate import aggregate
from gsu_cli.report.compact import compact
from gsu_cli.report.figures.pareto import pareto
from gsu_cli.report.groups import setting
from gsu_cli.report.headline import headline
from gsu_cli.report.html.page import render
from gsu_cli.report.keys import default_keys
from gsu_cli.report.model_remarks import beside
from gsu_cli.report.overview import tables
from gsu_cli.report.runs import short
from gsu_cli.report.summary import render as closing
from gsu_cli.report.summary import sentences
from gsu_cli.run.record import record_of
from made_runs import Measurement, costly, run

BLIND = {
    "name": "cnn",
    "label": "CNN",
    "classes": 10,
    "trust": {"real": {"value": 0.12, "low": 0.1, "high": 0.14, "n": 1000}},
}


def notes(records: list, head: str = "feature ratio (CNN)") -> list[str]:
    table = aggregate(records, ["forget"])
    index = [column.head for column in table.columns].index(head)
    return [row[index].note for row in table.rows]


def test_a_mean_says_how_many_of_its_runs_support_no_claim() -> None:
    runs = [run(1, 1), run(1, 2, 0.06, judges=[BLIND]), run(3, 1)]
    blind, well = notes(runs)
    assert blind == "1 of 2 runs supports no claim: the CNN judge is right on 12.0% of 1,000 held-out images"
    assert well == ""
    assert notes([run(1, judges=[BLIND])])[0].startswith("the run supports no claim: the CNN judge")


def test_a_ruined_model_and_a_budget_overspent() -> None:
    (ratio,) = notes([costly(26.6, 0.01)])
    assert ratio == "the run supports no claim: the model is ruined: x27.6 retain loss"
    over = costly(0.03, 0.01)
    over.config["method"]["budget"] = 0.01
    over.measurements[-1] = replace(over.measurements[-1], change_low=0.02, change_high=0.04)
    assert notes([over], "retain loss") == ["above the budget of 1% on held-out images"]


def test_what_ruined_the_unlearned_model_says_nothing_of_the_retrained_one() -> None:
    ruined = costly(26.6, 0.01)
    ruined.measurements += [
        replace(m, subject="retrained", sha256="t") for m in ruined.measurements if m.subject == "original"
    ]
    unlearned, retrained = tables([ruined], ["forget"])
    assert any("the model is ruined" in cell.note for row in unlearned.rows for cell in row)
    assert not any(cell.note for row in retrained.rows for cell in row if cell.value is not None)
    ruined.judges = [BLIND]
    (row,) = tables([ruined], ["forget"])[1].rows
    assert any("the CNN judge is right on 12.0%" in cell.note for cell in row), "a blind judge is blind to both"


def test_a_change_from_near_zero_is_shown_and_not_averaged() -> None:
    near = [
        replace(m, value=0.002 if m.subject == "original" else 0.009, low=0.001, high=0.02, n=1000)
        for m in run(1).measurements
        if m.judge == "cnn"
    ]
    table = aggregate([replace(run(1), measurements=near), run(3)], ["forget"])
    cells = [row[1] for row in table.rows]
    assert (cells[0].label, cells[0].value) == ("+0.70 points", None)
    assert "from near zero, 0.002, by +0.70 points" in cells[0].note
    assert cells[1].value == -0.5


def of(n: int, **more: object) -> list[Measurement]:
    """What the CNN judge saw in ``n`` samples: three quarters before, none after."""
    found = [m for m in run(1).measurements if m.judge == "cnn"]
    values = {"original": (0.75, *wilson(3 * n // 4, n)), "unlearned": (0.0, *wilson(0, n))}
    ends = {k: dict(zip(("value", "low", "high"), v, strict=True)) for k, v in values.items()}
    return [replace(m, n=n, **ends[m.subject], **more) for m in found if m.subject in ends]


def test_shares_of_few_say_of_how_many() -> None:
    """On the terminal, in a run's own table and in that of many: none of four is not known to be none."""
    four, many = replace(run(1), measurements=of(4)), replace(run(3), measurements=of(400))
    shown = Console(record=True, width=100, file=io.StringIO())
    closing(four, "here", shown)
    text = shown.export_text()
    assert text.count("0.7500 of 4") == text.count("0.0000 of 4") == 1, text
    assert "by the CNN judge (of 4 samples)" in headline(four)
    assert "samples)" not in headline(many)
    notes_of = [[cell.note for cell in row] for row in aggregate([four, many], ["forget"]).rows]
    assert [any("of 4 images" in note for note in row) for row in notes_of] == [True, False]
    assert any("of 4 to 8 images" in c.note for row in aggregate([four, replace(run(1, seed=2), measurements=of(8))],
                                                                 ["forget"]).rows for c in row)  # fmt: skip


@pytest.mark.parametrize("width", range(44, 64))
def test_no_title_and_no_number_is_cut(width: int) -> None:
    found = [replace(m, label="ratio in reconstructions") for m in of(4)]
    shown = Console(record=True, width=width, file=io.StringIO())
    closing(replace(run(1), measurements=found), "here", shown)
    text = shown.export_text()
    assert "…" not in text
    assert "reconstructions" in text


def test_what_a_metric_says_of_its_number_stands_below_every_table() -> None:
    told = "of 4 images in 16 features, so far too high"
    record = replace(run(1), measurements=of(400, detail=told))
    assert f"feature ratio (CNN): {told}" in sentences(record)
    real = replace(record.measurements[0], subject="data", detail="of 3 images")
    assert not any(
        "of 3 images" in line for line in sentences(replace(record, measurements=[*record.measurements, real]))
    )
    assert any(told in cell.note for row in aggregate([record], ["forget"]).rows for cell in row)


def test_a_run_in_one_line() -> None:
    assert "cnn -50%" in short(run(1))
    assert short(run(1, judges=[BLIND])).endswith("cnn -50%?, no judge can tell")
    assert short(costly(26.6, 0.01)).endswith("cnn -90%?, ruined")


def test_the_front_has_no_place_for_what_supports_no_claim() -> None:
    good, blind = costly(0.01, 0.05, method="ascent"), costly(0.01, 0.0, method="finetune", judges=[BLIND])
    figure = pareto([good, blind], ["method", "forget"])
    assert figure is not None
    assert "finetune" not in str(figure.charts[0])
    assert "1 setting of runs that support no claim left out" in figure.about
    assert pareto([blind], ["method", "forget"]) is None


def test_kept_records_keep_what_a_claim_rests_on() -> None:
    kept = record_of(compact(run(1, judges=[BLIND])), Path("kept"))
    assert notes([kept]) == notes([run(1, judges=[BLIND])])


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ({"sha256": "d" * 64}, {"sha256": "e" * 64}, "judge.cnn.sha256"),
        ({"images": 10}, {"images": 20}, "metric.sample_nll_retrained.images"),
    ],
)
def test_kept_records_are_as_different_as_the_runs_were(one: dict, other: dict, name: str) -> None:
    runs = [run(1, 1), run(1, 2)]
    for record, facts in zip(runs, (one, other), strict=True):
        record.judges = [{"name": "cnn", **{k: v for k, v in facts.items() if k == "sha256"}}]
        record.config["metric"] = {"sample_nll_retrained": {k: v for k, v in facts.items() if k == "images"}}
    kept = [record_of(compact(record), Path("kept")) for record in runs]
    assert default_keys(kept) == default_keys(runs) == ["method", "forget", name]
    assert len({setting(record) for record in kept}) == 2


def test_the_page_has_the_headline_and_the_transitions() -> None:
    record = costly(26.6, 0.01)
    record.transitions = {
        "judged": {"cnn": {"counts": {"Dress": {"Dress": 90, "Trouser": 7}, "Bag": {"Bag": 3}}, "others_gain": 0.012}},
        "moved": {"between_neighbours": 15.6, "quantiles": {"1": 33.0}, "most": [1, 2]},
    }
    record.measurements += [
        Measurement(
            "gained", "unlearned", 0.07, 0.03, 0.14, 100, "share", "lower", "cnn", detail="others gain 1.20% on average"
        ),
        Measurement("retained_moved", "unlearned", 0.0619, 0.05, 0.07, 3664, "share", "lower"),
    ]
    page = render([(Path("a"), record)], [], ["method"], title="t", command="gsu report", about="")
    assert "Ruined the model: x27.6 retain loss. Its ratios say nothing about class 1." in page
    assert "What samples turned into, at the same latents" in page
    assert "retained samples that gained it (CNN) 7.00% of 100 (others gain 1.20% on average)" in page
    assert "retained samples that moved 6.19% of 3,664" in page
    assert page.count('data-value="7.0"') == 1


def test_a_remark_that_differs_between_models_says_of_which_it_is() -> None:
    """Two lines on one score, 3 % and 2 %, and nothing told them apart."""
    rows = [
        Measurement("inception_score", who, 4.0, 3.0, 5.0, 100, "", place="table", detail=f"of few, low by {short}")
        for who, short in (("original", "3%"), ("unlearned", "3%"), ("retrained", "2%"))
    ]
    said = [line for line in beside(replace(costly(26.6, 0.01), measurements=rows)) if "of few" in line]
    assert [line.partition(": ")[2] for line in said] == [
        "of few, low by 3% (original, unlearned)",
        "of few, low by 2% (retrained)",
    ]
    assert [line.endswith("low by 3%") for line in beside(replace(costly(26.6, 0.01), measurements=rows[:2]))] == [True]


def test_a_remark_of_older_runs_that_a_newer_one_says_with_a_number_stands_once() -> None:
    few = "of 4,000 images, so few that it is too high"

    def noted(*said: str) -> str:
        runs = [
            replace(r, measurements=[replace(m, detail=s) if m.judge == "cnn" else m for m in r.measurements])
            for r, s in zip([run(1, seed) for seed in range(len(said))], said, strict=True)
        ]
        (note,) = notes(runs)
        return note.removeprefix("no interval: the same in every run; ")

    assert noted(few, few) == few
    assert noted(few, f"{few}: as many real ones have 0.61") == f"{few}: as many real ones have 0.61"
    assert noted(few, "of 10 images") == f"{few}; of 10 images"
