"""The page in a real browser: it sorts, copies, unfolds, fits a phone, asks the network for nothing, logs no error.

Slow, and in need of Chromium. Without one it is skipped and says so; GSU_BROWSER_TESTS=1 makes that a failure. What can
be known of the page without a browser is tested in `test_html`.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gsu_cli.report.html.page import render
from gsu_cli.report.runs import collect
from made_runs import costly, lay_out, run

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr")  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What a script in the page found, and what the console said; the page's own policy reports any request there."""

    found: Any
    console: list[str]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = f"none of {', '.join(NAMES)} is installed"
        if os.environ.get("GSU_BROWSER_TESTS") == "1":
            pytest.fail(f"GSU_BROWSER_TESTS=1 asks for a browser, but {reason}")
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    runs: dict[str, Any] = {
        f"{method}/{lr}": costly(lr, 0.1 - lr, method=method, lr=lr)
        for method in ("ascent", "a_method_with_a_rather_long_name")
        for lr in (0.09, 0.001, 0.01)
    }
    runs["failed"] = run(2, status="failed", error="NonFiniteError: " + "x" * 300)
    folder = lay_out(tmp_path_factory.mktemp("runs"), runs)
    found, broken = collect([folder])
    keys = ["method", "forget", "method.lr"]
    return render(found, broken, keys, title="Runs", command="gsu report " + "x" * 300, about="made by a test")


