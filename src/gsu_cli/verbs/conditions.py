"""Conditions of models against classes of data: the labels of a data set are the conditions of its models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from gsu_cli.data.base import Dataset
from gsu_cli.errors import CheckpointError
from gsu_cli.models.conditions import Conditional, conditions_of

SHARES = "condition_shares"  # what models of this package keep of their training data


@contextmanager
def conditional_weights(model: Any, tensors: Mapping[str, Tensor], path: Path) -> Iterator[None]:
    """While weights of a file without its class are loaded: says so where one is conditional and the other is not.

    A class of one's own that keeps no shares is not asked for them: weights of another program have none either.

    Raises:
        CheckpointError: the weights are those of a conditional model and the class is not, or they do not fit a
            conditional class and have no conditions.
    """
    theirs, known = SHARES in tensors, conditions_of(model)
    if theirs and not known:
        raise CheckpointError(
            "weights of a conditional model need a conditional class",
            found=f"{SHARES} among the names in {path}, for {type(model).__name__} without conditions",
            way_out="Name one: model=cvae, or model=ddpm_conditional",
        )
    try:
        yield
    except CheckpointError as e:
        if theirs or not known or SHARES not in model.state_dict():
            raise
        raise CheckpointError(
            f"a class of {known} conditions needs weights of a conditional model",
            found=f"none of {SHARES} in {path}, and {e.found}",
            way_out=f"Name an unconditional class: model=mlp_vae, or model=ddpm. {e.way_out}",
        ) from e


def with_shares(model: Any, tensors: Mapping[str, Tensor], dataset: Dataset) -> tuple[Mapping[str, Tensor], list[str]]:
    """``tensors`` with the shares of the classes, where the class keeps them and another program did not write them.

    Returns:
        The tensors, and what a reader must know of the shares.
    """
    if SHARES in tensors or SHARES not in model.state_dict() or not isinstance(model, Conditional):
        return tensors, []
    model.meets(dataset.train.labels)
    said = "the file does not say how often training met each class: taken to be as often as in the images loaded"
    return {**tensors, SHARES: model.condition_shares.clone()}, [said]


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
