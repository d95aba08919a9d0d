"""Conditions of models against classes of data: the labels of a data set are the conditions of its models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gsu_cli.data.base import Dataset
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.models.conditions import conditions_of


def conditions_for(dataset: Dataset, wanted: object = None) -> int:
    """The number of conditions that a model of ``dataset`` needs.

    Args:
        dataset: of which `dataset.classes` may have left some out; their conditions stay.
        wanted: ``model.conditions``; None takes what the data need.

    Raises:
        UsageError: the data have fewer than two classes, or another number of them.
    """
    names = (dataset.whole or dataset).class_names
    if len(names) < 2:
        raise UsageError(
            "a conditional model needs images of at least two classes",
            found=f"{len(names)} in {dataset.name}",
            way_out="Choose an unconditional model, such as model=mlp_vae or model=conv_vae",
        )
    needed = max(names) + 1
    if wanted is not None and wanted != needed:
        raise UsageError(
            "`model.conditions` must be the number of classes of the data",
            found=f"{wanted!r} for {needed} in {dataset.name}",
            way_out="Leave it out: it is read off the data",
        )
    return needed


def check_conditions(model: Any, dataset: Dataset, path: Path) -> None:
    """Refuses data with another number of classes than a conditional model was made for.

    Raises:
        CheckpointError: with both numbers.
    """
    known, names = conditions_of(model), (dataset.whole or dataset).class_names
    needed = max(names, default=-1) + 1
    if known and known != needed:
        raise CheckpointError(
            f"a model of {known} conditions needs data of {known} classes",
            found=f"{needed} in {dataset.name}, for {path}",
            way_out="Choose the data set that it was trained on, or train one for this data set",
        )
