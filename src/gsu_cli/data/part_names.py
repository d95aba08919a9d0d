"""Parts of a data set (train, val, test) by the words that people name folders, files and arrays with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.data.labels import as_list
from gsu_cli.errors import DataError, UsageError, did_you_mean

_WORDS = re.compile(
    r"(?:(?P<train>train|training)|(?P<val>val|valid|validation|dev)|(?P<test>test|testing|eval|evaluation))"
    r"(?:[_-]?(?:set|data|images|imgs|split))?",
    re.IGNORECASE,
)


def kind_of(word: str) -> str | None:
    """``train``, ``val`` or ``test`` where ``word`` names such a part, else None.

    >>> [kind_of(word) for word in ("Training", "valid", "dev", "test_set", "evaluation", "tests")]
    ['train', 'val', 'val', 'test', 'test', None]
    """
    match = _WORDS.fullmatch(word)
    return match.lastgroup if match else None


@dataclass(frozen=True)
class Chosen:
    """What each part is for.

    Attributes:
        train: names of the parts that are trained on.
        heldout: names of the parts that are held out; empty where there is none, and a share must be chosen.
        remarks: a sentence for each part that is used for neither.
    """

    train: tuple[str, ...]
    heldout: tuple[str, ...]
    remarks: tuple[str, ...]

    def describe(self) -> str:
        """``"held out as in test"``."""
        return f"held out as in {' and '.join(self.heldout)}"


def choose(sizes: Mapping[str, int], heldout: object, place: object) -> Chosen:
    """Which parts train and which are held out: those typed, else test, else val.

    Args:
        sizes: name of each part (`kind_of` knows it) -> number of images.
        heldout: value of `dataset.heldout`: names or kinds, one or a list; None chooses.
        place: where the parts are, for messages.

    Raises:
        DataError: no part is there to train on.
        UsageError: ``heldout`` names a part that is not there, or one to train on.
    """
    kinds = {name: kind_of(name) for name in sizes}
    train = tuple(name for name, kind in kinds.items() if kind == "train")
    others = [name for name in sizes if name not in train]
    if not train:
        raise DataError(f"{place} must hold a part to train on, called train", found=f"only {', '.join(sizes)}")
    if heldout is None:
        held = [n for n in others if kinds[n] == "test"] or [n for n in others if kinds[n] == "val"]
    else:
        held = [name for word in as_list(heldout) for name in _called(str(word), others, kinds, place)]
    unused = [name for name in others if name not in held]
    every = ",".join(str(kinds[name]) for name in others)
    remarks = tuple(
        f"the {sizes[name]:,} images of {name} are not used; dataset.heldout={kinds[name]} holds them out instead, "
        f"dataset.heldout=[{every}] as well"
        for name in unused
    )
    return Chosen(train, tuple(dict.fromkeys(held)), remarks)


def _called(word: str, others: list[str], kinds: Mapping[str, str | None], place: object) -> list[str]:
    found = [name for name in others if name == word] or [
        name for name in others if kinds[name] == kind_of(word) is not None
    ]
    if not found:
        raise UsageError(
            f"`dataset.heldout` must name parts to hold out of {place}, {', '.join(others) or 'which has none'}",
            found=repr(word),
            way_out=did_you_mean(word, others).strip(),
        )
    return found


def draw(labels: Tensor, fraction: float, seed: int, names: Mapping[int, str]) -> tuple[Tensor, Tensor]:
    """A share of each class chosen at random to be held out, at least one image and not all.

    Args:
        labels: ``(n,)``.
        fraction: in (0, 1).
        seed: of the draw.
        names: label -> name, in the order in which the classes are chosen.

    Returns:
        Indices to train on and indices held out, both ascending.

    Raises:
        DataError: a class has fewer than two images.
    """
    generator = torch.Generator().manual_seed(seed)
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label, name in names.items():
        places = (labels == label).nonzero().squeeze(1)
        if len(places) < 2:
            raise DataError(
                f"class {name!r} must have at least 2 images, one to train on and one to hold out",
                found=len(places),
                way_out="Remove the class or add images.",
            )
        n = min(max(1, round(fraction * len(places))), len(places) - 1)
        held[places[torch.randperm(len(places), generator=generator)[:n]]] = True
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)


def some(names: Iterable[str], most: int = 10) -> str:
    """The first few of ``names``, and how many more there are.

    >>> some(["a", "b"]), some("abc", most=2)
    ('a, b', 'a, b and 1 more')
    """
    listed = list(names)
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
