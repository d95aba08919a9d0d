"""Remarks of many runs are one where only decimals differ: a row of thirty runs is no page of footnotes."""

from __future__ import annotations

from gsu_cli.report.merged_remarks import counted_in_one, in_one


def test_the_least_and_the_greatest_stand_in_the_place_of_all() -> None:
    said = [f"of 4,000 images: as many real ones have {0.5 + i / 100:.2f}" for i in (7, 0, 30, 4)]
    assert in_one(said) == {"of 4,000 images: as many real ones have 0.50 to 0.80": 4}
    assert in_one(["between 0.1 and -1,200.5", "between 0.1 and 3.5"]) == {"between 0.1 and -1,200.5 to 3.5": 2}


def test_equal_ones_stand_as_they_are_and_order_is_that_of_the_first() -> None:
    assert in_one(["b 0.5", "a", "b 0.5", "b 0.50"]) == {"b 0.5": 3, "a": 1}


def test_whole_numbers_versions_and_exponents_may_be_names() -> None:
    apart = [
        "no sample of class 3",
        "no sample of class 5",
        "torch 2.1.0",
        "torch 2.3.0",
        "rate 1.0e-05",
        "rate 2.0e-05",
    ]
    assert list(in_one(apart)) == apart


def test_counts_add_up() -> None:
    assert counted_in_one({"below 0.8": 3, "below 0.9": 2, "ruined": 1}) == {"below 0.8 to 0.9": 5, "ruined": 1}
