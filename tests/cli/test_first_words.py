"""First words that are no verb, and the line that people mean by them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gsu_cli.cli.dispatch import MEANT
from gsu_cli.cli.pages import VERBS


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("runs", "gsu show runs."),
        ("curve", "gsu unlearn forget.class=1 curve=true"),
        ("resume", "gsu train resume=FOLDER"),
        ("compare", "gsu show compare=[FOLDER,FOLDER]"),
        ("forget", "gsu unlearn forget.class=1"),
    ],
)
def test_it_is_answered_with_that_line(type_line: Callable[..., Any], tmp_path: Path, word: str, line: str) -> None:
    """The answer was the list of verbs, in which a reader had to guess where curves are."""
    typed = type_line(word, "forget.class=1", cwd=tmp_path)
    assert (typed.code, typed.err.rstrip("\n").rpartition("Type ")[2]) == (2, line)
    assert f"found {word}." in typed.err


@pytest.mark.parametrize("word", ["--config-dir", "-m", "dataset=mnist"])
def test_what_belongs_behind_the_verb_is_sent_there(type_line: Callable[..., Any], tmp_path: Path, word: str) -> None:
    typed = type_line(word, "show", cwd=tmp_path)
    assert (typed.code, typed.err.rstrip(".\n").rpartition(". ")[2]) == (2, f"Put the verb before it: gsu VERB {word}")


@pytest.mark.parametrize("word", ["--verison", "--hlep"])
def test_a_mistyped_word_is_still_named(type_line: Callable[..., Any], tmp_path: Path, word: str) -> None:
    err = type_line(word, cwd=tmp_path).err
    assert "Did you mean '--" in err
    assert "VERB" not in err


@pytest.mark.parametrize("line", sorted(set(MEANT.values())))
def test_each_of_these_lines_can_be_typed(type_line: Callable[..., Any], tmp_path: Path, line: str) -> None:
    verb, *rest = line.replace("-m ", "").replace("1,2,3", "1").split()
    assert verb in VERBS
    typed = type_line(verb, *rest, "--cfg", "job", cwd=tmp_path)
    assert (typed.code, typed.err) == (0, "")
