"""What a terminal of 80 columns shows, and what a pipe gets."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys

import pytest
from rich.console import Console
from rich.progress import Progress

from gsu_cli.cli import error_messages as complaints
from gsu_cli.cli import pages, streams
from gsu_cli.cli.app import App
from gsu_cli.cli.pages import VERBS
from gsu_cli.errors import UsageError
from gsu_cli.report.formats import terminal
from gsu_cli.report.table import Cell, Column, Table
from gsu_cli.run.configs import conf_dir
from gsu_cli.verbs import console
from gsu_cli.verbs.forgetting import Told


@pytest.mark.parametrize("columns", [40, 50, 60, 80, 120])
@pytest.mark.parametrize("verb", VERBS)
def test_help_fits(verb: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for page in (pages.page(verb, conf_dir()), pages.overview()):
        typed = [example for example, _ in VERBS[verb].examples]  # lines to copy are never broken
        typed.append("gsu unlearn dataset=mnist forget.class=1")
        wide = [line.strip() for line in page.splitlines() if len(line) >= max(columns, 41)]
        wide = [line for line in wide if line not in typed and " " in line]  # nor is a name
        assert wide == []


def test_a_narrow_terminal_breaks_meanings_below_their_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    page = pages.overview()
    assert "\n  train      fit a model on a dataset, or on what\n             is left after forgetting\n" in page
    assert '\n  eval "$(gsu --completion bash)"\n      tab completion here (or: zsh, fish)\n' in page


def test_lines_of_a_pipe_end_with_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    column = Column("method", form="text"), Column("ratio (CNN)", form="text")
    table = Table("Unlearned", column, ((Cell("ascent"), Cell("1")), (Cell("a method of many words " * 3), Cell("2"))))
    screen = io.StringIO()
    terminal.Lines(file=screen, width=50).print(terminal.grid(table, narrow=True))
    assert "ascent" in screen.getvalue()
    assert [line for line in screen.getvalue().split("\n") if line != line.rstrip()] == []


@pytest.mark.parametrize("terminal_there", [False, True])
def test_where_no_bar_shows_a_line_a_minute_says_how_far_a_work_is(
    terminal_there: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock, screen = [1000.0], io.StringIO()
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(console, "console", terminal.Lines(file=screen, width=80, force_terminal=terminal_there))
    with caplog.at_level("INFO"), console.work_bar("audit") as told:
        for minute, probe in enumerate(("percentile", "membership", "membership", "rebound")):
            clock[0] = 1000 + 50 * minute
            told(minute, 5000, probe)
    lines = ["audit: 2 of 5,000, membership"]
    assert caplog.messages == lines
    assert ("audit: 2 of" in screen.getvalue()) is not terminal_there
    if not terminal_there:
        assert screen.getvalue().splitlines() == lines


def test_a_method_says_what_it_is_at_and_no_loss_that_nobody_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search stood for minutes below "100% loss 0.00 0:00:00"."""
    screen = io.StringIO()
    monkeypatch.setattr(console, "console", terminal.Lines(file=screen, width=80, force_terminal=True))
    last = ""

    def line() -> str:
        bar.refresh()
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).rstrip().rpartition("\r")[2]

    class Untimed:
        stage = staticmethod(lambda name: contextlib.nullcontext())

    with console.work_bar("ascent") as show:
        bar = show.__closure__ and next(
            c.cell_contents for c in show.__closure__ if isinstance(c.cell_contents, Progress)
        )
        told = Told(show, Untimed())  # type: ignore[arg-type]
        with told.stage("gradients"):
            assert "gradients" in (last := line())
            assert "%" not in last
        told.step(1, 1, None)
        assert "loss" not in line()
        with told.stage("retain_cost"):
            assert "retain cost" in (last := line())
            assert "%" not in last, "nobody knows how long it takes"
        told.step(1, 150, 0.11066)
        with told.stage("gradients"):
            assert "loss 0.1107" in line(), "a loop that counts is not hidden by its parts"


def test_a_stream_that_is_no_unicode_gets_other_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """``LC_ALL=C gsu report | less`` ended in a traceback."""
    taken = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(taken, encoding="ascii"))
    streams.write_what_there_is_a_letter_for()
    print("feature ratio ↓ -80.7% ± 5.1 of 模型", flush=True)
    assert taken.getvalue() == b"feature ratio v -80.7% +/- 5.1 of ??\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "no_colour", "name"),
    [(Terminal(), "", "\033[1;31mgsu:\033[0m "), (Terminal(), "1", "gsu: "), (io.StringIO(), "", "gsu: ")],
)
def test_errors_are_red_where_somebody_sees_it(
    stream: io.StringIO, no_colour: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setattr(sys, "stderr", stream)
    assert complaints.complain(UsageError("`a` must be b", found="c"), App()) == 2
    assert stream.getvalue() == f"{name}`a` must be b; found c.\n"


def test_a_pipe_gets_whole_lines_and_no_bar() -> None:
    program = """
from gsu_cli.training.loop import Progress
from gsu_cli.verbs import console
console.note("long " * 100)
console.say("use it with checkpoint.path=", "/very" * 60)
with console.training_bar("MlpVae") as tick, console.work_bar("evaluate") as tock:
    tick(Progress(1, 2, 1, 1, 0.5))
    tock(1, 2, "fid")
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, second = found.stdout.splitlines()
    assert first.strip() == "NOTE  " + ("long " * 100).strip()
    assert second == "use it with checkpoint.path=" + "/very" * 60
    assert found.stderr == ""


def test_bars_say_how_many_images_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    from gsu_cli.training.history import Progress
    from gsu_cli.verbs import console
    from gsu_cli.verbs.measure import _rate

    screen = io.StringIO()
    monkeypatch.setattr(console, "console", Console(file=screen, force_terminal=True, width=160))
    with console.training_bar("Ddpm") as tick:
        tick(Progress(1, 2, 1, 1, 0.5, 1234.5))
    assert "1,234 images/s" in screen.getvalue()
    lines: list[str] = []
    heard = _rate("original", 1000, lines.append)
    heard(20.4)
    assert re.fullmatch(r"20 of 1,000 samples of original, [\d,]+ images/s", lines[0])
