"""Models of other libraries: what the adapters share.

An adapter offers, beside what every model does, ``options_beside(weights)``, constructor arguments from the config
that the library left beside the weights, and ``translated(tensors)``, the library's names as the adapter's.
"""

from __future__ import annotations

import importlib
from typing import Any

from gsu_cli.errors import UsageError


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
