from __future__ import annotations

import pytest

from gsu_cli.run.record import Record
from made_runs import Measurement


@pytest.fixture
def record() -> Record:
    """An unlearning run with all that a table can hold, gaps included."""

    def ratio(subject, value, low, high, judge):
        return Measurement("feature_ratio", subject, value, low, high, 10_000, "share", "lower", judge)

    def elbo(part, subject, value):
        better = "lower" if part == "retain" else None
        return Measurement(
            f"heldout_loss_{part}", subject, value, value - 0.5, value + 0.5, 8865, "-ELBO, nats", better
        )

    return Record(
        "unlearn",
        status="done",
        command=["gsu", "unlearn", "forget.class=1"],
        started="2026-01-31T12:00:00+00:00",
        inputs={"dataset": {"name": "mnist", "note": "5,000 digits only"}},
        split={"forget": "class 1"},
        update={
            "method": "fisher_surgery",
            "predicted": {"retain": 0.9, "forget": 30.0},
            "realised": {"retain": 1.0, "forget": 41.5},
        },
        seconds={"load": 0.4, "unlearn": 3.25, "total": 72.0},
        judges=[
            {"name": "fancy", "label": "fancy", "unavailable": "none ships"},
            {
                "name": "cnn",
                "label": "CNN",
                "trust": {"real": {"value": 0.991, "n": 10_000}, "reconstructions": {"value": 0.97}},
            },
            {"name": "knn", "label": "kNN", "trust": {"real": {"value": 0.948, "n": 10_000}, "reconstructions": None}},
        ],
        measurements=[
            ratio("original", 0.1, 0.0943, 0.106, "cnn"),
            ratio("original", 0.2, 0.1923, 0.208, "knn"),
            elbo("retain", "original", 100.0),
            Measurement("heldout_loss_forget", "original", None, reason="no held-out image"),
            ratio("unlearned", 0.01, 0.0082, 0.0122, "cnn"),
            ratio("unlearned", 0.05, 0.0459, 0.0544, "knn"),
            elbo("retain", "unlearned", 100.8),
            Measurement("heldout_loss_forget", "unlearned", None, reason="no held-out image"),
            Measurement("frechet_distance", "original", 110.0, 108.0, 112.0, 10_000, "", "lower", "cnn"),
            Measurement("frechet_distance", "unlearned", 96.0, 94.5, 97.5, 10_000, "", "lower", "cnn"),
            Measurement("frechet_distance", "data", 3.0, 2.5, 3.5, 8865, "", "lower", "cnn"),
            Measurement("feature_ratio", "original", None, reason="none ships", unit="share", judge="fancy"),
        ],
    )
