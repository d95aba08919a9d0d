"""The part of a data set over the classes that a model was trained on: what "retained" means for its weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.labels import having, restrict
from gsu_cli.data.split import Split, complement


def over_classes(split: Split, classes: Iterable[int]) -> Split:
    """The same images to be forgotten; retained is all else of ``classes``, with what `dataset.classes` left out.

    Args:
        split: of the data set as loaded.
        classes: labels that the model was trained on. Those that the source does not have are passed over; those of
            the images to be forgotten stay in any case.

    Returns:
        ``split`` itself where that is what was loaded, or where nothing would be retained.
    """
    loaded = split.dataset
    whole = loaded.whole or loaded
    forgotten = {*split.forget_images.labels.tolist(), *split.heldout_forget_images.labels.tolist()}
    known = set(classes) & set(whole.class_names)
    labels = sorted(known | forgotten)
    if not known or labels == sorted(loaded.class_names):
        return split
    dataset = whole if labels == sorted(whole.class_names) else restrict(whole, labels)
    forget = _taken_over(split.forget, loaded, whole, labels, "train")
    if len(forget) == len(dataset.train):
        return split
    heldout = _taken_over(split.heldout_forget, loaded, whole, labels, "heldout")
    return replace(
        split,
        dataset=dataset,
        forget=forget,
        retain=complement(forget, len(dataset.train)),
        heldout_forget=heldout,
        heldout_retain=complement(heldout, len(dataset.heldout)),
    )


def _taken_over(index: Tensor, loaded: Dataset, whole: Dataset, labels: list[int], part: str) -> Tensor:
    """Indices into a part of ``loaded`` as indices into the same part of ``whole`` with ``labels`` alone."""
    images: Images = getattr(whole, part)
    place = torch.full((len(images),), -1)
    kept = having(images, labels)
    place[kept] = torch.arange(len(kept))
    return place[having(images, loaded.class_names)[index]]
