"""Capabilities of models as they are written and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor

from gsu_cli.models.protocols import ByMembers


@runtime_checkable
class WritesFolder(Protocol, metaclass=ByMembers):
    """It is written as a folder of its library, too."""

    def save_folder(self, path: Path) -> None: ...


@runtime_checkable
class Translates(Protocol, metaclass=ByMembers):
    """An adapter of a library, which names the library's weights as its own."""

    def translated(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]: ...
