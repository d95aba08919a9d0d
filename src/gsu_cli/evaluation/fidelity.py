"""torch-fidelity, which computes distances between sets of points of anyone's features; optional."""

from __future__ import annotations

import importlib
from types import ModuleType

from gsu_cli.errors import UsageError


def fidelity(module: str, metric: str) -> ModuleType:
    """``torch_fidelity.<module>``.

    Raises:
        UsageError: the package is not installed; the sentence says how.
    """
    try:
        return importlib.import_module(f"torch_fidelity.{module}")
    except ImportError as e:
        raise UsageError(
            f"`metric={metric}` needs a package that is optional",
            found=f"no {e.name or 'torch_fidelity'}",
            way_out="Type pip install 'gsu-cli[fidelity]'",
        ) from e
