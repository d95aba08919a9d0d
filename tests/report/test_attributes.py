"""Titles and sentences of a run that forgot an attribute."""

from __future__ import annotations

from gsu_cli.report.run_table import markdown, rows
from gsu_cli.report.summary import sentences
from gsu_cli.run.record import Record
from made_runs import Measurement


def measured(name: str, subject: str, value: float, judge: str | None = None, unit: str = "share") -> Measurement:
    return Measurement(name, subject, value, value - 0.01, value + 0.01, 100, unit, None, judge)


RECORD = Record(
    "unlearn",
    inputs={"dataset": {"name": "avatars", "attributes": ["hat", "long_hair"]}},
    split={"forget": "attribute hat", "target_attribute": "hat"},
    judges=[
        {"name": "cnn", "label": "CNN"},
        {"name": "knn", "label": "kNN", "trust": {"real": {"value": 0.98, "n": 1000}, "reconstructions": None}},
    ],
    measurements=[
        measured("feature_ratio", "original", 0.3, "cnn"),
        measured("feature_ratio_reconstructions", "original", 0.9, "knn"),
        measured("attribute_long_hair", "original", 0.4, "cnn"),
        measured("attribute_long_hair", "original", 0.42, "knn"),
        measured("attribute_long_hair", "unlearned", 0.4, "cnn"),
        measured("retained_shift", "unlearned", 3.0, None, "grey levels"),
        measured("retained_shift_features", "unlearned", 0.1, "cnn", "spreads"),
    ],
)


def test_titles() -> None:
    assert [row.title for row in rows(RECORD)] == [
        "feature ratio (CNN)",
        "ratio in reconstructions (kNN)",
        "long hair (CNN)",
        "long hair (kNN)",
        "retained shift (grey levels)",
        "retained shift, features (spreads)",
    ]


def test_an_attribute_that_was_to_stay_has_no_good_or_bad_direction() -> None:
    row = next(row for row in rows(RECORD) if row.title == "long hair (CNN)")
    assert str(row.change) == "0.0%"
    assert row.verdict() == ""
    assert "| retained shift (grey levels) | - | 3.0" in markdown(RECORD)


def test_right_on_images_or_on_answers() -> None:
    """A judge of two attributes gives two answers an image where nothing is to be forgotten."""
    assert "judge knn is right on 98.0% of 1,000 held-out images" in sentences(RECORD)
    plain = Record("evaluate", inputs=RECORD.inputs, judges=RECORD.judges)
    assert "judge knn is right on 98.0% of 1,000 answers about held-out images" in sentences(plain)
    of_classes = [{**judge, "classes": 3} for judge in RECORD.judges]
    a_class = Record("unlearn", inputs=RECORD.inputs, judges=of_classes, split={"target_classes": [1]})
    assert "judge knn is right on 98.0% of 1,000 held-out images" in sentences(a_class)
    digits = Record("evaluate", inputs={"dataset": {"name": "mnist", "attributes": []}}, judges=RECORD.judges)
    assert "judge knn is right on 98.0% of 1,000 held-out images" in sentences(digits)
