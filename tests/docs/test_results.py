"""docs/results: every page is what its records render, every file is cited, every cited figure is in a record."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/results"
ELSEWHERE = sorted(path for path in (ROOT / "docs").rglob("*.md") if RESULTS not in path.parents)
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/methods").glob("*.md")])


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import results as found  # type: ignore[import-not-found]  # a script, beside those that it uses

    return found  # type: ignore[no-any-return]


def told(path: Path, text: str) -> object:
    """The bytes of a page; of a figure its words and numbers, since releases of matplotlib place them differently."""
    return [*ElementTree.fromstring(text).itertext()] if path.suffix == ".svg" else text


def test_every_page_is_what_its_records_render(results: ModuleType) -> None:
    rendered = results.everything()
    stale = [
        str(path.relative_to(ROOT))
        for path, text in rendered.items()
        if told(path, path.read_text("utf-8")) != told(path, text)
    ]
    assert not stale, f"run python scripts/results.py: {stale}"
    kept = {path for path in RESULTS.rglob("*") if path.suffix in (".md", ".svg") and path.name != "README.md"}
    assert kept == set(rendered)
    assert "results" in sys.modules


def test_every_folder_is_a_table() -> None:
    tables = {path.stem for path in (ROOT / "conf/table").glob("*.yaml")}
    assert {path.name for path in RESULTS.iterdir() if path.is_dir()} == {*tables, "archive", "audit", "bench", "demo"}
    assert {path.parent.name for path in RESULTS.glob("*/records.json")} == {*tables, "demo"}


def links(page: Path) -> set[Path]:
    return {(page.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))}


def test_every_file_is_cited() -> None:
    within = {target for page in RESULTS.rglob("*.md") for target in links(page)}
    assert [
        str(path) for path in RESULTS.rglob("*") if path.is_file() and path not in within | {RESULTS / "README.md"}
    ] == []
    without = {target for page in [*ELSEWHERE, ROOT / "README.md"] for target in links(page)}
    folders = {path for path in RESULTS.iterdir() if path.is_dir()}
    assert {path.name for path in folders if not any(path in target.parents for target in without)} == set()


NUMBER = r"[+-]?\d[\d,]*(?:\.\d+)?"
FIGURES = re.compile(
    rf"(?<![\w.=-]){NUMBER}(?:(?:\s±\s[\d.]+)?\s?%?(?:\s?/\s?|\s(?:and|to|against|or)\s){NUMBER})*(?:\s±\s[\d.]+)?\s?%"
)
FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
SOURCE = re.compile(r"\]\((?:\.\./|docs/)?results/([\w/]+)/[\w.-]+\)|<!-- figures: ([\w/, ]+) -->")
SETTINGS = {"1", "5", "95"}  # budgets, tolerances, intervals: what was chosen, not measured


def blocks(text: str) -> list[tuple[str, set[str]]]:
    """Paragraphs, list items and tables, each with the folders of docs/results that it, or a mark above it, names.

    ``<!-- figures: digits, leaderboard -->`` holds until the next heading.
    """
    found, marked = [], set[str]()
    for part in re.split(r"\n\s*\n", FENCE.sub("", text)):
        if part.startswith("#"):
            marked = set()
        named = {name.strip() for pair in SOURCE.findall(part) for name in (pair[0] or pair[1]).split(",")}
        if part.strip().startswith("<!-- figures"):
            marked = named
        items = re.split(r"\n(?=[-*] |\d+\. )", part) if re.match(r"[-*] |\d+\. ", part) else [part]
        for item in items:
            own = {name.strip() for pair in SOURCE.findall(item) for name in (pair[0] or pair[1]).split(",")}
            found.append((item, own | marked))
    return found


def figures(text: str) -> list[str]:
    """Every percentage, also those that share a sign with a later one: "76 and 78 %"."""
    plain = re.sub(r"±\s[\d.]+", "", text)
    return [n for run in FIGURES.findall(plain) for n in re.findall(NUMBER, run)]


FACTOR = re.compile(r"(?<![\w.])x(\d[\d,]*(?:\.\d+)?(?:e\+\d+)?)|(?<![\w.])(\d[\d,]*(?:\.\d+)?) times the original")


def factors(text: str, source: str) -> list[str]:
    """Factors of a change, "x12.3" or "12 times the original", to which no factor of the source rounds."""
    known = [float(number.replace(",", "")) for number, _ in FACTOR.findall(source) if number]
    wrong = []
    for match in FACTOR.finditer(text):
        said = match[1] or match[2]
        digits = len(said.partition("e")[0].partition(".")[2])
        near = 0.5 * 10.0**-digits * (10 ** int(said.partition("e")[2] or 0))
        if not any(abs(float(said.replace(",", "")) - number) <= near + 1e-9 for number in known):
            wrong.append(match[0])
    return wrong


def stands(figure: str, source: str) -> bool:
    """Whether a number of the source rounds to the figure; a figure without a sign may be of either."""
    digits = len(figure.partition(".")[2])
    wanted = float(figure.replace(",", ""))
    for number in re.findall(rf"({NUMBER})(?:\s?%)", source):
        value = float(number.replace(",", ""))
        value = value if figure[0] in "+-" else abs(value)
        if abs(value - wanted) <= 0.5 * 10**-digits + 1e-9:
            return True
    return False


def unsupported(text: str) -> list[str]:
    """What a page says and no source holds."""
    wrong = []
    for block, folders in blocks(text):
        source = "\n".join(p.read_text("utf-8") for name in folders for p in sorted((RESULTS / name).glob("*.md")))
        for figure in figures(block):
            measured = figure[0] in "+-" or "." in figure
            if (folders or measured) and figure not in SETTINGS and not stands(figure, source):
                wrong.append(f"{figure} % of {sorted(folders)}: {' '.join(block.split())[:80]}")
        if folders:
            wrong += [f"{said} of {sorted(folders)}: {' '.join(block.split())[:80]}" for said in factors(block, source)]
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_figure_is_in_a_record(page: Path) -> None:
    assert unsupported(page.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("It forgets 97.5 % ([table](results/leaderboard/table.md)).", 0),
        ("It forgets 98.4 % ([table](results/leaderboard/table.md)).", 1),
        ("It forgets 92 / 91 % ([table](results/leaderboard/table.md)).", 0),
        ("It forgets 92 / 99 % and +0.7 % ([table](results/leaderboard/table.md)).", 1),
        ("It forgets -97.5 %.", 1),
        ("It costs x12.3 ([table](results/lr_sweep/table.md)).", 0),
        (
            "It costs x12.4 and 13 times the original, not 12 times the original ([table](results/lr_sweep/table.md)).",
            1,
        ),
        ("It costs x1.37e+03, not x1.38e+03 ([table](results/lr_sweep/table.md)).", 1),
        ("It forgets +97.5 % ([table](results/leaderboard/table.md)).", 1),
        ("<!-- figures: leaderboard -->\n\n| a |\n|---|\n| -97.5% ± 1.3 |\n\n## Next\n\n-97.5 % here", 1),
    ],
)
def test_a_figure_without_a_record_is_found(text: str, wrong: int) -> None:
    """The negative control."""
    assert len(unsupported(text)) == wrong
