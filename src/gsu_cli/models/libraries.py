"""Models of other libraries: what the adapters share.

An adapter offers, beside what every model does, ``options_beside(weights)``, constructor arguments from the config
that the library left beside the weights, and ``translated(tensors)``, the library's names as the adapter's.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.models.foreign_options import check_options
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.run.one_line import one_line


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
            found=one_line(e),
            way_out=f"Type pip install 'gsu-cli[{extra}]'",
        ) from e


def built_by_diffusers(kind: Any, options: Mapping[str, Any], path: str) -> Any:
    """An object of a class of diffusers, from the config that lies at ``path``.

    Raises:
        CheckpointError: this release does not build it, or an option is not one of the class.
    """
    check_options(kind, options, path)

    def sentence(e: Exception) -> CheckpointError:
        return CheckpointError(
            f"{path} must be one that this release of diffusers builds",
            found=one_line(e),
            way_out="Put it right, or install the release that wrote it",
        )

    with foreign_errors(sentence):
        return kind(**options)
