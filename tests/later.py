"""Libraries that few tests need: imported by these, not by every worker that reads the file they stand in."""

from __future__ import annotations

import importlib
from typing import Any


class Later:
    """A module that is imported once something of it is asked for; pytest, which looks for tests, asks for `_names`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")):
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)
