"""Keys, metrics and choices by the names of earlier versions: one sentence that says the new one, nothing run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Gsu = Callable[..., Any]

RUN = ("unlearn", "dataset=mnist", "forget.class=1")


@pytest.mark.parametrize(
    ("line", "now"),
    [
        ((*RUN, "checkpoint.twin=x"), "'checkpoint.retrained'"),
        ((*RUN, "++checkpoint.twin=x"), "'checkpoint.retrained'"),
        ((*RUN, "method.corrected=true"), "'method.ekfac'"),
        ((*RUN, "++method.corrected=true"), "'ekfac'"),
        ((*RUN, "metric=[neg_elbo_retain]"), "'heldout_loss_retain'"),
        ((*RUN, "metric=[default,identity]"), "'retained_shift'"),
        ((*RUN, "metric.neg_elbo_drawn.images=10"), "'metric.sample_nll_retrained.images'"),
        ((*RUN, "protocol.knob=lr"), "'protocol.strength'"),
        (("audit", "run=x", "draws=2"), "'repeats'"),
        (("train", "dataset=avatars", "training=conv_vae"), "'faces'"),
        (("train", "dataset=avatars", "model=conv_vae", "model.sd=2"), "'model.sigma'"),
        (("train", "dataset=avatars", "model=conv_vae", "model.widths=[8]"), "'model.channels'"),
        (("reproduce", "table=paper", "table.levels=false"), "'table.absolute'"),
        (("reproduce", "table=digits", "table.levels=true"), "'table.absolute' now. Type +table.absolute="),
        (("reproduce", "table=digits", "table.thin=1"), "'table.subset' now. Type +table.subset="),
        (("reproduce", "table=paper", "+table.thin=null"), "'subset'"),
        (("reproduce", "table=paper", "table.show=[neg_elbo_retain]"), "'heldout_loss_retain'"),
        (("reproduce", "table=digits", "+table.sort=neg_elbo_retain"), "'heldout_loss_retain'"),
        (
            ("reproduce", "table=digits", "table.expect=[{change: neg_elbo_retain, between: [0, 1]}]"),
            "'heldout_loss_ret",
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_typed_former_name_is_answered_with_todays(line: tuple[str, ...], now: str, gsu: Gsu) -> None:
    typed = gsu(*line)
    assert typed.code == 2, typed.err
    assert f"It is called {now}" in typed.err, typed.err
    assert typed.err.count("\n") == 1


def test_so_is_one_in_a_file_of_ones_own(gsu: Gsu, tmp_path: Path) -> None:
    (tmp_path / "mine/experiment").mkdir(parents=True)
    for name, text in (
        ("twin", "checkpoint:\n  twin: x.safetensors\n"),
        ("corrected", "method:\n  corrected: true\n"),
        ("metrics", "defaults:\n  - override /metric: [identity]\n"),
    ):
        (tmp_path / f"mine/experiment/{name}.yaml").write_text(f"# @package _global_\n{text}", "utf-8")
        typed = gsu(*RUN, "--config-dir", "mine", f"experiment={name}")
        assert typed.code == 2, typed.err
        assert "It is called " in typed.err, typed.err


def test_columns_and_keys_of_a_report(gsu: Gsu, tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "records/schema_1/vae.json"
    (tmp_path / "run").mkdir()
    shutil.copy(old, tmp_path / "run/record.json")
    typed = gsu("report", "runs=run", "columns=[neg_elbo_retain]")
    assert (typed.code, "It is called 'heldout_loss_retain' now." in typed.err) == (2, True), typed.err
    line = ("report", "runs=run", "by=[method,method.corrected]", "format=json", "output=t.json")
    assert gsu(*line).code == 0
    (row,) = json.loads((tmp_path / "t.json").read_text())["rows"]
    assert [cell["label"] for cell in row[:2]] == ["fisher_surgery", "false"]
