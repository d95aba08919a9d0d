"""JSON that a library left beside its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gsu_cli.errors import CheckpointError, unreadable

COPY = "Copy the folder again"


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
    except OSError as e:
        raise unreadable(path, e, CheckpointError, way_out=COPY) from e
    except (ValueError, RecursionError) as e:
        raise CheckpointError(f"{path} must be readable JSON", found=str(e), way_out=COPY) from e
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} must hold a JSON object", found=f"{found!r:.40}", way_out=COPY)
    return found
