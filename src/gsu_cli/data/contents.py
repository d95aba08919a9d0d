"""What a data set holds, counted: images of each class and attribute in each part."""

from __future__ import annotations

from typing import TypedDict

from gsu_cli.data.base import Dataset, Images

SHOWN = 12  # counts in a line; of more classes the smallest and the largest


class Counts(TypedDict):
    """Of one part: name -> number of images, in the order of the labels and of the attributes."""

    classes: dict[str, int]
    attributes: dict[str, int]


def counts(dataset: Dataset) -> dict[str, Counts]:
    """The images of each class and with each attribute, for "train" and "heldout"."""
    return {"train": _counted(dataset, dataset.train), "heldout": _counted(dataset, dataset.heldout)}


def _counted(dataset: Dataset, images: Images) -> Counts:
    values, found = images.labels.unique(return_counts=True)
    by_label = dict(zip(values.tolist(), found.tolist(), strict=True))
    attributes = [] if images.attributes is None else images.attributes.sum(0).tolist()
    return {
        "classes": {name: by_label.get(label, 0) for label, name in sorted(dataset.class_names.items())},
        "attributes": dict(zip(dataset.attribute_names, attributes, strict=True)) if attributes else {},
    }


def describe_counts(dataset: Dataset) -> list[str]:
    """A line for each part: its size, and the images of each class and with each attribute."""
    lines = []
    for words, part, images in zip(
        ("train", "held out"), counts(dataset).values(), (dataset.train, dataset.heldout), strict=True
    ):
        classes = _few(part["classes"], "classes") if len(part["classes"]) > 1 else ""
        found = [text for text in (classes, _few(part["attributes"], "attributes")) if text]
        lines.append("; ".join([f"{words} {len(images):,}", *found]))
    return lines


def _few(numbers: dict[str, int], what: str) -> str:
    """Every count, or the extremes where there are many.

    >>> _few({"cat": 5, "dog": 7}, "classes"), _few({"cat": 5, "dog": 5}, "classes"), _few({}, "classes")
    ('cat: 5, dog: 7', '5 each of cat, dog', '')
    >>> _few({str(i): i for i in range(1, 101)}, "classes"), _few(dict.fromkeys("abcdefghijklmno", 9), "classes")
    ('100 classes of 1 (1) to 100 (100) images', '15 classes of 9 images each')
    """
    if 1 < len(numbers) <= SHOWN and len(set(numbers.values())) == 1:
        return f"{max(numbers.values()):,} each of {', '.join(numbers)}"
    if len(numbers) <= SHOWN:
        return ", ".join(f"{name}: {n}" for name, n in numbers.items())
    least, most = min(numbers, key=lambda name: numbers[name]), max(numbers, key=lambda name: numbers[name])
    if numbers[least] == numbers[most]:
        return f"{len(numbers):,} {what} of {numbers[most]:,} images each"
    return f"{len(numbers):,} {what} of {numbers[least]:,} ({least}) to {numbers[most]:,} ({most}) images"
