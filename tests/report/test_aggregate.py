"""Means over seeds and cells: by hand, against Student's quantiles, and never a number from a run that failed."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from gsu_cli.errors import UsageError
from gsu_cli.report.aggregate import aggregate
from gsu_cli.report.compact import read_compact
from gsu_cli.report.groups import distinct, group, interval
from gsu_cli.report.keys import check_keys, default_keys, key
from gsu_cli.report.overview import tables
from gsu_cli.report.quantities import GRADIENTS, SEARCH, SECONDS, Quantity, discover
from gsu_cli.report.table import Cell, Table
from gsu_cli.run.record import Record
from later import Later
from made_runs import Measurement, costly, cut, run

stats = Later("scipy.stats")  # a second


def column(table: Table, head: str) -> list[Cell]:
    (i,) = [i for i, c in enumerate(table.columns) if c.head == head]
    return [row[i] for row in table.rows]


@pytest.mark.parametrize("n", [2, 3, 7, 30])
def test_the_interval_is_students(n):
    values = [(7 * i) % 5 + 0.1 * i for i in range(n)]
    low, high = interval(values)
    t = stats.t.interval(0.95, n - 1, loc=statistics.fmean(values), scale=stats.sem(values))
    assert (low, high) == pytest.approx(t)


def test_one_value_has_no_interval():
    assert interval([1.0]) == (None, None)


def test_what_is_the_same_in_every_run_has_no_interval():
    """As -100.0% ± 0.0, which reads as known exactly."""
    table = aggregate([run(seed=s, ratio=0.0) for s in (1, 2, 3)], ["method"])
    (cell,) = column(table, "feature ratio (CNN)")
    assert (cell.value, cell.low, cell.n) == (-1.0, None, 3)
    assert cell.note == "no interval: the same in every run"
    assert interval([0.1 + 0.2, 0.3]) == (None, None), "rounding is no spread"
    distances = [62.5296811760054, 62.529727317989455, 62.52972747613603]  # of the same images in three orders
    assert interval(distances) == (None, None), "features are of single precision"
    assert interval([1.0, 1.0, 1.0001]) != (None, None)


def test_the_latest_counts_whatever_its_time_zone():
    home = replace(run(ratio=0.04), started="2026-01-31T12:00:00+00:00")
    away = replace(run(ratio=0.05), started="2026-01-31T13:30:00+05:45")  # four hours before
    assert distinct([home, away]) == distinct([away, home]) == ([home], 1)


def test_a_retrained_model_of_old_and_new_lists_is_measured_once_a_seed():
    """Old lists have no settings, so the same measurements were two settings of equal means: -84.0% ± 0.0."""
    records = read_compact(Path(__file__).parents[2] / "docs/results/digits/records.json")
    retrained = tables(records, ["forget"])[1]
    assert {cell.value for cell in column(retrained, "runs")} == {3}
    (digit, *_) = column(retrained, "feature ratio (CNN)")
    assert digit.low is not None
    assert digit.value - digit.low == pytest.approx(0.011, abs=0.001)


def test_seeds_that_look_at_one_model_are_no_seeds_of_training_it():
    """A retrained model stood with ± 0.1 of its loss over seeds of evaluation; another one lies several points away."""
    records = read_compact(Path(__file__).parents[2] / "docs/results/digits/records.json")
    own, retrained = tables(records, ["forget"])[:2]
    said = "the same weights in all runs: ± is of samples and noise alone, not of making them again"
    for head in ("feature ratio (CNN)", "retain loss"):
        assert all(said in cell.note for cell in column(retrained, head))
        assert not any(said in cell.note for cell in column(own, head))
    (over_digits,) = tables(records, ["dataset"])[1].rows
    assert not any(said in cell.note for cell in over_digits), "digits differ by their models, too"


def test_seeds_of_one_cell_spread_over_seeds():
    (only,) = group([run(seed=s, ratio=r) for s, r in ((1, 0.04), (2, 0.05), (3, 0.06))], ["method"])
    found = only.statistic(cut("cnn"))
    assert found.mean == pytest.approx(-0.5)
    assert (found.low, found.high) == pytest.approx(interval([-0.6, -0.5, -0.4]))
    assert (found.n, found.cells, found.worst) == (3, 1, None)


def chosen_otherwise(kind):
    """Two runs that differ in one thing that was chosen, and in no option of the method."""
    a, b = run(seed=1, ratio=0.01), run(seed=2, ratio=0.09)
    if kind == "slug":
        for record, slug in ((a, "samples_2-aa"), (b, "samples_2-bb")):
            record.split = {"forget": "samples (2)", "slug": slug}
    elif kind == "protocol.budget, kept before":
        for record, budget in ((a, 0.01), (b, 0.1)):
            record.update["details"]["calibration"] = {"budget": budget}
    else:
        part, name = kind.split(".")
        a.config[part], b.config[part] = {"name": "mnist", name: 0.01}, {"name": "mnist", name: 0.1}
    return [a, b]


@pytest.mark.parametrize(
    "kind", ["protocol.budget", "protocol.latents", "dataset.n", "slug", "protocol.budget, kept before"]
)
def test_what_was_chosen_otherwise_is_another_setting(kind):
    runs = chosen_otherwise(kind)
    name = kind.partition(",")[0]
    assert name in default_keys(runs)
    assert len(group(runs, default_keys(runs))) == 2
    (both,) = group(runs, ["method"])
    assert both.statistic(cut("cnn")).cells == 2
    assert len(group([*runs, runs[0]], default_keys(runs))) == 2


def test_a_strength_that_was_searched_for_is_not_that_of_the_config():
    """A report said lr=0.0005, the default, of a run at 7.6e-05."""
    typed, found = run(seed=1, lr=0.01), run(seed=2, lr=0.0005)
    found.update["details"]["calibration"] = {"option": "lr", "strength": 7.6e-05, "budget": 0.01}
    assert "method.lr" in default_keys([typed, found])
    rows = [g.values for g in group([typed, found], ["method.lr"])]
    assert sorted(rows) == [("0.01",), ("searched",)]
    assert SEARCH.read(typed).reason == "no strength was searched for"


@pytest.mark.parametrize("name", ["data_dir", "path", "download", "_target_"])
def test_where_data_lie_is_no_setting(name):
    runs = chosen_otherwise(f"dataset.{name}")
    assert default_keys(runs) == ["method", "forget"]
    (both,) = group(runs, ["method"])
    assert both.statistic(cut("cnn")).cells == 1


def test_many_seeds_of_one_digit_weigh_no_more_than_one_of_another():
    runs = [*(run(1, s, 0.01) for s in range(9)), run(2, 1, 0.05)]
    (only,) = group(runs, ["method"])
    found = only.statistic(cut("cnn"))
    assert found.mean == pytest.approx((-0.9 - 0.5) / 2)
    assert (found.low, found.high) == pytest.approx(interval([-0.9, -0.5]))
    assert (found.n, found.cells) == (10, 2)
    assert (found.worst.value, found.worst.label) == (pytest.approx(-0.5), "class 2")


def test_the_worst_follows_the_direction():
    runs = [run(1, ratio=0.01), run(2, ratio=0.05)]
    (only,) = group(runs, ["method"])
    higher = Quantity("change", "feature_ratio", "cnn", better="higher")
    assert only.statistic(higher).worst.label == "class 1"
    assert only.statistic(Quantity("change", "feature_ratio", "cnn")).worst is None


def test_failed_runs_are_counted_and_never_averaged():
    table = aggregate([run(1), run(2, status="failed", error="NonFiniteError: boom\nmore")], ["method"])
    assert column(table, "feature ratio (CNN)")[0].value == pytest.approx(-0.5)
    assert column(table, "runs")[0].value == 1
    (failed,) = column(table, "failed")
    assert failed.value == 1
    assert failed.note == "forget.class=2 failed: boom"


def test_one_run_that_failed_needs_no_name_beside_its_row():
    (failed,) = column(aggregate([run(2, status="failed", error="boom")], ["forget"]), "failed")
    assert failed.note == "a run failed: boom"


def test_runs_that_failed_alike_share_one_reason():
    broken = [run(c, status="failed", error=e) for c, e in ((2, "no checkpoint"), (3, "boom"), (4, "no checkpoint"))]
    (failed,) = column(aggregate([run(1), *broken], ["method"]), "failed")
    assert failed.note == "forget.class=2, forget.class=4 failed: no checkpoint; forget.class=3 failed: boom"


def test_a_group_of_failures_is_a_row_of_holes():
    table = aggregate([run(1), run(2, status="running")], ["forget"])
    assert [row[0].label for row in table.rows] == ["class 1", "class 2"]
    hole = column(table, "feature ratio (CNN)")[1]
    assert (hole.value, hole.note) == (None, "no run ended well")
    assert "killed, or still at work" in column(table, "failed")[1].note


def test_a_missing_number_is_a_hole_with_its_reason():
    table = aggregate([run(1, ratio=None)], ["forget"])
    assert column(table, "feature ratio (CNN)")[0].note == "not measured: no judge"
    part = aggregate([run(1, 1, ratio=None), run(1, 2)], ["forget"])
    assert column(part, "feature ratio (CNN)")[0].note == "rests on 1 of 2 runs: no judge"


def test_a_number_that_only_an_absent_judge_could_give_is_a_hole_for_that_reason():
    """It said "not measured on the unlearned weights" of a metric that leaves no row where its judge is not there."""
    there = run(1)
    away = run(2, judges=[{"name": "cnn", "unavailable": "no CNN judge ships for pets"}])
    away.measurements[:] = [m for m in away.measurements if m.judge != "cnn"]
    table = aggregate([there, away], ["forget"])
    assert column(table, "feature ratio (CNN)")[1].note == "not measured: no CNN judge ships for pets"


def test_the_same_run_twice_is_one_piece_of_evidence():
    twice = [run(), run(), run(seed=2)]
    kept, repeated = distinct(twice)
    assert (len(kept), repeated) == (2, 1)
    assert "1 run repeated another" in aggregate(twice, ["method"]).footnotes[-1]


def test_a_success_stands_for_an_earlier_or_later_failure_of_the_same_line():
    good, bad = run(config_hash="x"), run(status="failed", error="killed", config_hash="x")
    for runs in ([good, bad], [bad, good]):
        kept, _ = distinct(runs)
        assert [r.status for r in kept] == ["done"]


def test_other_inputs_are_another_run():
    one, other = run(config_hash="x"), run(config_hash="x")
    other.inputs = {"dataset": {"name": "mnist", "sha256": "other"}}
    assert distinct([one, other])[1] == 0


def test_quantities_are_those_that_were_measured():
    found = discover([run()])
    assert found == [
        replace(cut("cnn"), label="feature ratio", by="CNN"),
        Quantity("level", "identity", better="lower", unit="share"),  # no original to compare with
        SECONDS,
        GRADIENTS,
    ]
    table = aggregate([run()], ["method"])
    assert column(table, "gradient evaluations per image")[0].value == 2.0
    assert column(table, "unlearn stage")[0].value == 3.0
    assert column(table, "identity")[0].value == 0.25


def test_only_runs_that_unlearn_are_aggregated():
    assert aggregate([Record("train", status="done")], ["method"]).rows == ()


def test_groups_come_in_the_order_of_numbers():
    runs = [run(lr=lr) for lr in (0.5, 1e-5, 10.0, 2.0)]
    assert [g.values[0] for g in group(runs, ["method.lr"])] == ["1e-05", "0.5", "2", "10"]


def test_keys_of_a_run_that_was_refused_before_it_began():
    refused = Record("unlearn", status="failed", command=["gsu", "unlearn", "forget.class=0", "'method.lr=[1,2]'"])
    assert key(refused, "forget") == "class 0"
    assert key(refused, "method.lr") == "[1,2]"
    assert key(refused, "method") == "not recorded"
    assert key(Record("unlearn", command=["gsu", "unlearn", "forget.class='1"]), "forget") == "class '1"


def test_keys_of_a_run():
    found = {name: key(run(0), name) for name in ("method", "forget", "slug", "dataset", "checkpoint", "method.lr")}
    assert found == {
        "method": "ascent",
        "forget": "class 0",
        "slug": "class_0",
        "dataset": "mnist",
        "checkpoint": "vae",
        "method.lr": "0.1",
    }
    assert key(run(0, status="failed"), "forget") == "class 0"
    assert (key(run(seed=3), "seed"), key(run(seed=3), "seeds.evaluate")) == ("3", "3")
    assert key(run(), "method.budget") == "-", "this method has no such option"


@pytest.mark.parametrize("wrong", [["methd"], ["method", "method"], ["method."]])
def test_keys_that_cannot_be(wrong):
    with pytest.raises(UsageError, match="by"):
        check_keys(wrong)


def test_default_keys_keep_apart_what_was_chosen():
    runs = [run(1, lr=0.1), run(1, lr=0.2), run(1, method="newton")]
    assert default_keys(runs) == ["method", "forget", "method.lr"]
    other = run(1)
    other.config = {**other.config, "checkpoint": {"name": "vae_2d"}}
    assert default_keys([*runs, other])[0] == "checkpoint"


def test_a_mean_over_settings_says_so():
    runs = [run(1, lr=0.1), run(1, lr=0.2), run(2, lr=0.1)]
    assert "rows average over different method.lr;" in aggregate(runs, ["method"]).footnotes[-1]
    assert not any("average over" in note for note in aggregate(runs, ["forget", "method.lr"]).footnotes)


def test_attributes_have_a_column_per_judge_and_come_last():
    record = run()
    for name, judge in (("attribute_Hat", "cnn"), ("attribute_Hat", "knn"), ("feature_ratio_reconstructions", "cnn")):
        for subject, value in (("original", 0.5), ("unlearned", 0.4)):
            record.measurements.append(Measurement(name, subject, value, n=10, unit="share", judge=judge))
    found = discover([record])
    assert [(q.name, q.judge) for q in found[:4]] == [
        ("feature_ratio", "cnn"),
        ("feature_ratio_reconstructions", "cnn"),
        ("attribute_Hat", "cnn"),
        ("attribute_Hat", "knn"),
    ]
    assert [q.title for q in found[2:4]] == ["Hat (CNN)", "Hat (kNN)"]


def test_rows_of_unlike_tasks_say_so():
    unlike = [run(1), run(2), run(1, method="newton")]
    assert "rows rest on different forget specs" in aggregate(unlike, ["method"]).footnotes[-1]
    for alike in ([*unlike, run(2, method="newton")], [run(1), run(2)]):
        assert not any("different forget specs" in note for note in aggregate(alike, ["method"]).footnotes)
    assert not any("different forget specs" in note for note in aggregate(unlike, ["method", "forget"]).footnotes)


def test_the_worst_setting_is_called_by_what_it_is_and_not_by_its_files():
    runs = [costly(lr, 0.1 - lr, lr=lr) for lr in (0.001, 0.01)]
    for lr, record in zip((0.001, 0.01), runs, strict=True):
        record.command = ["gsu", "unlearn", f"method.lr={lr}", f"judge.cnn.path=a/long/way/to/{lr}.safetensors"]
    table = aggregate(runs, ["method"])
    (place,) = [i for i, c in enumerate(table.columns) if c.name == "worst.cnn"]
    label = table.rows[0][place].label
    assert "safetensors" not in label
    assert "method.lr=0.0" in label


def test_what_was_not_measured_is_said_once():
    done, without = costly(0.01, 0.05), costly(0.01, 0.05, digit=2)
    without.measurements = [m for m in without.measurements if m.name != "feature_ratio"]
    table = aggregate([done, without], ["forget"])
    notes = [cell.note for row in table.rows for cell in row]
    assert any(note.startswith("not measured on the ") for note in notes), notes
    assert not any("not measured: not measured" in note for note in notes)


def test_a_run_without_a_judge_stands_in_the_judge_s_column_with_its_reason():
    """Its row without a judge made a second column of holes alone, `Frechet distance` beside that of the CNN."""
    by_cnn = Measurement("frechet_distance", "unlearned", 12.0, 11.0, 13.0, 100, judge="cnn")
    blank = Measurement("frechet_distance", "unlearned", None, reason="no CNN judge ships")
    with_it, without = (replace(run(), measurements=[m]) for m in (by_cnn, blank))
    (found,) = [q for q in discover([with_it, without]) if q.name == "frechet_distance"]
    assert found.judge == "cnn"
    assert (found.read(without).value, found.read(without).reason) == (None, "no CNN judge ships")
    (alone,) = [q for q in discover([without]) if q.name == "frechet_distance"]
    assert alone.judge is None
