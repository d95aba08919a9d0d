"""The site builds, and every page of the docs is in its navigation."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
NAVIGATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]


def test_every_page_has_a_place() -> None:
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    placed = re.findall(r"[\w/.-]+\.md", NAVIGATION)
    assert set(placed) == pages
    assert len(placed) == len(set(placed))


ORDER = ["The command", "What you see", "How to read it", "How it works", "Limits"]
HOW_TO = sorted(re.findall(r"[\w/.-]+\.md", NAVIGATION.split("How to:")[1].split("\n  - ")[0]))


@pytest.mark.parametrize("name", HOW_TO)
def test_a_page_begins_with_what_you_can_do_and_keeps_the_order(name: str) -> None:
    title, text, *_ = [line for line in (ROOT / "docs" / name).read_text("utf-8").splitlines() if line]
    assert title.startswith("# ")
    assert re.match(r"(You can|A |An )", text), text
    heads = re.findall(r"^## (.*)$", (ROOT / "docs" / name).read_text("utf-8"), re.MULTILINE)
    common = [head for head in heads if head in ORDER]
    assert common == [head for head in ORDER if head in common]
    assert "Limits" in heads


def test_design_notes_are_numbered_once() -> None:
    numbers = [path.name[:3] for path in (ROOT / "docs/design").glob("*.md")]
    assert len(numbers) == len(set(numbers))


def build(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # not --quiet: it hides warnings from --strict as well, and dead links would pass
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site), *words]
    return subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )


def test_it_builds_with_no_dead_link_or_anchor(tmp_path: Path) -> None:
    run = build(tmp_path / "site")
    assert run.returncode == 0, run.stdout + run.stderr
    page = (tmp_path / "site/concepts.html").read_text(encoding="utf-8")
    assert "Glossary" in page
    verbs, configs = ((tmp_path / f"site/reference/{name}.html").read_text("utf-8") for name in ("verbs", "configs"))
    for name in ("train", "unlearn", "evaluate", "reproduce", "report", "show"):
        assert f"gsu {name}: " in verbs, name
    choices = {path.relative_to(CONF) for path in CONF.rglob("*.yaml")}
    unsaid = [
        c for c in choices if c.parts[0] != "hydra" and f"{c.parts[-1].removesuffix('.yaml')}</strong>" not in configs
    ]
    assert unsaid == []
    assert (tmp_path / "site/search/search_index.json").is_file()
    fetched = re.findall(r'(?:src|href)="(https?://[^"]+)"', page.split("<body")[0])
    assert fetched == []  # a page that is opened offline is whole


def test_a_dead_link_and_a_dead_anchor_stop_the_build(tmp_path: Path) -> None:
    """The negative control."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("[gone](nowhere.md)\n\n[no such place](#nowhere)\n", encoding="utf-8")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[0]
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        settings.replace("docs_dir: docs", f"docs_dir: {docs}").replace("[scripts/", f"[{ROOT}/scripts/"),
        encoding="utf-8",
    )
    run = build(tmp_path / "site", "--config-file", str(config))
    assert run.returncode == 1
    assert "'nowhere.md'" in run.stderr
    assert "'#nowhere'" in run.stderr
