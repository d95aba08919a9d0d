"""Records of schema 1, as earlier versions left them: read with the names of today, every number as it was."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from gsu_cli.errors import GsuError
from gsu_cli.evaluation.kind import Kind
from gsu_cli.metrics import (
    abstention,
    feature_ratio,
    fid,
    frechet_distance,
    gained,
    heldout_loss,
    inception_score,
    retained_shift,
    sample_nll,
    variety,
)
from gsu_cli.report.headline import headline
from gsu_cli.report.overview import tables
from gsu_cli.report.run_table import rows
from gsu_cli.report.summary import sentences, summary_markdown
from gsu_cli.report.verdict import verdict
from gsu_cli.run.record import read_record, record_of
from gsu_cli.run.schema import ABOUT, MEASUREMENTS, SCHEMA, upgraded

OLD = Path(__file__).parents[1] / "records" / "schema_1"
NAMES = ("vae", "ddpm", "train", "sweep_cell", "ruined", "failed")
UNLEARNED = ("vae", "ddpm", "sweep_cell", "ruined")


def old(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OLD / f"{name}.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_record_of_schema_1_is_read_as_one_of_schema_2(name: str) -> None:
    assert old(name)["schema"] == 1
    record = record_of(old(name), OLD / f"{name}.json")
    assert record.schema == SCHEMA
    assert not {m.name for m in record.measurements} & {*MEASUREMENTS}
    assert upgraded(upgraded(old(name))) == upgraded(old(name))
    assert summary_markdown(record)
    untouched = ("verb", "status", "error", "command", "started", "seeds", "inputs", "outputs", "split")
    assert list(record.seconds.values()) == list(old(name)["seconds"].values())
    assert "gauge" not in record.seconds
    assert '"rise"' not in json.dumps(record.update)
    assert {k: getattr(record, k) for k in untouched} == {k: old(name)[k] for k in untouched}


@pytest.mark.parametrize("name", UNLEARNED)
def test_no_number_moves(name: str) -> None:
    number = ("value", "low", "high", "n", "sha256", "change_low", "change_high", "judge", "subject", "better")
    every = record_of(old(name), OLD).measurements
    was = [tuple(m[k] for k in number) for m in old(name)["measurements"] if m["value"] is not None]
    now = [tuple(getattr(m, k) for k in number) for m in every if m.value is not None]
    assert now == was
    assert len(every) == len(old(name)["measurements"]) - (6 if name == "ddpm" else 0), "nulls for a -ELBO it has not"


def test_what_was_measured_is_said_in_todays_words() -> None:
    record = record_of(old("vae"), OLD)
    said = "Forgot class 1: feature ratio -88.9% by the CNN judge and -55.6% by the kNN judge, at +0.8% retain loss."
    assert headline(record) == said
    titles = [row.title for row in rows(record)]
    assert titles[:2] == ["feature ratio (CNN)", "feature ratio (kNN)"]
    for title in ("retain loss (-ELBO, nats)", "sample NLL, retrained model (-ELBO, nats)"):
        assert title in titles
    (aside,) = [line for line in sentences(record) if line.startswith("also measured: ")]
    assert "retained samples that gained it (CNN) " in aside
    assert "(farther than a neighbour, " in aside
    assert [judge["label"] for judge in record.judges] == ["CNN", "kNN"]
    for point in record.curve:
        assert {"heldout_loss_retain", "feature_ratio"} <= {m["name"] for m in point["measurements"]}


def test_the_claim_of_an_old_record_is_the_one_it_made() -> None:
    for name in UNLEARNED:
        found = verdict(record_of(old(name), OLD))
        then = old(name)["verdict"]
        assert found is not None
        assert (found.outcome, found.over_budget) == (then["outcome"], then["over_budget"])
        assert dict(found.fell) == then["fell"]


def test_a_diffusion_model_has_its_own_loss_alone() -> None:
    record = record_of(old("ddpm"), OLD)
    losses = [m for m in record.measurements if m.name == "heldout_loss_retain"]
    assert len({m.subject for m in losses}) == len(losses)
    assert all(m.value is not None for m in losses)
    assert record.config["metric"]["heldout_loss_retain"]["part"] == "retain"
    assert "neg_elbo_retain" not in record.config["metric"]


def test_what_metrics_say_of_themselves_is_what_old_records_are_told() -> None:
    files = (abstention, feature_ratio, fid, frechet_distance, gained, heldout_loss, inception_score, retained_shift,
             sample_nll, variety)  # fmt: skip
    kinds = {k.name: k for file in files for k in vars(file).values() if isinstance(k, Kind)}
    assert set(kinds) == set(ABOUT)
    for name, about in ABOUT.items():
        kind = kinds[name]
        told = {"label": "", "role": None, "place": "table", "ruined_at": None, **about}
        assert told == {k: getattr(kind, k) for k in told}


@pytest.mark.parametrize(
    "spoilt",
    [
        {"measurements": 3}, {"measurements": [3]}, {"measurements": [{"name": ["a"]}]}, {"judges": 3},
        {"judges": [3]}, {"judges": [{"name": []}]}, {"curve": [{"measurements": 3}]}, {"transitions": {"judged": 3}},
        {"config": {"metric": [1]}}, {"config": 3}, {"measurements": [{"name": "gained", "judge": {}}]},
    ],
)  # fmt: skip
def test_what_no_gsu_wrote_is_refused_or_read_and_never_a_traceback(spoilt: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps({**old("vae"), **spoilt}), "utf-8")
    with contextlib.suppress(GsuError):
        read_record(tmp_path)


def test_tables_of_old_records_hold_the_numbers_that_the_version_before_rendered() -> None:
    """``schema_1_tables.json`` was printed by the last version that wrote schema 1, columns by their names of today."""
    records = [record_of(old(name), OLD) for name in ("vae", "ddpm", "sweep_cell", "ruined", "failed")]
    then = json.loads((OLD.parent / "schema_1_tables.json").read_text("utf-8"))
    now: dict[str, Any] = {}
    for table in tables(records, ["checkpoint", "method"]):
        for i, column in enumerate(table.columns):
            for row in table.rows:
                cell = row[i]
                if not column.is_key and cell.value is not None:
                    where = " ".join(key.label for key in row[:2])
                    numbers = [cell.value, cell.low, cell.high, cell.n]
                    now.setdefault(table.title, {}).setdefault(column.name, {})[where] = numbers
    flat = [{(t, c, r): v for t in x for c in x[t] for r, v in x[t][c].items()} for x in (now, then)]
    assert flat[0].keys() == flat[1].keys()
    for where, numbers in flat[0].items():
        for x, y in zip(numbers, flat[1][where], strict=True):
            assert x == (None if y is None else pytest.approx(y, rel=1e-12)), where
    assert sum(len(rows) for found in then.values() for rows in found.values()) > 80
