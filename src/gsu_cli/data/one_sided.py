"""Classes and attributes that one part alone holds, names that look like one: said before a number rests on them."""

from __future__ import annotations

from gsu_cli.data.base import Dataset
from gsu_cli.data.part_names import some

SHOWN = 5


def one_sided(dataset: Dataset) -> str:
    """A sentence on classes without training or without held-out images; empty where there is none."""
    trained, heldout = (set(part.labels.unique().tolist()) for part in (dataset.train, dataset.heldout))
    named = {
        "training": [name for label, name in dataset.class_names.items() if label not in trained],
        "held-out": [name for label, name in dataset.class_names.items() if label not in heldout],
    }
    found = [f"no {what} images: {some(names, most=SHOWN)}" for what, names in named.items() if names]
    if not found:
        return ""
    said = f"classes with {'; with '.join(found)}. Are they named alike in both parts?"
    if named["training"]:
        said += " Held-out images of classes that nothing was trained on count among the retained"
    if named["held-out"]:
        said += " What is measured held out is of the classes that have such images"
    return said


def unchecked(dataset: Dataset) -> str:
    """A sentence on attributes that training images have and no held-out image; empty where there is none."""
    if dataset.train.attributes is None or dataset.heldout.attributes is None:
        return ""
    has = dataset.train.attributes.any(0) & ~dataset.heldout.attributes.any(0)
    names = [name for name, found in zip(dataset.attribute_names, has.tolist(), strict=True) if found]
    if not names:
        return ""
    said = f"attributes that no held-out image has: {some(names, most=SHOWN)}. No judge can be checked on them"
    way = "a larger `dataset.heldout_fraction` or another `dataset.split_seed` may hold some out"
    return f"{said}. Where a seed chose the held-out images, {way}"


def alike(dataset: Dataset) -> str:
    """A sentence on names of classes that differ in case alone; empty where none do."""
    by_letters: dict[str, list[str]] = {}
    for name in dataset.class_names.values():
        by_letters.setdefault(name.casefold(), []).append(name)
    found = [" and ".join(names) for names in by_letters.values() if len(names) > 1]
    return f"classes whose names differ in capitals alone count as several: {some(found, most=SHOWN)}" if found else ""
