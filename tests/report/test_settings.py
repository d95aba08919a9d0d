"""A row is everything that was chosen but the seeds."""

from __future__ import annotations

from copy import deepcopy

import pytest

from gsu_cli.report.aggregate import aggregate
from gsu_cli.report.groups import distinct, group
from gsu_cli.report.keys import default_keys, key
from gsu_cli.report.quantities import Quantity
from gsu_cli.report.settings import making
from gsu_cli.run.record import Record
from made_runs import Measurement, run

CUT = Quantity("change", "feature_ratio", "cnn", better="lower", unit="share")
WHOLE = {"evaluation": {"samples": 10_000}, "judge": {"knn": {"k": 5}}, "model": {"_target_": "a.B", "width": 8}}


def pair(*path: str, one: object, other: object) -> list[Record]:
    """Two seeds that differ in one entry of their record, too."""
    runs = [run(seed=1, ratio=0.01), run(seed=2, ratio=0.09)]
    for record, value in zip(runs, (one, other), strict=True):
        record.config.update(deepcopy(WHOLE))
        record.inputs["checkpoint"] = {"path": "vae.safetensors", "sha256": "c" * 64}
        here = vars(record)
        for name in path[:-1]:
            here = here[name]
        here[path[-1]] = value
    return runs


@pytest.mark.parametrize(
    ("path", "one", "other", "name"),
    [
        (("config", "evaluation", "samples"), 100, 10_000, "evaluation.samples"),
        (("config", "judge", "knn", "k"), 5, 7, "judge.knn.k"),
        (("config", "model", "_target_"), "a.B", "a.C", "model._target_"),
        (("config", "model", "width"), 8, 16, "model.width"),
        (("config", "something", ), {"new": 1}, {"new": 2}, "something.new"),
        (("config", "precision"), "float32", "bfloat16", "precision"),
        (("config", "method"), {"options": None}, {"options": {"c": 0.4}}, "method.options.c"),
        (("config", "method"), {"options": {"c": 0.4}}, {"options": {"d": 0.4}}, "method.options.d"),
        (("inputs", "dataset", "sha256"), "d" * 64, "e" * 64, "data"),
        (("inputs", "checkpoint", "sha256"), "d" * 64, "e" * 64, "weights"),
        (("judges",), [{"name": "cnn", "sha256": "d" * 64}], [{"name": "cnn", "sha256": "e" * 64}], "judge.cnn.sha256"),
        (("versions", "lab"), "code abc", "code def", "code.lab"),
    ],
)  # fmt: skip
def test_runs_that_differ_in_it_are_two_rows(path, one, other, name):
    runs = pair(*path, one=one, other=other)
    by = default_keys(runs)
    assert name in by
    groups = group(runs, by)
    assert len(groups) == 2
    assert [g.statistic(CUT).n for g in groups] == [1, 1]
    (both,) = group(runs, ["method"])
    assert both.statistic(CUT).cells == 2, "two settings, and no seeds of one"
    assert any(name in note for note in aggregate(runs, ["method"]).footnotes), "and below the table it is said"


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        (("config", "paths"), {"data_dir": "a"}, {"data_dir": "b"}),
        (("config", "judge", "cnn"), {"path": "a"}, {"path": "b"}),
        (("config", "checkpoint"), {"name": "vae", "path": "a"}, {"name": "vae", "path": "b"}),
        (("config", "logger"), {}, {"x": 1}),
        (("config", "device"), "cpu", "cuda"),
        (("config", "curve"), False, True),
        (("config", "forget"), {"class": "01"}, {"class": 1}),
        (("config", "forget"), {"class": [7, 1]}, {"class": [1, 7]}),
    ],
)
def test_what_changes_no_number_splits_no_row(path, one, other):
    runs = pair(*path, one=one, other=other)
    assert default_keys(runs) == ["method", "forget"]
    (both,) = group(runs, default_keys(runs))
    assert (both.statistic(CUT).cells, both.statistic(CUT).n) == (1, 2)


@pytest.mark.parametrize(("one", "other"), [("01", 1), ([7, 1], [1, 7]), ("[7,1]", [1, 7]), ([1], "1")])
def test_two_ways_to_write_a_spec_are_one(one, other):
    a, b = run(seed=1, config_hash="a"), run(seed=1, config_hash="b")
    for record, value in ((a, one), (b, other)):
        record.config["forget"]["class"] = value
    assert distinct([a, b])[1] == 1, "the same seeds: one piece of evidence"
    for record in (a, b):  # refused before it was resolved
        record.split = {}
    assert key(a, "forget") == key(b, "forget")


def test_checkpoints_of_one_making_are_seeds():
    runs = pair("config", "checkpoint", one={"path": "a"}, other={"path": "b"})
    about = {"dataset_sha256": "d", "recipe": {"epochs": 3}, "forget": None}
    for i, record in enumerate(runs):
        made = making({**about, "seed": i}, {"class": "a.B", "width": 8})
        record.inputs["checkpoint"] = {"sha256": f"{i}" * 64, "making": made}
        record.seeds = {"train": 0, "unlearn": 0, "evaluate": 0}
    assert default_keys(runs) == ["method", "forget"]
    (row,) = group(runs, default_keys(runs))
    assert (row.statistic(CUT).cells, row.statistic(CUT).n) == (1, 2)
    runs[1].inputs["checkpoint"]["making"] = making({**about, "recipe": {"epochs": 4}}, {"class": "a.B", "width": 8})
    assert default_keys(runs)[0] == "checkpoint"
    assert len(group(runs, default_keys(runs))) == 2


@pytest.mark.parametrize("more", [{"method": "ascent"}, {"imported": {}}, {"recipe": None}, {"dataset_sha256": None}])
def test_what_does_not_say_how_it_was_made_is_itself_alone(more):
    assert making({"dataset_sha256": "d", "recipe": {"epochs": 3}, **more}, {"class": "a.B"}) is None


def test_a_run_with_one_metric_more_is_no_second_seed():
    first, again = run(seed=1, ratio=0.05), run(seed=1, ratio=0.05)
    first.config["metric"], again.config["metric"] = {"feature_ratio": {}}, {"feature_ratio": {}, "fid": {}}
    again.measurements.append(Measurement("fid", "unlearned", 3.0, n=10))
    again.config_hash = "x"
    assert default_keys([first, again]) == ["method", "forget"]
    (row,) = group([first, again], ["method"])
    found = row.statistic(CUT)
    assert (found.n, found.low) == (1, None), "no interval from one piece of evidence"
    assert row.statistic(Quantity("level", "fid")).mean == 3.0
