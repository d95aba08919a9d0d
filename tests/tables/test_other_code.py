"""A table of kept cells says when they were made by another commit than runs now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gsu_cli.tables.cell import Cell, Outcome
from gsu_cli.verbs import cell, reproduce

NOW, THEN, LONG_AGO = "a" * 40, "b" * 40, "c" * 40


def made_by(commit: str | None, status: str = "done") -> Outcome:
    one = Cell("a", "b", 0, ())
    git = {} if commit is None else {"commit": commit, "dirty": False}
    return Outcome(one, "key", replace(cell.failure(one.overrides, "why"), status=status, git=git))


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([made_by(NOW), made_by(None), made_by(THEN, "failed"), Outcome(Cell("a", "b", 0, ()), "key", None)], ""),
        (
            [made_by(THEN), made_by(NOW)],
            "1 of those done were made by other code of gsu (commit bbbbbbb; this is aaaaaaa)",
        ),
        (
            [made_by(THEN), made_by(LONG_AGO), made_by(THEN)],
            "3 of those done were made by other code of gsu (commit bbbbbbb, ccccccc; this is aaaaaaa)",
        ),
    ],
)
def test_cells_of_other_commits_are_counted(
    outcomes: list[Outcome], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "git", lambda: {"commit": NOW, "dirty": False})
    assert reproduce.other_code(outcomes) == said
    monkeypatch.setattr(reproduce, "git", dict)
    assert reproduce.other_code(outcomes) == "", "of a wheel the version is all that is known"
