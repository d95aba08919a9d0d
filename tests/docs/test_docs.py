"""What the docs show works: lines compose, Python blocks run, links lead somewhere, results exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
RESULTS = ROOT / "docs/results"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (\w+)\.py\n")
SETTLED = ("--help", "--version", "help", "--completion")


def blocks(kind: str) -> list[Any]:
    """``(page, text)`` of every block of that language."""
    return [
        pytest.param(page, text, id=f"{page.relative_to(ROOT)}:{i}")
        for page in PAGES
        for i, (language, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
        if language == kind
    ]


def lines() -> list[Any]:
    """Every ``gsu`` line of the docs, in blocks and in running text."""
    found: dict[str, Path] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shown = [line for kind, block in FENCE.findall(text) if kind == "bash" for line in block.splitlines()]
        shown += re.findall(r"(?<!\\)`(gsu [^`]+)`", FENCE.sub("", text))
        for line in shown:
            line = line.split("#")[0].strip()
            if line.startswith("gsu ") and "..." not in line:
                found.setdefault(line, page)
    return [pytest.param(line, id=line) for line in found]


@pytest.mark.parametrize("line", lines())
def test_every_line_composes(line: str, type_line: Callable[..., Any], tmp_path: Path) -> None:
    words = shlex.split(line)[1:]
    if words[0] in SETTLED or "--help" in words or words[0] == "show":
        assert type_line(*words, cwd=tmp_path).code == 0
        return
    cells = [word for word in words if word != "-m" and "glob(" not in word]
    cells = [re.sub(r"=(?:tag|interval|range)\(.*", "=1", word) for word in cells]  # one cell of a sweep
    cells = [re.sub(r"=([^\[=,]+),.*", r"=\1", word) for word in cells]
    typed = type_line(*cells, "--cfg", "job", cwd=tmp_path)
    assert (typed.code, typed.err) == (0, "")


def test_a_shell_takes_every_line_as_it_is_shown() -> None:
    """Brackets are quoted: `method.lr=interval(0,1)` is a syntax error before gsu starts."""
    wrong = []
    for parameters in lines():
        (line,) = parameters.values
        read = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True, check=False)
        wrong += [line] if read.returncode else []
    assert wrong == []


def test_there_are_lines_to_test() -> None:
    assert len(lines()) > 10


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_python_blocks(page: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that names a file in its first comment is that file, beside those of the page; any other block is run."""
    named = {name[1]: block for _, block in _python(page) if (name := NAMED.match(block))}
    name = NAMED.match(text)
    if not name:
        exec(compile(text, str(page), "exec"), {})
        return
    for other, block in named.items():
        (tmp_path / f"{other}.py").write_text(block, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    __import__(name[1])
    for other in named:
        sys.modules.pop(other, None)


def test_ten_lines_make_a_model_of_ones_own_forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {name[1]: block for _, block in _python(ROOT / "docs/own-model.md") if (name := NAMED.match(block))}
    lines = [line for line in named["ten_lines"].splitlines() if line and not line.startswith("#")]
    assert len(lines) == 10
    (tmp_path / "my_vae.py").write_text(named["my_vae"], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found: dict[str, Any] = {}
    torch.manual_seed(0)  # of the weights, which the lines leave to chance
    exec(compile(named["ten_lines"], "ten_lines.py", "exec"), found)
    sys.modules.pop("my_vae")
    realised = found["update"].realised
    assert realised["forget"] > 0
    assert realised["forget"] > abs(realised["retain"])


def _python(page: Path) -> list[tuple[str, str]]:
    return [found for found in FENCE.findall(page.read_text(encoding="utf-8")) if found[0] == "python"]


@pytest.mark.slow
def test_the_method_of_the_readme_forgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type_line: Any) -> None:
    (text,) = [t for page, t in ((b.values[0], b.values[1]) for b in blocks("python")) if page.name == "README.md"]
    (tmp_path / "my_method.py").write_text(str(text), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    words = "unlearn dataset=mnist dataset.download=false forget.class=1 ~method +method._target_=my_method.Halfway"
    typed = type_line(*words.split(), "evaluation.samples=500", cwd=tmp_path)
    assert typed.code == 0, typed.err
    (record,) = tmp_path.rglob("record.json")
    assert json.loads(record.read_text())["update"]["method"] == "halfway"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
    for named in re.findall(r"`((?:docs|scripts|src|conf)/[\w/.-]+\.\w+)`", text):
        assert any(ROOT.glob(named)) or any(ROOT.glob(f"tests/adding/*/{named}")), named


def test_every_method_has_its_page_with_the_same_headings() -> None:
    heads = ["## Idea and formula", "## What is logged", "## Deviations", "## The command and the expected numbers"]
    names = {path.stem for path in (ROOT / "conf/method").glob("*.yaml")}
    assert {path.stem for path in (ROOT / "docs/methods").glob("*.md")} == names
    for name in names:
        text = (ROOT / f"docs/methods/{name}.md").read_text(encoding="utf-8")
        assert [line for line in text.splitlines() if line.startswith("## ")] == heads, name


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_tables_have_at_most_seven_columns(page: Path) -> None:
    rules = re.findall(r"^\|(?: ?:?-+:? ?\|)+$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert max((rule.count("|") - 1 for rule in rules), default=0) <= 7


def test_the_first_pages_are_short_and_count_the_methods_right() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert text.splitlines()[4].startswith("![")  # the picture is on the first screen
    others = len(list((ROOT / "conf/method").glob("*.yaml"))) - 2  # the published one and Fisher surgery
    for page in ("README.md", "docs/index.md"):
        assert re.findall(r"(\d+)\s+baselines", (ROOT / page).read_text(encoding="utf-8")) == [str(others)], page


def test_the_table_of_the_readme_is_that_of_its_record() -> None:
    from gsu_cli.report.compact import read_compact

    (record,) = read_compact(RESULTS / "demo/records.json")
    held = [f"{m.value:.4f}" for m in record.measurements if m.value is not None]
    held += [f"{m.value:.2f}" for m in record.measurements if m.value is not None]
    (text,) = [block for kind, block in FENCE.findall((ROOT / "README.md").read_text("utf-8")) if "original" in block]
    found = re.findall(r"(?<=\s)\d+\.\d+(?=\s)", text)
    assert len(found) > 20
    assert [number for number in found if number not in held] == []


def test_what_ships_is_whole() -> None:
    """Each of the weights has a card that quotes the sha256 of the file; beside VAEs and judge 12 MB at most."""
    from gsu_cli.run.files import sha256_of
    from gsu_cli.run.pretrained import FOLDER

    files = sorted((FOLDER / "mnist").glob("*.safetensors"))
    without = {"vae": range(10), "ddpm": [1, 8, 9], "ddpm_conditional": [1], "cvae": [1], "dcgan": [1]}
    names = {"vae", "vae_2d", "judge", "ddpm", "ddpm_conditional", "cvae", "dcgan"}
    names |= {f"{name}.without_class_{digit}" for name, digits in without.items() for digit in digits}
    assert {path.stem for path in files} == names
    sizes = {path.stem: path.stat().st_size for path in files}
    own = ("ddpm", "ddpm_conditional", "cvae", "dcgan")
    families = sum(size for name, size in sizes.items() if name.partition(".")[0] in own)
    assert families <= 12e6
    assert sum(sizes.values()) - families <= 33e6
    for path in files:
        assert sha256_of(path) in path.with_suffix(".md").read_text(encoding="utf-8"), path.name


KEPT = sorted([*RESULTS.glob("*/records.json"), *RESULTS.glob("archive/*.json")])


def test_the_leaderboards_are_kept() -> None:
    assert {"leaderboard", "leaderboard_avatars", "paper"} <= {path.parent.name for path in KEPT}


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_kept_records_make_a_report(path: Path) -> None:
    """They are whole records with less in them: every part of a page copes with what they leave out."""
    from gsu_cli.report.compact import read_compact
    from gsu_cli.report.html.page import render
    from gsu_cli.report.keys import default_keys

    records = read_compact(path)
    runs = [(Path(f"{path}:{i}"), record) for i, record in enumerate(records)]
    page = render(runs, [], default_keys(records), title="kept", command="gsu report", about="")
    assert page.count("<html") == 1
    assert records


def test_design_notes_are_numbered_once_in_name_and_title() -> None:
    notes = sorted((ROOT / "docs/design").glob("*.md"))
    assert [note.name[:3] for note in notes] == [f"{number:03}" for number in range(1, len(notes) + 1)]
    for note in notes:
        assert re.match(rf"# {note.name[:3]} [A-Z]", note.read_text(encoding="utf-8")), note.name


def test_the_page_of_design_notes_names_each_once() -> None:
    named = re.findall(
        r"^\| \[\d{3}\]\(design/([\w-]+\.md)\)", (ROOT / "docs/design-notes.md").read_text("utf-8"), re.MULTILINE
    )
    assert sorted(named) == sorted(note.name for note in (ROOT / "docs/design").glob("*.md"))
