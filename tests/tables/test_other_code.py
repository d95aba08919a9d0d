"""A table of kept cells and models says when they were made by another commit than runs now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gsu_cli.tables.cell import Cell, Outcome
from gsu_cli.verbs import cell, reproduce

NOW, THEN, LONG_AGO = "a" * 40, "b" * 40, "c" * 40


def made_by(commit: str | None, status: str = "done", *, dirty: bool = False) -> Outcome:
    one = Cell("a", "b", 0, ())
    git = {} if commit is None else {"commit": commit, "dirty": dirty}
    return Outcome(one, "key", replace(cell.failure(one.overrides, "why"), status=status, git=git))


AGAIN = (made_by(THEN, "failed"), Outcome(Cell("a", "b", 0, ()), "key", None))  # these are to run, whoever made them


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([made_by(NOW), *AGAIN], ""),
        ([made_by(THEN), made_by(NOW)], "1 of those kept were made by other code of gsu (commit bbbbbbb; "),
        ([made_by(THEN, "n/a")], "1 of those kept were made by other code of gsu (commit bbbbbbb; "),
        ([made_by(THEN), made_by(LONG_AGO), made_by(THEN)], "3 of those kept were made by other code of gsu (commit "
         "bbbbbbb, commit ccccccc; "),
        ([made_by(NOW, dirty=True), made_by(None)], "2 of those kept were made by other code of gsu (commit aaaaaaa "
         "with changes, an installed wheel; "),
    ],
)  # fmt: skip
def test_cells_of_other_commits_are_counted(
    outcomes: list[Outcome], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "git", lambda: {"commit": NOW, "dirty": False})
    assert reproduce.other_code(outcomes) == (said and f"{said}this is commit aaaaaaa)")


def test_changes_that_are_not_committed_are_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "git", lambda: {"commit": NOW, "dirty": True})
    said = "1 of those kept were made by other code of gsu (commit aaaaaaa; this is commit aaaaaaa with changes)"
    assert reproduce.other_code([made_by(NOW), *AGAIN]) == said


def test_of_a_wheel_the_version_is_all_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "git", dict)
    assert reproduce.other_code([made_by(None), *AGAIN]) == ""
    said = "1 of those kept were made by other code of gsu (commit bbbbbbb; this is an installed wheel)"
    assert reproduce.other_code([made_by(THEN)]) == said
