"""What the dispatcher needs to know, in one object that also travels to the workers of a sweep."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from gsu_cli.cli.collector import wake
from gsu_cli.cli.torch_early import loaded
from gsu_cli.run.configs import conf_dir as installed_conf_dir


@dataclass(frozen=True)
class App:
    """The configs, the functions behind the verbs, and the line being worked on.

    Functions are named, not held, so that nothing heavy is imported before it is called, in whatever process.

    Args:
        conf_dir: the folder of root configs, one per verb.
        entry: ``module:function`` of a verb, taking the composed config.
        closing: ``module:function`` that prints a sweep's table for a folder and returns how many cells failed.
        verb: the verb typed.
        overrides: what followed it, flags left out.
        full_error: whether a user's own mistake is shown with its traceback, too.
    """

    conf_dir: Path = field(default_factory=installed_conf_dir)
    entry: str = "gsu_cli.verbs.{verb}:main"
    closing: str = "gsu_cli.report.sweep:print_sweep"
    verb: str = ""
    overrides: tuple[str, ...] = ()
    full_error: bool = False

    def call_verb(self, config: Any) -> Any:
        """Import the verb's module and run it."""
        loaded()
        function = _find(self.entry.format(verb=self.verb))
        wake()
        return function(config)

    def close_sweep(self, folder: Path) -> int:
        """Print the closing table; the number of cells that failed."""
        return int(_find(self.closing)(folder) or 0)


def _find(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)
