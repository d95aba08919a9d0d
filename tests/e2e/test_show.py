"""`gsu show`: everything on disk has its line, and runs are found again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e_world import World, runs
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.verbs.show import GROUPS

Gsu = Callable[..., Any]


@pytest.mark.parametrize(("topic", "group"), GROUPS.items())
def test_a_line_for_every_choice(gsu: Gsu, topic: str, group: str) -> None:
    typed = gsu("show", topic)
    assert (typed.code, typed.err) == (0, "")
    paths = (path.relative_to(conf_dir() / group) for path in (conf_dir() / group).rglob("*.yaml"))
    names = sorted(path.with_suffix("").as_posix() for path in paths)
    rows = [line.split(maxsplit=1) for line in typed.out.splitlines()[1:] if line.strip()]
    assert [row[0] for row in rows] == names
    assert all(len(row) == 2 and not row[1].startswith("gsu ") for row in rows), "no `# what:` line"


def test_checkpoints_come_with_the_first_line_of_their_cards(gsu: Gsu) -> None:
    out = gsu("show", "checkpoints").out
    for path in FOLDER.glob("*/*.safetensors"):
        if ".without_" not in path.stem:
            (line,) = [row for row in out.splitlines() if row.split()[:1] == [f"{path.parent.name}/{path.stem}"]]
            assert "no card" not in line


def test_all_topics_at_once_leave_nothing_behind(gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu("show")
    assert typed.code == 0
    heads = [line for line in typed.out.splitlines() if line and not line.startswith(" ")]
    assert {"datasets", "methods", "checkpoints", "runs below outputs (the last 0 of 0)"} <= set(heads)
    assert list(tmp_path.iterdir()) == []


def test_runs(world: World, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu(*world.unlearn("method=ascent", "metric=[feature_ratio]")).code == 0
    assert gsu(*world.unlearn("method=ascent", forget="forget.class=9")).code == 2
    odd = tmp_path / "outputs/odd/record.json"
    odd.parent.mkdir()
    odd.write_text(json.dumps({"verb": "unlearn"}), encoding="utf-8")
    out = gsu("show", "runs").out
    for run in (run for run in runs(tmp_path) if run.folder != odd.parent):
        (line,) = [line for line in out.splitlines() if line.endswith(str(run.folder.relative_to(tmp_path)))]
        assert line.split()[2:4] == ["unlearn", run.record["status"]]
    assert "strokes, forget class 1, ascent, cnn " in out
    assert "`forget.class` must be one of" in out
    assert "NOTE  not a readable run: outputs/odd/record.json" in out
    assert gsu("show", "runs", "last=1").out.count("unlearn") < out.count("unlearn")
