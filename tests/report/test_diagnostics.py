"""What a method noted, as tables: one row a layer, holes where a quantity does not exist, nothing dropped."""

from __future__ import annotations

import pytest

from gsu_cli.report.html.diagnostics import LONGEST, diagnostics, measurements
from gsu_cli.report.table import text
from gsu_cli.run.record import Record

DETAILS = {
    "budget_spent": 0.01,
    "movement_per_layer": {"a.weight": 0.25, "b.weight": 0.0},
    "images": {"forget": 10, "retain": 20},
    "diagnostics": {
        "cosine": {"all": 0.5, "a.weight": 0.25, "b.weight": None},
        "loss_change": {"forget": {"first_order": 1.0, "realised": 2.0}, "retain": {"first_order": 0.1}},
        "images": {"forget": 500},
        "buffer_drift": {},
    },
    "losses": [1.0, 2.0],
    "cost": {"gradient_evaluations_per_image": 2.0},
}
UPDATE = {"method": "x", "shots": 1, "cosine": None, "predicted": {"retain": 0.5}, "realised": {}, "details": DETAILS}


@pytest.fixture
def found():
    return diagnostics(Record("unlearn", update=UPDATE))


def words(table):
    return [[text(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]


def test_layers_share_a_table(found):
    (layers,) = [t for t in found.tables if t.title == "Layer by layer"]
    assert [c.head for c in layers.columns] == ["layer", "movement", "cosine"]
    assert words(layers) == [["a.weight", "0.25", "0.25"], ["b.weight", "0", "-"], ["all", "-", "0.5"]]
    assert layers.rows[1][2].note == "does not exist here"


def test_other_numbers_have_theirs(found):
    tables = {t.title: words(t) for t in found.tables}
    step = [["shots", "1"], ["predicted change of the retain loss", "0.5"], ["budget_spent", "0.01"]]
    assert tables["The step"] == step
    assert tables["images"] == [["forget", "10"], ["retain", "20"]]
    assert tables["images (diagnostics)"] == [["forget", "500"]]
    assert tables["loss change"] == [["forget", "1", "2"], ["retain", "0.1", "-"]]


def test_the_rest_is_text(found):
    assert found.texts.keys() == {"losses", "buffer_drift"}
    long = diagnostics(Record("unlearn", update={"method": "x", "details": {"losses": list(range(5000))}}))
    assert len(long.texts["losses"]) < LONGEST + 50
    assert long.texts["losses"].endswith("(whole in record.json)")


def test_measurements_with_holes_and_reasons(record):
    table = measurements(record)
    rows = {row[0]: row[1:] for row in words(table)}
    assert [c.head for c in table.columns] == ["quantity", "original", "unlearned", "real data", "change"]
    assert rows["feature ratio (CNN)"] == ["0.1000", "0.0100", "-", "-90.0%"]
    assert rows["forget loss"] == ["-", "-", "-", "-"]
    assert table.rows[3][1].note == "not measured: no held-out image"
    assert measurements(Record("train")) is None
