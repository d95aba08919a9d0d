"""What several folders of tests need: typing a line without starting a process."""

from __future__ import annotations

import contextlib
import copy
import gc
import io
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gsu_cli.cli import main
from gsu_cli.run.configs import conf_dir

# nothing here is large enough for two threads, which only wait for each other on a busy machine; before torch comes
os.environ.setdefault("OMP_NUM_THREADS", "1")

# torch, Hydra and pytest leave a million objects that stay; looking through them for cycles took a fifth of all time
gc.freeze()
gc.set_threshold(20_000, 20, 20)

# a shell starts what it puts into the background deaf to Ctrl-C, and children inherit that: tests send it to theirs
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Typed:
    """What a line did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Type = Callable[..., Typed]


@pytest.fixture(scope="session", autouse=True)
def yaml_is_parsed_once() -> Iterator[None]:
    """A line composes some thirty configs, which hardly change between lines: a third of its time was their parsing.

    What a text holds is kept by the text itself, so an edited config is read anew; what is no YAML fails each time.
    """
    parse, kept = yaml.load, dict[str, Any]()

    def load(stream: Any, Loader: Any) -> Any:
        if "OmegaConfLoader" not in Loader.__qualname__ or isinstance(stream, str):
            return parse(stream, Loader)
        text = stream.read()
        if text not in kept:
            stream.seek(0)  # the parser names the file in what it refuses
            kept[text] = parse(stream, Loader)
        return copy.deepcopy(kept[text])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "load", load)
        yield


@pytest.fixture(scope="session", autouse=True)
def a_line_is_composed_once() -> Iterator[None]:
    """Hydra composes a line whole to ask for ``hydra.mode``, and again to run it: half of what a refusal took.

    Of ours, experiments alone set it (tests/conf): of a line without one, without a word of Hydra's, it is none.
    """
    from hydra._internal.hydra import Hydra

    ask = Hydra.get_mode

    def get_mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        places = [place.path for place in self.config_loader.get_search_path().get_path()]
        others = {place for place in places if place and "://" not in place} - {str(conf_dir())}
        if others or any("hydra" in word or "experiment" in word for word in overrides):
            return ask(self, config_name, overrides)
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hydra, "get_mode", get_mode)
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
