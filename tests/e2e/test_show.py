"""`gsu show`: everything on disk has its line, and runs are found again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from e2e_world import World, runs
from gsu_cli.report.formats.terminal import ENDLESS, line_length
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.verbs.show import GROUPS
from made_runs import costly, lay_out
from made_runs import run as made

Gsu = Callable[..., Any]


@pytest.mark.parametrize(("columns", "width"), [("60", None), ("", ENDLESS), ("wide", ENDLESS)])
def test_lines_are_as_long_as_columns_says_else_they_have_no_end(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int | None
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert line_length() == width


def test_what_is_said_of_runs_breaks_between_words(gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path / "outputs/unlearn", {"failed": made(3, status="failed", error="NonFiniteError: " + "boom " * 30)})
    whole = gsu("show", "runs").out
    monkeypatch.setattr("gsu_cli.verbs.show.console", Console(width=50, highlight=False))
    broken = gsu("show", "runs").out
    assert max(map(len, whole.splitlines())) > 100
    about = [line for line in broken.splitlines() if "boom" in line]
    assert len(about) > 1
    assert all(line.startswith("    ") and len(line) <= 50 for line in about)
    assert whole.split() == broken.split()


@pytest.mark.parametrize(("topic", "group"), GROUPS.items())
def test_a_line_for_every_choice(gsu: Gsu, topic: str, group: str) -> None:
    typed = gsu("show", topic)
    assert (typed.code, typed.err) == (0, "")
    paths = (path.relative_to(conf_dir() / group) for path in (conf_dir() / group).rglob("*.yaml"))
    names = sorted(path.with_suffix("").as_posix() for path in paths)
    rows = [line.split(maxsplit=1) for line in typed.out.splitlines()[1:] if line.strip()]
    assert [row[0] for row in rows] == names
    assert all(len(row) == 2 and not row[1].startswith("gsu ") for row in rows), "no `# what:` line"


@pytest.mark.parametrize("word", ["fisher_surgery", "paper/mnist_class1", "ddpm"])
def test_a_choice_says_each_setting_with_its_meaning(gsu: Gsu, word: str) -> None:
    typed = gsu("show", word)
    assert (typed.code, typed.err) == (0, "")
    paths = sorted(conf_dir().glob(f"*/{word}.yaml"))
    rows = typed.out.splitlines()
    heads = [row for row in rows if row.endswith(f"={word}") and not row.startswith(" ")]
    assert heads == [f"{path.relative_to(conf_dir()).parts[0]}={word}" for path in paths]
    for line in "\n".join(path.read_text("utf-8") for path in paths).splitlines():
        setting, _, about = line.partition(" # ")
        if about and not line.startswith("#"):
            name = setting.split(":")[0].strip("< ")
            assert any(about.strip() in row and name in row for row in rows), line


def test_a_config_of_ones_own_is_found(gsu: Gsu, tmp_path: Path) -> None:
    own = tmp_path / "mine" / "method" / "halfway.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("# what: half of what ascent does\n_target_: my_method.Halfway\nlr: 1e-4  # step, in nats\n")
    assert "half of what ascent does" in gsu("show", "methods", f"--config-dir={tmp_path / 'mine'}").out
    out = gsu("show", "halfway", f"--config-dir={tmp_path / 'mine'}").out
    assert "method=halfway" in out
    assert "step, in nats" in out
    assert "halfway" not in gsu("show", "methods").out


def test_a_choice_that_is_mistyped(gsu: Gsu) -> None:
    typed = gsu("show", "fisher_surgry")
    assert typed.code == 2
    assert "Did you mean 'fisher_surgery'?" in typed.err


def test_checkpoints_come_with_the_first_line_of_their_cards(gsu: Gsu) -> None:
    out = gsu("show", "checkpoints").out
    shown = [path for path in FOLDER.glob("*/*.safetensors") if ".without_" not in path.stem]
    assert len(shown) > 5
    for path in shown:
        (line,) = [row for row in out.splitlines() if row.split()[:1] == [f"{path.parent.name}/{path.stem}"]]
        assert "no card" not in line


def test_all_topics_at_once_leave_nothing_behind(gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu("show")
    assert typed.code == 0
    heads = [line for line in typed.out.splitlines() if line and not line.startswith(" ")]
    assert {"datasets", "methods", "checkpoints", "no runs below outputs"} <= set(heads)
    assert list(tmp_path.iterdir()) == []


def test_runs(world: World, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu(*world.unlearn("method=ascent", "metric=[feature_ratio]")).code == 0
    assert gsu(*world.unlearn("method=ascent", "method.lr=1e30")).code == 1
    odd = tmp_path / "outputs/odd/record.json"
    odd.parent.mkdir()
    odd.write_text(json.dumps({"verb": "unlearn"}), encoding="utf-8")
    out = gsu("show", "runs").out
    for run in (run for run in runs(tmp_path) if run.folder != odd.parent):
        (line,) = [line for line in out.splitlines() if line.endswith(str(run.folder.relative_to(tmp_path)))]
        assert line.split()[2:4] == ["unlearn", run.record["status"]]
    assert "strokes, forget class 1, ascent, cnn " in out
    (failed,) = (run.record["error"] for run in runs(tmp_path) if run.record.get("status") == "failed")
    assert failed.startswith("NonFiniteError: ")
    assert f", {failed.partition(': ')[2][:40]}" in out
    assert "NOTE  not a readable run: outputs/odd/record.json" in out
    assert gsu("show", "runs", "last=1").out.count("unlearn") < out.count("unlearn")


def test_runs_tell_a_generator_from_a_judge(world: World, gsu: Gsu) -> None:
    root = world.trained.folder.parent
    out = gsu("show", "runs", f"paths.output_dir={root}").out.splitlines()
    below = {
        name: out[[line.endswith(f"/{name}") for line in out].index(True) + 1] for name in ("vae", "judge", "retrained")
    }
    assert below["vae"].strip() == "strokes, generator MlpVae"
    assert below["judge"].strip() == "strokes, judge JudgeCnn"
    assert below["retrained"].strip() == "strokes, generator MlpVae, forget class 1"


@pytest.fixture
def some(tmp_path: Path) -> Path:
    three = {"a": made(1), "b": made(2, lr=0.2), "c": made(1, status="failed", error="boom")}
    return lay_out(tmp_path / "outputs", dict(three), pictures=False)


def test_runs_by_what_they_are(gsu: Gsu, some: Path) -> None:
    out = gsu("show", "runs", "filter.forget=class_1", "filter.status=[done,interrupted]").out
    assert "(the last 1 of 1 that match, of 3)" in out
    assert "outputs/a" in out
    assert "outputs/b" not in out
    assert gsu("show", "filter.method=ascent", "last=2").out.count("outputs/") == 2
    none = gsu("show", "runs", "filter.method=asc").out
    assert "method: there are ascent (3)" in none
    assert all(line == line.rstrip() for line in none.splitlines())


@pytest.mark.parametrize(("cost", "told"), [(0.01, False), (9.0, True)])
def test_a_question_mark_is_explained_where_one_stands(gsu: Gsu, tmp_path: Path, cost: float, told: bool) -> None:
    lay_out(tmp_path / "outputs", {"a": costly(cost, 0.01)}, pictures=False)
    out = gsu("show", "runs").out
    assert ("%?" in out, "? behind a number: it supports no claim" in out) == (told, told)


def test_what_a_choice_is_for_stays_indented_where_it_breaks(
    gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gsu_cli.verbs.show_choice.console", Console(width=60, highlight=False))
    head = gsu("show", "gradient_surgery").out.partition("GradientSurgery")[0].splitlines()[1:-1]
    assert len(head) > 2
    assert all(line.startswith("  ") for line in head), head


def test_two_runs_compared(gsu: Gsu, some: Path) -> None:
    typed = gsu("show", "compare=[outputs/a,outputs/b/record.json]")
    assert (typed.code, typed.err) == (0, "")
    rows = [line.split() for line in typed.out.splitlines()]
    assert ["method.lr", "0.1", "0.2"] in rows
    assert ["forget.class", "1", "2"] in rows
    assert any(row[:3] == ["feature", "ratio", "(CNN)"] and row[-1] == "-" for row in rows)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["compare=outputs/a"], 2, "`compare` must be two runs; found outputs/a"),
        (["compare=[outputs/a]"], 2, "`compare` must be two runs"),
        (["compare=[outputs/a,outputs/x]"], 1, "a run folder must hold a record.json; found none at outputs/x"),
        (["methods", "filter.method=ascent"], 2, "`filter` must go with runs; found what=methods"),
        (["runs", "filter=ascent"], 2, "filter"),
        (["runs", "filter.methd=ascent"], 2, "Did you mean 'filter.method'?"),
    ],
)
def test_filters_and_comparisons_that_cannot_be(gsu: Gsu, some: Path, words: list[str], code: int, said: str) -> None:
    typed = gsu("show", *words)
    assert typed.code == code
    assert said in typed.err
    assert typed.err.count("\n") == 1
