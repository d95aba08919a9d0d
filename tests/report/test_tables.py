"""The closing table, its Markdown, the headline: all from a record alone."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from gsu_cli.report.headline import headline
from gsu_cli.report.run_table import markdown, rows, subjects
from gsu_cli.report.summary import render, sentences, summary_markdown
from gsu_cli.run.record import Record
from made_runs import Measurement


def test_rows_and_columns(record):
    assert subjects(record) == ["original", "unlearned", "data"]
    assert [r.title for r in rows(record)] == [
        "feature ratio (CNN)",
        "feature ratio (kNN)",
        "retain loss (-ELBO, nats)",
        "forget loss",
        "Frechet distance",
        "feature ratio (fancy)",
    ]


def test_verdicts(record):
    verdicts = {r.title: r.verdict() for r in rows(record)}
    assert verdicts["feature ratio (CNN)"] == verdicts["Frechet distance"] == "good"
    assert verdicts["forget loss"] == verdicts["feature ratio (fancy)"] == ""


def test_a_cost_in_elbo_is_red_although_its_intervals_overlap(record):
    row = next(r for r in rows(record) if r.title.startswith("retain loss"))
    assert row.cells["original"].high > row.cells["unlearned"].low
    assert row.verdict() == "bad"


def test_a_change_within_the_intervals_is_neither_good_nor_bad():
    a, b = (
        Measurement("abstention", s, v, v - 0.02, v + 0.02, 100, "share", "lower", "cnn")
        for s, v in (("original", 0.1), ("unlearned", 0.11))
    )
    (row,) = rows(Record("unlearn", measurements=[a, b]))
    assert row.verdict() == ""


def test_a_change_too_small_to_print_is_neither():
    a, b = (
        Measurement("heldout_loss_retain", s, v, v - 1, v + 1, 100, "-ELBO, nats", "lower")
        for s, v in (("original", 100.0), ("unlearned", 100.01))
    )
    (row,) = rows(Record("unlearn", measurements=[a, b]))
    assert row.verdict() == ""


def test_markdown_has_intervals_gaps_and_reasons(record):
    text = markdown(record)
    lines = text.splitlines()
    assert lines[0] == "|  | original | unlearned | real data | change |"
    assert lines[2] == (
        "| feature ratio (CNN) | 0.1000 [0.0943, 0.1060] | 0.0100 [0.0082, 0.0122] | - | -90.0% (-91.8% to -87.7%) |"
    )
    assert "| forget loss | - | - | - | - |" in lines
    assert text.count("- forget loss: not measured, no held-out image\n") == 1
    assert "- feature ratio (fancy): not measured, none ships" in lines
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {6}


def test_two_reasons_in_one_row_are_both_told():
    gaps = [
        Measurement("heldout_loss_retain", s, None, reason=why)
        for s, why in (("original", "one"), ("unlearned", "two"))
    ]
    text = markdown(Record("unlearn", measurements=gaps))
    assert "not measured, one" in text
    assert "not measured, two" in text


def test_a_reason_that_rows_share_is_told_once():
    gaps = [Measurement(name, "original", None, reason="why") for name in ("frechet_distance", "heldout_loss_retain")]
    (note,) = [line for line in markdown(Record("unlearn", measurements=gaps)).splitlines() if "why" in line]
    assert note == "- Frechet distance, retain loss: not measured, why"


def test_headline_of_a_run(record):
    assert headline(record) == (
        "Forgot class 1: feature ratio -90.0% by the CNN judge and -75.0% by the kNN judge, at +0.8% retain loss. "
        "Not counted: the fancy judge is not available: none ships."
    )


def test_headline_claims_no_more_than_was_measured(record):
    alone = replace(record, measurements=[m for m in record.measurements if m.subject == "original"])
    assert headline(alone) == "Measured original, with class 1 to be forgotten."
    assert headline(replace(record, measurements=[])) == "Measured nothing, with class 1 to be forgotten."
    unjudged = replace(record, measurements=[m for m in record.measurements if m.name != "feature_ratio"])
    assert headline(unjudged) == (
        "Judges can say nothing about class 1: the fancy judge is not available: none ships, at +0.8% retain loss."
    )
    unasked = replace(unjudged, judges=[])
    assert headline(unasked) == "Judges can say nothing about class 1: no judge looked for it, at +0.8% retain loss."


def test_headline_of_a_failure_to_forget(record):
    swap = {"original": "unlearned", "unlearned": "original", "data": "data"}
    worse = replace(record, measurements=[replace(m, subject=swap[m.subject]) for m in record.measurements])
    assert headline(worse).startswith("Did not measurably forget class 1: feature ratio x10 by the CNN judge")


def test_notes_stand_first_and_under_the_headline(record):
    noted = replace(record, notes=["one", "two"])
    assert sentences(noted) == ["NOTE  one", "NOTE  two", *sentences(record)]
    out = io.StringIO()
    render(noted, "outputs/x", Console(file=out, width=120, highlight=False))
    text = out.getvalue()
    assert text.index("NOTE  one") < text.index("NOTE  two") < text.index("feature ratio (CNN)")
    assert text.count("NOTE  one") == 1
    page = summary_markdown(noted)
    assert page.index("- NOTE  two") < page.index("| ")
    assert page.count("NOTE") == 2


def test_sentences(record):
    assert sentences(record) == [
        "5,000 digits only",
        "judge fancy: none ships",
        "judge cnn is right on 99.1% of 10,000 held-out images, 97.0% of their reconstructions",
        "judge knn is right on 94.8% of 10,000 held-out images",
        "change of the training loss, nats/image: retain +0.900 predicted, +1.000 realised; "
        "forget +30.000 predicted, +41.500 realised",
        "time: load 0.4 s, unlearn 3.2 s",
    ]


def test_what_was_realised_is_told_without_a_prediction_too(record):
    for realised, line in (
        ({"retain": 1.0, "forget": -41.5}, "retain +1.000, forget -41.500"),
        ({"retain": 1e-4, "forget": 0.02}, "retain +0.00010, forget +0.02000"),
    ):
        found = sentences(replace(record, update={**record.update, "predicted": {}, "realised": realised}))
        assert f"change of the training loss, nats/image: {line}" in found
    for n, images in ((1, "1 image"), (99, "99 images")):
        few = replace(record, split={**record.split, "n_forget": n})
        rough = f" (rough: of {images} to forget, at few samples of the loss's noise)"
        assert [line for line in sentences(few) if line.endswith("+41.500 realised" + rough)]
        without = replace(few, update={**record.update, "predicted": {}, "realised": {"retain": 1.0, "forget": -41.5}})
        assert f"change of the training loss, nats/image: retain +1.000, forget -41.500{rough}" in sentences(without)
    silent = sentences(replace(record, update={**record.update, "predicted": {}, "realised": {}}))
    assert not [line for line in silent if line.startswith("change of the training loss")]


@pytest.mark.parametrize(("low", "high", "verdict"), [(0.004, 0.016, "bad"), (-0.001, 0.021, ""), (None, None, "bad")])
def test_the_interval_of_a_paired_change_decides_where_it_is_known(record, low, high, verdict):
    record.measurements = [
        Measurement("heldout_loss_retain", "original", 100.0, 98.0, 102.0, 500, "-ELBO, nats", "lower"),
        Measurement(
            "heldout_loss_retain",
            "unlearned",
            101.0,
            99.0,
            103.0,
            500,
            "-ELBO, nats",
            "lower",
            change_low=low,
            change_high=high,
        ),
    ]
    (row,) = rows(record)
    assert row.verdict() == verdict
    assert ("to" in markdown(record).splitlines()[-1]) == (low is not None)


def test_a_judge_without_a_verdict_on_real_images_is_passed_over(record):
    blank = [{"name": "cnn", "trust": {"real": {"value": None, "n": 0}, "reconstructions": {"value": None}}}]
    assert not any("is right" in line for line in sentences(replace(record, judges=blank)))


def test_a_bare_record_has_a_summary():
    text = summary_markdown(Record("evaluate", command=["gsu", "evaluate"], inputs={"dataset": {"name": "mnist"}}))
    assert text.startswith("# evaluate of mnist\n")


def test_summary_markdown(record):
    text = summary_markdown(record)
    assert text.startswith("# Forgot class 1")
    assert "`gsu unlearn forget.class=1`" in text
    assert text.endswith("\n")


def test_a_narrow_terminal_has_numbers_below_their_titles(record):
    """Heads were cut, "origin…", and titles broken in five lines."""
    out = io.StringIO()
    render(record, "outputs/x", Console(file=out, width=50, highlight=False))
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["original", "unlearned", "real", "data", "change"] in lines
    assert lines[lines.index(["feature", "ratio", "(CNN)"]) + 1] == ["0.1000", "0.0100", "-", "-90.0%"]
    assert "…" not in out.getvalue()


@pytest.mark.parametrize("width", [50, 60, 120])
def test_the_table_on_a_terminal(record, width):
    out = io.StringIO()
    render(record, "outputs/x", Console(file=out, width=width, highlight=False))
    text = out.getvalue()
    assert "Forgot class 1" in text
    assert "0.0100" in text
    assert "-90.0%" in text
    assert text.rstrip().endswith("all of it lies in outputs/x")
    assert all(len(line) <= width for line in text.splitlines())


def test_the_terminal_says_why_a_row_is_empty(record):
    empty = [Measurement(name, "unlearned", None, reason="no judge has features") for name in ("kid", "fid")]
    known = Measurement("feature_ratio", "unlearned", None, judge="fancy", reason="none ships")
    partly = Measurement("retained_shift", "original", None, reason="compared with itself")
    more = replace(record, measurements=[*record.measurements, *empty, known, partly])
    out = io.StringIO()
    render(more, "outputs/x", Console(file=out, width=120, highlight=False))
    assert "not measured: kid, FID (Inception): no judge has features\n" in out.getvalue()
    assert not any(line.strip().startswith(("kid", "FID")) for line in out.getvalue().splitlines()), "rows of dashes"


def test_rows_without_any_number_are_named_where_a_judge_is_missing(record):
    """A first run on one's own images had five rows of dashes, and nothing said that Frechet distances need the CNN."""
    without = replace(record, judges=[*record.judges, {"name": "fancy", "unavailable": "none ships"}])
    known = Measurement("feature_ratio", "unlearned", None, judge="fancy", reason="none ships")
    distance = Measurement("frechet_distance", "unlearned", None, reason="none ships")
    out = io.StringIO()
    more = replace(without, measurements=[*without.measurements, known, distance])
    render(more, "outputs/x", Console(file=out, width=160, highlight=False))
    lines = out.getvalue().splitlines()
    assert "not measured: feature ratio (fancy), Frechet distance: for the reason that is said below" in lines
    assert "judge fancy: none ships" in lines
    assert not [line for line in lines if line.split()[-1:] == ["-"]], lines
