"""A Frechet distance of few images says so, also in a record that was written before the remark was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gsu_cli.run.few_images import remarked
from gsu_cli.run.record import Record, record_of

SAID = "of 4,000 images, so few that it is too high"


def distance(subject: str, n: int, **more: Any) -> dict[str, Any]:
    return {"name": "frechet_distance", "subject": subject, "value": 9.0, "n": n, "judge": "cnn", **more}


def details(*rows: dict[str, Any]) -> list[str]:
    record = record_of({**vars(Record("unlearn")), "schema": 2, "measurements": list(rows)}, Path("record.json"))
    return [m.detail for m in record.measurements]


def test_an_older_record_says_of_how_few_images_its_distance_is() -> None:
    assert details(distance("original", 4000), distance("data", 8865)) == [SAID, ""]


def test_it_says_so_of_real_images_beside_many_more_samples() -> None:
    said = "of 899 real images, so few that it is too high"
    assert details(distance("original", 10_000), distance("data", 899)) == ["", said]
    assert details(distance("original", 10_000, judge="knn"), distance("data", 899)) == ["", ""]
    assert details(distance("original", 1797), distance("data", 899)) == ["", ""]


def test_what_a_record_says_itself_stays() -> None:
    told = f"{SAID}: as many real ones have 0.61"
    assert details(distance("unlearned", 4000, detail=told), distance("data", 8865)) == [told, ""]


def test_the_words_of_before_are_those_of_today() -> None:
    """A table of old and new runs would say one thing in two ways."""
    before = "of 4,000 images, of which it is too high: as many real ones have 0.61"
    assert details(distance("unlearned", 4000, detail=before)) == [f"{SAID}: as many real ones have 0.61"]
    low = {
        **distance("original", 60),
        "name": "inception_score",
        "detail": "of 60 images, of which it is too low by 2%",
    }
    assert details(low) == ["of 60 images, so few that it is too low by 2%"]


@pytest.mark.parametrize(
    "row",
    [
        distance("original", 4433),  # as many as half of the real ones, and one more
        distance("original", 4000, judge="knn"),  # whose real images were not measured
        distance("original", 4000, value=None, reason="diverged"),
        distance("original", 0),
    ],
)
def test_of_others_nothing_is_said(row: dict[str, Any]) -> None:
    assert details(row, distance("data", 8865)) == ["", ""]
    assert details(row) == [""]


def test_what_is_no_measurement_is_left_to_the_reader() -> None:
    rows = [3, {"name": "frechet_distance"}, distance("data", 8865, judge=["cnn"])]
    assert remarked(rows) == rows
