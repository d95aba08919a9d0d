"""What weights were made of, as their file carries it, and one comparison of two such accounts.

Whatever stands beside a run (a retrained reference, a training state, an earlier record, weights made by unlearning)
was made of some data, without some images, by a class with options and by a recipe. Two accounts are compared field by
field; what one of them does not say is named as unknown and is never taken for equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from gsu_cli.run.checkpoints import Checkpoint, Rebuilds

SHOWN = 12  # hex digits of a digest in a sentence
WORDS = {
    "dataset": "data set",
    "dataset_sha256": "sha256 of the data set",
    "forget": "forget spec",
    "forget_sha256": "sha256 of the forgotten indices",
    "forget_seed": "seed that chose the forgotten images",
    "n_forget": "number of forgotten images",
    "architecture": "architecture",
    "recipe": "recipe",
}


@dataclass(frozen=True)
class Lineage:
    """What something was made of; None where its writer did not say.

    Attributes:
        dataset: name of the data set that the weights were trained on.
        dataset_sha256: of its pixels and labels, as loaded; see `Dataset.digest`.
        forget: slug of the forget spec; None where nothing was left out.
        forget_sha256: of the forgotten indices; see `Split.digest`.
        forget_seed: that chose them, where a fraction is forgotten.
        architecture: class and options of the model.
        recipe: of the training, with the epochs that it really had.
    """

    dataset: str | None = None
    dataset_sha256: str | None = None
    forget: str | None = None
    forget_sha256: str | None = None
    forget_seed: int | None = None
    architecture: Mapping[str, Any] | None = None
    recipe: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Self:
        """What the file says of itself."""
        about = checkpoint.about
        known: dict[str, Any] = {f.name: about.get(f.name) for f in fields(cls)}
        return cls(**{**known, "architecture": architecture(checkpoint.model), "recipe": recipe(about)})


@dataclass(frozen=True)
class Difference:
    """One field in which two accounts differ: what is expected, and what was found."""

    field: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        name, _, inner = self.field.partition(".")
        words = f"{WORDS.get(name, name)}{f' ({inner})' if inner else ''}"
        return f"{words} {brief(self.found)} instead of {brief(self.expected)}"


def architecture(model: Any) -> dict[str, Any] | None:
    """Class and options of a model, as plain values; None where it cannot say."""
    if not isinstance(model, Rebuilds):
        return None
    kind = type(model)
    return {"class": f"{kind.__module__}.{kind.__qualname__}", **_plain(model.config())}


def recipe(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """The recipe in a file's ``about``; a training that was interrupted had fewer epochs than it asked for."""
    found = about.get("recipe")
    if not found:
        return None
    done = about.get("interrupted_after_epoch")
    return {**found, **({} if done is None else {"epochs": done})}


def differences(expected: object, found: object, names: Iterable[str] | None = None) -> list[Difference]:
    """Fields that both sides know and in which they differ.

    Args:
        expected: a `Lineage`, or a mapping of such facts.
        found: the other one.
        names: of the fields to compare; None is all.

    >>> [str(d) for d in differences({"recipe": {"epochs": 30, "lr": 0.1}}, {"recipe": {"epochs": 3, "lr": 0.1}})]
    ['recipe (epochs) 3 instead of 30']
    """
    return [
        difference
        for name, one, other in _pairs(expected, found, names)
        if one is not None and other is not None
        for difference in _differ(name, one, other)
    ]


def unknown(expected: object, found: object, names: Iterable[str] | None = None) -> list[str]:
    """Words for the fields that are expected and of which ``found`` says nothing."""
    return [WORDS.get(name, name) for name, one, other in _pairs(expected, found, names) if one and other is None]


def sentence(found: Iterable[Difference]) -> str:
    """All differences, both values of each named."""
    return "; ".join(map(str, found))


def brief(value: object) -> str:
    """A value in a sentence: of a digest the first digits.

    >>> brief("c73256ed0c099d8f4da98399f1de1b778e19be962b1cdc2fdd96f03db696429d"), brief(None), brief([32])
    ('c73256ed0c09', 'none', '[32]')
    """
    if value is None:
        return "none"
    text = str(value)
    return text[:SHOWN] if len(text) == 64 and set(text) <= set("0123456789abcdef") else text


def _pairs(one: object, other: object, names: Iterable[str] | None) -> Iterator[tuple[str, Any, Any]]:
    a, b = _mapping(one), _mapping(other)
    for name in dict.fromkeys([*a, *b]) if names is None else names:
        yield name, a.get(name), b.get(name)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else vars(value)


def _differ(name: str, one: Any, other: Any) -> list[Difference]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        common = [key for key in one if key in other]  # an option that came with a later version is unknown, not other
        return [Difference(f"{name}.{key}", one[key], other[key]) for key in common if one[key] != other[key]]
    return [] if one == other else [Difference(name, one, other)]


def _plain(value: Any) -> Any:
    """As it would be after a journey through JSON: tuples are lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
