"""Models of other libraries: what the adapters share.

An adapter offers, beside what every model does, ``options_beside(weights)``, constructor arguments from the config
that the library left beside the weights, and ``translated(tensors)``, the library's names as the adapter's.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from gsu_cli.errors import CheckpointError, UsageError


def library(module: str, extra: str) -> Any:
    """The module of an optional library.

    Raises:
        UsageError: it is not installed; names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as e:
        raise UsageError(
            f"`model` needs the library {extra}",
            found=str(e).splitlines()[0],
            way_out=f"Type pip install 'gsu-cli[{extra}]'",
        ) from e


def read_config(path: Path, what: str) -> dict[str, Any]:
    """A library's JSON config.

    Raises:
        CheckpointError: it is missing or no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{what} must have its {path.name} beside the weights",
            found=f"none in {path.parent}",
            way_out=f"Give the folder that {what} was saved to with checkpoint.path=",
        ) from None
    except (OSError, ValueError) as e:
        raise CheckpointError(f"{path} must be readable JSON", found=str(e)) from e
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} must hold a JSON object", found=type(found).__name__)
    return found