def look(chromium: str, page: str, script: str, folder: Path, *flags: str) -> Seen:
    """Opens the page, lets a script of ours return a value at the end, and closes it."""
    probe = (
        "<script>addEventListener('load', async () => { let found; try { found = await (async () => {"
        f"{script}"
        "})(); } catch (error) { found = 'error: ' + error; }"
        "document.documentElement.setAttribute('data-found', JSON.stringify(found)); });</script></body>"
    )
    (folder / "page.html").write_text(page.replace("</body>", probe), encoding="utf-8")
    flags = (*QUIET, *flags, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=4000", "--dump-dom")
    line = [chromium, *flags, f"file://{folder / 'page.html'}"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    (answer,) = re.findall(r'data-found="([^"]*)"', done.stdout)
    console = [text for text in done.stderr.splitlines() if ":CONSOLE" in text]
    return Seen(json.loads(html.unescape(answer)), console)


def test_sorting_copying_unfolding(chromium: str, page: str, tmp_path: Path) -> None:
    script = """
      const table = document.querySelector('#tables table');
      const column = (k) => [...table.tBodies[0].rows].map((row) => row.cells[k].innerText.trim());
      const button = (k) => table.tHead.rows[0].cells[k].querySelector('button');
      const out = {buttons: table.querySelectorAll('thead button').length, heads: table.tHead.rows[0].cells.length};
      out.before = column(2);
      button(2).click(); out.up = column(2); out.sortUp = table.tHead.rows[0].cells[2].getAttribute('aria-sort');
      button(2).click(); out.down = column(2); out.sortDown = table.tHead.rows[0].cells[2].getAttribute('aria-sort');
      button(3).focus(); document.activeElement.click(); out.changes = column(3);
      out.cleared = table.tHead.rows[0].cells[2].hasAttribute('aria-sort');
      const copy = document.querySelector('.command button.copy');
      copy.click(); await new Promise((done) => setTimeout(done, 200));
      out.copy = copy.textContent; out.copies = document.querySelectorAll('.command button.copy').length;
      out.commands = document.querySelectorAll('.command').length;
      location.hash = '#run-3'; await new Promise((done) => setTimeout(done, 200));
      out.open = document.getElementById('run-3').open; out.closed = document.getElementById('run-2').open;
      out.images = [...document.images].every((image) => image.complete && image.naturalWidth > 0);
      out.asked = performance.getEntriesByType('resource').map((one) => one.name).filter((n) => !n.startsWith('data:'));
      return out;
    """
    seen = look(chromium, page, script, tmp_path)
    found = seen.found
    assert isinstance(found, dict), found
    assert found["buttons"] == found["heads"] > 5
    rates = ["0.001", "0.01", "0.09"]
    assert found["before"] == [*rates, *rates, "0.1"]
    assert (found["up"], found["sortUp"]) == (sorted([*rates, *rates, "0.1"]), "ascending")
    assert (found["down"], found["sortDown"]) == (sorted([*rates, *rates, "0.1"], reverse=True), "descending")
    assert not found["cleared"]
    numbers = [float(text.rstrip("%")) for text in found["changes"][:-1]]
    assert numbers == sorted(numbers)
    assert found["changes"][-1].startswith("-["), "a hole stays last"
    assert found["copy"] in ("Copied", "Selected")
    assert found["copies"] == found["commands"] == 8
    assert (found["open"], found["closed"], found["images"]) == (True, False, True)
    assert found["asked"] == []
    assert seen.console == []


def test_a_request_would_have_been_noticed(chromium: str, page: str, tmp_path: Path) -> None:
    foreign = page.replace("<main>", '<main><img src="http://example.invalid/x.png" alt="x">')
    assert any("Content Security Policy" in line for line in look(chromium, foreign, "return 1;", tmp_path).console)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(chromium: str, page: str, tmp_path: Path, width: int) -> None:
    # headless windows have a least width; a frame of the page has any
    frame = f"""
      for (const details of document.querySelectorAll('details')) details.open = true;
      document.body.style.width = '{width}px';
      document.body.style.margin = '0';
      const wide = [...document.body.querySelectorAll('*')].filter((element) =>
        !element.closest('.wide, svg') && element.getBoundingClientRect().right > {width} + 0.5);
      return wide.map((element) => element.tagName + ' ' + element.className + ' ' + element.textContent.slice(0, 40));
    """
    assert look(chromium, page, frame, tmp_path, f"--window-size={width},900").found == []


def test_a_wide_table_scrolls_to_its_last_column_and_keeps_its_head(chromium: str, page: str, tmp_path: Path) -> None:
    script = """
      document.body.style.width = '390px'; document.body.style.margin = '0';
      return [...document.querySelectorAll('section > .wide')].map((box) => {
        const last = box.querySelector('thead th:last-child'), first = box.querySelector('tbody th');
        const before = last.getBoundingClientRect().right > box.getBoundingClientRect().right + 1;
        box.scrollLeft = 1e6; box.scrollTop = 1e6;
        const frame = box.getBoundingClientRect(), head = last.getBoundingClientRect();
        return [before, head.right <= frame.right + 1, head.top >= frame.top - 1 && head.bottom <= frame.bottom + 1,
                first.getBoundingClientRect().width < 0.5 * frame.width, frame.height <= 0.86 * window.innerHeight];
      });
    """
    found = look(chromium, page, script, tmp_path, "--window-size=390,900").found
    assert len(found) >= 2
    assert all(all(said[1:]) for said in found), found
    assert any(said[0] for said in found), "without scrolling the last column is out of sight"


@pytest.mark.parametrize(("width", "least"), [(390, 2), (1280, 3)])
def test_numbers_are_seen_beside_the_keys_without_scrolling(
    chromium: str, page: str, tmp_path: Path, width: int, least: int
) -> None:
    # headless windows have a least width, which is a phone's to the style; the body has any
    script = f"""
      document.body.style.width = '{width}px'; document.body.style.margin = '0';
      return [...document.querySelectorAll('section > .wide')].map((box) =>
        [...box.querySelectorAll('tbody tr:first-child td.right')].filter((cell) =>
          cell.offsetWidth && cell.getBoundingClientRect().right <= box.getBoundingClientRect().right).length);
    """
    found = look(chromium, page, script, tmp_path, f"--window-size={width},900").found
    assert len(found) >= 2
    assert min(found) >= least, found


def test_both_colour_schemes(chromium: str, page: str, tmp_path: Path) -> None:
    script = "return getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color;"
    light = look(chromium, page, script, tmp_path).found
    (tmp_path / "dark").mkdir()
    dark = look(chromium, page, script, tmp_path / "dark", "--blink-settings=preferredColorScheme=0").found
    assert light == "rgb(255, 255, 255)rgb(27, 31, 36)"
    assert dark == "rgb(13, 17, 23)rgb(230, 237, 243)"


def test_without_scripts_it_is_a_plain_page(chromium: str, page: str, tmp_path: Path) -> None:
    plain = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    script = "return [document.querySelectorAll('button').length, document.querySelectorAll('tbody tr').length > 10];"
    assert look(chromium, plain, script, tmp_path).found == [0, True]
