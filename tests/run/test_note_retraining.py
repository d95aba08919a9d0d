"""A retraining beside a reference of other data: what lies between them is of the data."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gsu_cli.run.record import Record
from gsu_cli.verbs.retrained import note_retraining


def notes(method: str, about: dict[str, Any] | None) -> list[str]:
    """What is noted of a run on the data "a" beside a reference of which so much is known."""
    session: Any = SimpleNamespace(record=Record("unlearn", inputs={"dataset": {"sha256": "a"}}))
    reference: Any = None if about is None else SimpleNamespace(about=about)
    note_retraining(method, reference, session)
    return list(session.record.notes)


def test_a_retraining_on_other_images_than_its_reference() -> None:
    (note,) = notes("retrain", {"dataset_sha256": "b", "dataset": "mnist", "n": 53_258})
    assert "the retrained reference 53,258 images of mnist" in note
    assert "neither over- nor under-forgetting" in note


@pytest.mark.parametrize(
    ("method", "about"),
    [
        ("retrain", {"dataset_sha256": "a", "dataset": "mnist"}),
        ("retrain", {"dataset": "mnist"}),
        ("retrain", None),
        ("ascent", {"dataset_sha256": "b", "dataset": "mnist"}),
    ],
)
def test_nothing_to_note(method: str, about: dict[str, Any] | None) -> None:
    assert notes(method, about) == []
