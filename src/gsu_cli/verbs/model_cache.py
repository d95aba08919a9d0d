"""Models that are made once and found again by what decides them: `<output_dir>/<kind>/<key>/`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gsu_cli.errors import CheckpointError
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint
from gsu_cli.run.lineage import architecture
from gsu_cli.run.own_code import class_path, of_config
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.references import reference_sha256


def place(cfg: DictConfig, kind: str, made_of: Mapping[str, Any]) -> Path:
    """The folder of models of a kind.

    Args:
        cfg: of the line.
        kind: "references", say.
        made_of: all that decides them, plain values.
    """
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return Path(str(cfg.paths.output_dir)).expanduser() / kind / key


def made_of(inputs: RunInputs) -> dict[str, Any]:
    """What decides models of the original's data, architecture and recipe, whatever their seeds."""
    assert inputs.recipe is not None  # noqa: S101  # `check_retrain` has seen to it
    return {
        "dataset": reference_sha256(inputs.session),
        "architecture": architecture(inputs.first.model),
        "recipe": inputs.recipe.facts(),
        **of_config({}, class_path(inputs.first.model)),
    }


def opened(path: Path, what: str, shape: tuple[int, int, int]) -> Checkpoint:
    """Weights that were made earlier.

    Args:
        path: of the file, in a folder of its own.
        what: "a reference that was trained".
        shape: of the images.

    Raises:
        CheckpointError: they are damaged.
    """
    try:
        return load_checkpoint(path, shape=shape)
    except CheckpointError as e:
        rule = f"{what} earlier must be whole"
        raise CheckpointError(rule, found=str(e).rstrip("."), way_out=again(path)) from e


def again(path: Path) -> str:
    """How to have it made anew."""
    return f"Remove {path.parent} to have it made again"
