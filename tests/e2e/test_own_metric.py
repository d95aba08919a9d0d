"""A metric and a judge of one's own, one file and one yaml each: they show up wherever those that ship do."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e_world import Run, World, runs
from gsu_cli.report.reproduced import table
from gsu_cli.run.record import read_record
from gsu_cli.tables.cell import Cell, Outcome
from gsu_cli.tables.spec import TableSpec

Gsu = Callable[..., Any]
METRIC = '''
from gsu_cli.metrics.base import Kind

GLARE = Kind("glare", "glare", role="cost", unit="grey levels", better="lower", place="lead")

class Glare:
    """How bright samples are at their brightest."""

    of_real_images = True

    def __init__(self, few: int = 50):
        self.few = few

    def __call__(self, subject, context):
        return [GLARE.mean(subject, subject.pixels[: self.few].flatten(1).max(1).values.double())]
'''
JUDGE = '''
import torch
from gsu_cli.judges.base import Verdict

class NearestMean:
    """The class whose mean image is nearest."""

    label = "nearest mean"

    def prepare(self, dataset, *, seed):
        x, y = dataset.train.pixels.double().flatten(1), dataset.train.labels
        means = torch.stack([x[y == c].mean(0) for c in sorted(dataset.class_names)])
        return Judge(means, torch.tensor(sorted(dataset.class_names)))

class Judge:
    name = "mean"

    def __init__(self, means, labels):
        self.means, self.labels = means, labels

    def __call__(self, pixels):
        best = torch.cdist(pixels.double().flatten(1), self.means).argmin(1)
        sure = torch.ones(len(pixels))
        return Verdict(self.labels[best], sure, sure < 1)

    def provenance(self):
        return {"name": self.name}
'''
LINE = ("--config-dir", "mine", "metric=[feature_ratio,heldout_loss_retain,glare]", "judge=[cnn,knn,mean]")


@pytest.fixture
def run(world: World, gsu: Gsu, tmp_path: Path) -> Iterator[tuple[Run, str]]:
    """A run with both, and what it printed."""
    for group, name, text in (
        ("metric", "glare", "_target_: my_glare.Glare\nfew: 60\n"),
        ("judge", "mean", "_target_: my_mean.NearestMean\n"),
    ):
        (tmp_path / "mine" / group).mkdir(parents=True)
        (tmp_path / f"mine/{group}/{name}.yaml").write_text(f"# @package {group}.{name}\n{text}", "utf-8")
    (tmp_path / "my_glare.py").write_text(METRIC, "utf-8")
    (tmp_path / "my_mean.py").write_text(JUDGE, "utf-8")
    typed = gsu(*world.unlearn("method=ascent", "method.lr=0.01"), *LINE)
    assert (typed.code, typed.err) == (0, ""), typed.err
    (found,) = runs(tmp_path)
    yield found, typed.out
    for name in ("my_glare", "my_mean"):
        sys.modules.pop(name, None)


def test_they_show_up_everywhere(run: tuple[Run, str], gsu: Gsu, tmp_path: Path) -> None:
    found, printed = run
    judge = next(j for j in found.record["judges"] if j["name"] == "mean")
    assert judge["label"] == "nearest mean"
    assert judge["trust"]["real"]["value"] > 0.5
    assert "mean" in found.record["verdict"]["judges"]

    summary = (found.folder / "summary.md").read_text("utf-8")
    for text in (printed, summary):
        for title in ("feature ratio (nearest mean)", "glare (grey levels)"):
            assert title in text, title
    glare = [m for m in found.record["measurements"] if m["name"] == "glare"]
    assert [m["subject"] for m in glare] == ["original", "unlearned", "data"]
    assert {m["n"] for m in glare} == {60}

    typed = gsu("report", "format=[html,csv]", "output=page")
    assert typed.code == 0, typed.err
    (head, row) = list(csv.reader(io.StringIO((tmp_path / "page/table.csv").read_text("utf-8"))))[:2]
    assert {"feature ratio (CNN)", "feature ratio (nearest mean)", "retain loss", "glare"} <= set(head)
    assert float(row[head.index("glare")]) == pytest.approx(glare[1]["value"] / glare[0]["value"] - 1)
    page = (tmp_path / "page/report.html").read_text("utf-8")
    assert "change of glare (cost)" in page, "a front of its own"
    assert "reduction of feature ratio (CNN) against change of glare" in page
    assert "feature ratio (nearest mean)" in page

    record = read_record(found.folder)
    spec = TableSpec("t", rows={"r": "x=1"}, columns={"c": "x=1"}, seeds=[0])
    heads = [c.head for c in table(spec, [Outcome(Cell("r", "c", 0, ()), "key", record)]).columns]
    assert {"feature ratio (nearest mean)", "glare"} <= set(heads)
    shown = table(
        TableSpec("t", rows={"r": "x=1"}, columns={"c": "x=1"}, seeds=[0], show=["cost"]),
        [Outcome(Cell("r", "c", 0, ()), "key", record)],
    )
    assert [c.head for c in shown.columns] == ["row", "column", "retain loss", "glare", "runs", "failed"]
