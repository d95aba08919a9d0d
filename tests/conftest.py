"""What several folders of tests need: typing a line without starting a process."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import signal
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import made_once
from fast_lines import lines_cost_once
from gsu_cli.cli import main
from longest import longest_first

# nothing here is large enough for two threads, which only wait for each other on a busy machine; before torch comes
os.environ.setdefault("OMP_NUM_THREADS", "1")

# each line measures anew what it measures; what is kept between lines has tests of its own
os.environ["GSU_MEASURED_DIR"] = ""

# pytest loads readline, which exports the size of the terminal that pytest was typed in to all its children
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# torch, Hydra and pytest leave a million objects that stay; looking through them for cycles took a fifth of all time
gc.freeze()
gc.set_threshold(60_000, 20, 20)

# a shell starts what it puts into the background deaf to Ctrl-C, and children inherit that: tests send it to theirs
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Examples:
    """Files are looked through for examples in docstrings where they have some: two of three files are tests alone."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(self, file_path: Path) -> Generator[None, Any, Any]:
        found = yield
        if file_path.suffix != ".py" or ">>>" in file_path.read_text(encoding="utf-8"):
            return found
        return [each for each in found if type(each).__name__ != "DoctestModule"]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Examples())
    made_once.write()
    if made_once.PLACE not in os.environ:  # in a worker it is set
        config.add_cleanup(partial(made_once.end, made_once.begin()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # of several workers
        longest_first(items)


@dataclass(frozen=True)
class Typed:
    """What a line did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Type = Callable[..., Typed]


@pytest.fixture(scope="session", autouse=True)
def what_hydra_works_out_is_kept() -> Iterator[None]:
    with lines_cost_once():
        yield


@contextlib.contextmanager
def root_logger_put_back() -> Iterator[None]:
    """Hydra configures the root logger for the life of a process, with streams that are closed after each test."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in set(root.handlers) - set(handlers):
            handler.close()
        root.handlers[:] = handlers


@pytest.fixture(scope="session")
def type_line() -> Type:
    """``type_line("unlearn", "forget.class=1", cwd=folder)``: the real dispatcher, configs and verbs, in process."""

    def run(*words: str, cwd: Path) -> Typed:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, root_logger_put_back():
            for name in ("GSU_FULL_ERROR", "HYDRA_FULL_ERROR", "XDG_CACHE_HOME"):
                patch.delenv(name, raising=False)
            patch.setenv("GSU_DATA_DIR", str(cwd / "no data here"))
            patch.chdir(cwd)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(words)
        return Typed(code, out.getvalue(), err.getvalue())

    return run
