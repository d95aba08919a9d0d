"""Pages of the docs go with an installed gsu: a message that names one can be followed."""

from __future__ import annotations

import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gsu_cli.errors import UsageError
from gsu_cli.verbs import docs_pages

ROOT = Path(__file__).parents[2]


def test_a_wheel_carries_every_page() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    carried = {name for name in wheel["force-include"] if name.startswith("docs/")}
    assert carried == {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} | {"docs/methods"}
    assert all(to == f"gsu_cli/{name}" for name, to in wheel["force-include"].items())


def test_every_page_that_a_message_names_is_there() -> None:
    sources = (path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    named = {name for text in sources for name in re.findall(r"gsu show (docs/\S+?\.md)", text)}
    assert len(named) > 5
    assert named <= set(dict(docs_pages.titles()))


def test_no_message_names_a_page_without_the_way_to_it() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            assert not re.search(r"(way_out|PAGE|SEE|NAME_THE_CLASS)\b.*(?<!show )docs/[a-z-]+\.md", line), line


def test_a_page_is_printed_as_it_is_and_another_name_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    docs_pages.show("docs/own-judge")
    assert capsys.readouterr().out == (ROOT / "docs" / "own-judge.md").read_text("utf-8")
    assert all(title for _, title in docs_pages.titles())
    with pytest.raises(UsageError, match="a page must be one of") as refused:
        docs_pages.show("docs/own-jugde.md")
    assert "Did you mean 'docs/own-judge.md'" in str(refused.value)


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("concepts.md", "docs/concepts.md"),
        ("../audit.md#canaries", "docs/audit.md"),
        ("methods/newton.md", "docs/methods/newton.md"),
        ("newton.md", "docs/methods/newton.md"),
        ("docs/Concepts.md", "docs/concepts.md"),
    ],
)
def test_a_link_that_a_page_shows_can_be_typed(word: str, page: str, type_line: Any, tmp_path: Path) -> None:
    typed = type_line("show", word, cwd=tmp_path)
    assert (typed.code, typed.out) == (0, (ROOT / page).read_text("utf-8"))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("docs/results/digits/table.md", "See it in the repository of gsu"),
        ("design/020-speed.md", "See it in the repository of gsu"),
        ("README.md", "See it in the repository of gsu"),
        ("docs/nosuch.md", "found docs/nosuch.md. List them with it"),
        ("docs/methods", "found docs/methods. Did you mean 'docs/own-method.md'"),
        ("concepts", "found concepts. Type gsu show docs/concepts.md"),
        ("Sweeps", "found Sweeps. Type gsu show docs/sweeps.md"),
    ],
)
def test_what_is_no_page_is_told_where_it_is(word: str, said: str, type_line: Any, tmp_path: Path) -> None:
    """A page whose name is spelled with as many letters was proposed: salun for a table."""
    typed = type_line("show", word, cwd=tmp_path)
    assert typed.code == 2
    assert said in typed.err


def test_help_of_a_choice_says_which_command_explains_it(type_line: Any, tmp_path: Path) -> None:
    typed = type_line("help", "folder", cwd=tmp_path)
    assert (typed.code, typed.err) == (
        2,
        "gsu: the word after help must be a verb; found folder. Type gsu show folder.\n",
    )
    assert "the first word must be one of" in type_line("help", "nosuch", cwd=tmp_path).err


@pytest.mark.parametrize("name", ["docs/own-method.md", "docs/own-model.md", "docs/sweeps.md", "docs/audit.md"])
def test_code_on_a_terminal_can_be_copied(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was indented by a blank and broken at the terminal's edge: Python refused the one, a shell ran half a line."""
    out = io.StringIO()
    monkeypatch.setattr(docs_pages, "console", Console(file=out, width=80, force_terminal=True, color_system=None))
    docs_pages.show(name)
    text = (ROOT / name).read_text("utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        assert f"\n{block}" in out.getvalue()
    prose = [line for line in out.getvalue().splitlines() if not any(line in block for block in blocks)]
    assert max(map(len, prose)) <= 80
    assert "```" not in out.getvalue()
