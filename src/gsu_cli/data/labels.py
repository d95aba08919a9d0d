"""Names and values of classes: what a person may type for a class, and the restriction to some of them.

Notation: a *label* is the int64 value in ``Images.labels``; a *name* is what ``Dataset.class_names`` calls it. A person
may type either; where they collide the name wins (for MNIST both are the digit).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images
from gsu_cli.errors import UsageError, did_you_mean

SHOWN = 20  # choices in an error message; a data set of 200 classes must not fill the screen


def as_list(value: object) -> list[object]:
    """One value or a sequence of values, from YAML or the command line, as a list.

    >>> as_list(3), as_list([1, "cat"]), as_list("")
    ([3], [1, 'cat'], [])
    """
    if isinstance(value, str):
        return [value] if value.strip() else []
    return list(value) if isinstance(value, Sequence) else [value]


def choices(class_names: Mapping[int, str]) -> str:
    """The classes as a person would type them.

    >>> choices({k: str(k) for k in range(10)}), choices({1: "1", 8: "8"}), choices({0: "cat", 1: "dog"})
    ('0..9', '1, 8', '0 (cat), 1 (dog)')
    """
    labels = sorted(class_names)
    plain = all(class_names[k] == str(k) for k in labels)
    if plain and len(labels) > 2 and labels == list(range(labels[0], labels[-1] + 1)):
        return f"{labels[0]}..{labels[-1]}"
    words = [str(k) if class_names[k] == str(k) else f"{k} ({class_names[k]})" for k in labels]
    return ", ".join(words[:SHOWN]) + (f" ... ({len(words)} in all)" if len(words) > SHOWN else "")


def find_label(value: object, class_names: Mapping[int, str]) -> int | None:
    """The label that ``value`` (a name, a label, or a label in quotes) means, or None.

    >>> names = {0: "cat", 1: "dog"}
    >>> find_label("dog", names), find_label(1, names), find_label("1", names), find_label(True, names)
    (1, 1, 1, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    for label, name in class_names.items():
        if name == str(value):
            return label
    if isinstance(value, str):
        return int(value) if value.isdecimal() and int(value) in class_names else None
    return value if value in class_names else None


def find_labels(
    value: object, class_names: Mapping[int, str], *, key: str, dataset: str, left_out: Sequence[int] = ()
) -> tuple[int, ...]:
    """The labels, ascending, that ``value`` (one entry or several) means.

    Args:
        value: from YAML or the command line.
        class_names: label -> name of the classes to choose from.
        key: the option to blame, "forget.class".
        dataset: the data set's name, for the message.
        left_out: labels that `dataset.classes` has removed, so that the message can say so.

    Raises:
        UsageError: no entry, an unknown entry, or one named twice.
    """
    entries = as_list(value)
    if not entries:
        raise UsageError(
            f"`{key}` must name at least one class", found="nothing", way_out=f"Choose one of {choices(class_names)}."
        )
    labels = [find_label(entry, class_names) for entry in entries]
    unknown = [entry for entry, label in zip(entries, labels, strict=True) if label is None]
    if unknown:
        words = [e for e in unknown if isinstance(e, str) and not e.isdecimal()]  # 11 is no slip for 1
        way_out = "".join(did_you_mean(word, class_names.values()) for word in words).strip()
        if any(entry in left_out for entry in unknown):
            way_out = f"{way_out} `dataset.classes` leaves {choices({k: str(k) for k in left_out})} out.".strip()
        raise UsageError(
            f"`{key}` must be one of {choices(class_names)} for {dataset}",
            found=", ".join(repr(e) for e in unknown),
            way_out=way_out,
        )
    known = sorted(label for label in labels if label is not None)
    if len(set(known)) < len(known):
        raise UsageError(f"`{key}` must name each class once", found=list(entries))
    return tuple(known)


def restrict(dataset: Dataset, classes: object) -> Dataset:
    """``dataset`` with the images of ``classes`` alone; label values stay as they are. None restricts nothing.

    Raises:
        UsageError: a class that the data set does not have.
    """
    if classes is None:
        return dataset
    labels = find_labels(classes, dataset.class_names, key="dataset.classes", dataset=dataset.name)
    kept = {label: dataset.class_names[label] for label in labels}
    return replace(
        dataset,
        train=dataset.train[having(dataset.train, labels)],
        heldout=dataset.heldout[having(dataset.heldout, labels)],
        class_names=kept,
        left_out=tuple(sorted(set(dataset.class_names) - set(kept))),
        whole=dataset if len(kept) < len(dataset.class_names) else dataset.whole,
        source=f"{dataset.source}, classes {choices(kept)} only",
    )


def having(images: Images, labels: Iterable[int]) -> Tensor:
    """Indices of the images that have one of the labels, ascending, ``(m,)`` int64."""
    return torch.isin(images.labels, torch.tensor(list(labels), dtype=torch.int64)).nonzero().squeeze(1)
