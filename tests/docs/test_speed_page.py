"""docs/speed.md says what the kept bench measured: ratios such as 1/39, rounds, seconds, and the table of slopes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "docs/results/bench"
SECTION = (ROOT / "docs/speed.md").read_text("utf-8")
RATIO = r"(?:1/)?\d[\d.]*"
KEPT = re.compile(rf"({RATIO})(?: \(({RATIO}) to ({RATIO})\))?")
ELSEWHERE = {"training faces, whole", "`make test` on two cores"}  # make bench measures neither


def read(name: str) -> Any:
    return json.loads((BENCH / name).read_text("utf-8"))


def cells(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its head."""
    lines = [line for line in SECTION.split(f"\n## {heading}\n")[1].split("\n## ")[0].splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def rounds_to(said: str, value: float | None) -> bool:
    """Whether a number, or one over a number, is what is said of it."""
    if value is None:
        return False
    number = said.removeprefix("1/")
    near = 0.5 * 10.0 ** -len(number.partition(".")[2]) + 1e-9
    return abs(float(number) - (1 / value if said.startswith("1/") else value)) <= near


def figure_of(kept: str, target: str) -> dict[str, Any] | None:
    """The figure of the bench with this value, these rounds and this target."""
    match = KEPT.fullmatch(kept)
    assert match, kept
    for figure in [*read("bench.json")["figures"], *read("pairs.json")["figures"]]:
        ends = [(match[2], figure.get("low")), (match[3], figure.get("high"))] if match[2] else []
        bound = None if figure["bound"].endswith("None") else float(figure["bound"].split()[1])
        said = [(match[1], figure["value"]), (target, bound), *ends]
        if all(rounds_to(text, value) for text, value in said):
            return dict(figure)
    return None


@pytest.mark.parametrize("row", [row for row in cells("Targets") if row[0] not in ELSEWHERE], ids=lambda row: row[0])
def test_a_missed_target_is_that_of_the_kept_bench(row: list[str]) -> None:
    what, kept, target, notes = row
    figure = figure_of(kept, target)
    assert figure is not None, what
    taken = re.findall(r"\d[\d.]*(?= s\b)", figure["from"])
    for first in re.findall(r"^(\d[\d.]*) s(?:[^;(]*? beside (?:imports of )?(\d[\d.]*) s)?", notes)[:1]:
        assert all(any(rounds_to(said, float(known)) for known in taken) for said in first if said), (what, taken)


def test_the_slopes_are_those_that_were_kept() -> None:
    rows = [row for row in cells("What you see") if len(row) == 4]
    kept = read("scaling.json")["rows"]
    assert len(rows) == len(kept)
    for (what, against, slope, points), found in zip(rows, kept, strict=True):
        assert (what, against, slope) == (found["what"], found["against"], f"{found['slope']:+.2f}")
        assert points == ", ".join(f"{size:,}: {seconds:.3f}" for size, seconds in found["points"])


def test_a_figure_that_was_not_kept_is_found() -> None:
    """The negative control."""
    assert figure_of("1/39 (1/42 to 1/30)", "1/150") is not None
    assert figure_of("1/41 (1/42 to 1/30)", "1/150") is None
    assert figure_of("1/39 (1/42 to 1/31)", "1/150") is None
    assert figure_of("1/39 (1/42 to 1/30)", "1/100") is None
