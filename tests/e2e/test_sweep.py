"""A sweep: a folder per cell, a failing cell stops no other, a closing table, a non-zero exit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2e_world import World, runs, strays

Gsu = Callable[..., Any]


def test_one_cell_fails(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn("method=ascent"), "-m", "method.lr=1e-5,-1,1e-3")
    assert typed.code == 1
    assert "1 cell of the sweep failed" in typed.err
    by_status = [run.record["status"] for run in runs(tmp_path)]
    assert sorted(by_status) == ["done", "done", "failed"]
    assert strays(tmp_path) == []
    table = typed.out[typed.out.rindex("sweep in") :]
    assert table.count("done") == 2
    assert "failed" in table
    assert "`method.lr` must be a finite number > 0; found -1" in " ".join(table.split())


def test_a_cell_refused_before_it_began_is_a_row_too(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn("method=ascent", "metric=[heldout_loss_retain]"), "-m", "seed=0,-1")
    assert typed.code == 1
    assert {run.folder.name: run.record["status"] for run in runs(tmp_path)} == {"seed=0": "done", "seed=-1": "failed"}
    table = typed.out[typed.out.rindex("sweep in") :]
    rows = [line.split() for line in table.splitlines() if line.startswith(" seed=")]
    assert [row[:2] for row in rows] == [["seed=-1", "failed"], ["seed=0", "done"]]
    assert "`seed` must be an integer >= 0; found -1" in table


def test_seeds_have_folders_of_their_own(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn("method=ascent", "metric=[heldout_loss_retain]"), "-m", "seed=0,1")
    assert (typed.code, typed.err) == (0, "")
    folders = {run.folder.name for run in runs(tmp_path)}
    assert folders == {"seed=0", "seed=1"}
