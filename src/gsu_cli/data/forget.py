"""What to forget: one validated spec, resolved against a data set to index sets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.canaries import check_numbers, spoken
from gsu_cli.data.forget_values import (
    as_text,
    parse_attribute,
    parse_canary,
    parse_classes,
    parse_fraction,
    parse_sample,
)
from gsu_cli.data.labels import find_labels
from gsu_cli.data.split import Split, complement
from gsu_cli.errors import UsageError, did_you_mean

T = TypeVar("T")


@dataclass(frozen=True)
class ForgetSpec:
    """Exactly one of ``classes``, ``attribute``, ``sample``, ``canary``, or a random ``fraction`` of one or of all.

    Build it with `from_values`, which checks. Attributes left None are not part of the spec.

    Attributes:
        classes: labels or names of classes; labels, ascending, once resolved.
        attribute: an attribute's name; the images that have it are forgotten.
        sample: indices into the training set *as loaded* (after `dataset.classes`), ascending.
        fraction: share in (0, 1) of the above, or of the whole training set, chosen at random.
        canary: numbers of planted canaries, ascending; all where empty. Without a fraction.
    """

    classes: tuple[int | str, ...] | None = None
    attribute: str | None = None
    sample: tuple[int, ...] | None = None
    fraction: float | None = None
    canary: tuple[int, ...] | None = None

    @classmethod
    def from_values(
        cls,
        *,
        class_: object = None,
        attribute: object = None,
        sample: object = None,
        fraction: object = None,
        canary: object = None,
    ) -> ForgetSpec:
        """The spec that the options `forget.class`, `.attribute`, `.sample`, ... mean; None is "not set".

        Raises:
            UsageError: one for all problems together.

        >>> ForgetSpec.from_values(class_=[7, 1], fraction=0.05).describe()
        '5 % of classes 1 and 7'
        """
        problems: list[UsageError] = []

        def parsed(parse: Callable[[object], T], value: object) -> T | None:
            try:
                return None if value is None else parse(value)
            except UsageError as problem:
                problems.append(problem)
                return None

        given = {
            f"forget.{key}": value
            for key, value in (("class", class_), ("attribute", attribute), ("sample", sample), ("canary", canary))
            if value is not None
        }
        if len(given) > 1 or (not given and fraction is None):
            problems.append(
                UsageError(
                    "exactly one of `forget.class`, `forget.attribute`, `forget.sample` and `forget.canary` must be "
                    "set, or `forget.fraction` alone",
                    found=" and ".join(f"{key}={value}" for key, value in given.items()) or "none of them",
                    way_out="" if given else "For example forget.class=1.",
                )
            )
        if canary is not None and fraction is not None:
            problems.append(
                UsageError(
                    "`forget.canary` must stand without `forget.fraction`",
                    found=f"forget.fraction={fraction}",
                    way_out="Name the canaries: forget.canary=[0,1]",
                )
            )
        spec = cls(
            classes=parsed(parse_classes, class_),
            attribute=parsed(parse_attribute, attribute),
            sample=parsed(parse_sample, sample),
            fraction=parsed(parse_fraction, fraction),
            canary=parsed(parse_canary, canary),
        )
        if problems:
            raise _collected(problems)
        return spec

    @classmethod
    def optional(cls, **values: object) -> ForgetSpec | None:
        """As `from_values`, but None when nothing is set: for verbs where forgetting is a choice."""
        return None if all(value is None for value in values.values()) else cls.from_values(**values)

    def resolve(self, dataset: Dataset, *, generator: torch.Generator) -> Split:
        """The index sets that this spec means for ``dataset``.

        Args:
            dataset: as loaded.
            generator: on the CPU; chooses the fraction and is not touched without one.

        Raises:
            UsageError: the data set has no such class, attribute or index, or nothing would be forgotten or retained.
        """
        spec = self._for(dataset)
        chosen = spec._chosen(dataset)
        if self.fraction is not None:
            take = round(self.fraction * len(chosen))
            chosen = chosen[torch.randperm(len(chosen), generator=generator)[:take]].sort().values
        n = len(dataset.train)
        if len(chosen) in (0, n):
            more = "Forget what some images show" if self.fraction is None else "Type a larger forget.fraction"
            raise UsageError(
                f"the forget spec must take at least one and not all of the {n:,} training images of {dataset.name}",
                found=f"{spec.describe(dataset.class_names)}, which is {len(chosen):,} images",
                way_out="Forget less, so that something is retained" if len(chosen) else more,
            )
        heldout = spec._shown_by(dataset, dataset.heldout)
        return Split(
            dataset=dataset,
            forget=chosen,
            retain=complement(chosen, n),
            heldout_forget=heldout,
            heldout_retain=complement(heldout, len(dataset.heldout)),
            target_classes=spec._labels() or None,
            target_attribute=spec.attribute,
            slug=spec.slug(),
            words=spec.describe(dataset.class_names),
            fraction=spec.fraction,
            by_index=spec.sample is not None or spec.canary is not None,
            by_canary=spec.canary is not None,
            copies=dataset.canaries.copies if spec.canary is not None and dataset.canaries is not None else 1,
        )

    def describe(self, class_names: Mapping[int, str] | None = None) -> str:
        """In words: "class 1", "classes 1 and 7", "attribute Male", "samples (2)", "5 % of class 1"."""
        if self.classes is not None:
            words = [_called(entry, class_names or {}) for entry in _ordered(self.classes)]
            what = f"class {words[0]}" if len(words) == 1 else f"classes {', '.join(words[:-1])} and {words[-1]}"
        elif self.attribute is not None:
            what = f"attribute {self.attribute}"
        elif self.sample is not None:
            what = f"samples ({len(self.sample):,})"
        elif self.canary is not None:
            what = spoken(self.canary)
        else:
            what = "the training set"
        return what if self.fraction is None else f"{100 * self.fraction:g} % of {what}"

    def slug(self) -> str:
        """For file names, one per spec: "class_1", "class_1_7", "samples_2_1f3a90", "class_1_part_0.05"."""
        if self.classes is not None:
            what = "_".join(["class", *(_plain(str(entry)) for entry in _ordered(self.classes))])
        elif self.attribute is not None:
            what = f"attribute_{_plain(self.attribute)}"
        elif self.sample is not None:
            digest = hashlib.sha256(" ".join(map(str, self.sample)).encode()).hexdigest()
            what = f"samples_{len(self.sample)}_{digest[:6]}"
        elif self.canary is not None:
            what = "_".join(["canary", *map(str, self.canary or ("all",))])
        else:
            what = "any"
        return what if self.fraction is None else f"{what}_part_{self.fraction:g}"

    def _for(self, dataset: Dataset) -> ForgetSpec:
        """This spec with labels for names, after asking the data set whether it has what is to be forgotten."""
        if self.attribute is not None and self.attribute not in dataset.attribute_names:
            raise _no_attribute(self.attribute, dataset)
        if self.sample is not None:
            outside = [index for index in self.sample if not 0 <= index < len(dataset.train)]
            if outside:
                raise UsageError(
                    f"`forget.sample` must hold indices in 0..{len(dataset.train) - 1}, the training set of "
                    f"{dataset.name}",
                    found=as_text(outside),
                )
        if self.canary is not None:
            check_numbers(self.canary, dataset)
        if self.classes is None:
            return self
        if dataset.attribute_names and len(dataset.class_names) == 1:
            raise _no_classes(self.classes, dataset)
        labels = find_labels(
            self.classes, dataset.class_names, key="forget.class", dataset=dataset.name, left_out=dataset.left_out
        )
        if len(labels) == len(dataset.class_names):
            raise UsageError(
                f"`forget.class` must leave at least one class of {dataset.name} to retain",
                found=f"all {len(labels)} of them" if len(labels) > 1 else "the only one",
            )
        return replace(self, classes=labels)

    def _labels(self) -> tuple[int, ...]:
        return tuple(entry for entry in self.classes or () if isinstance(entry, int))

    def _chosen(self, dataset: Dataset) -> Tensor:
        """Training indices before the fraction is chosen, ascending."""
        if self.sample is not None:
            return torch.tensor(self.sample, dtype=torch.int64)
        if self.canary is not None and dataset.canaries is not None:
            return dataset.canaries.index(self.canary)
        if self.classes is None and self.attribute is None:
            return torch.arange(len(dataset.train))
        return self._shown_by(dataset, dataset.train)

    def _shown_by(self, dataset: Dataset, images: Images) -> Tensor:
        """Indices of the images that show the forgotten class or attribute, ascending; none without either."""
        if self.classes is not None:
            hit = torch.isin(images.labels, torch.tensor(self._labels()))
        elif self.attribute is not None and images.attributes is not None:
            hit = images.attributes[:, dataset.attribute_names.index(self.attribute)]
        else:
            hit = torch.zeros(len(images), dtype=torch.bool)
        return hit.nonzero().squeeze(1)


def _collected(problems: list[UsageError]) -> UsageError:
    if len(problems) == 1:
        return problems[0]
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return UsageError(f"the forget spec has {len(problems)} problems:{lines}".rstrip("."))


def _no_attribute(attribute: str, dataset: Dataset) -> UsageError:
    if not dataset.attribute_names:
        return UsageError(
            f"`forget.attribute` needs a data set with attributes, and {dataset.name} has none",
            found=repr(attribute),
            way_out=f"Forget a class instead, for example forget.class={next(iter(dataset.class_names.values()), 0)}.",
        )
    return UsageError(
        f"`forget.attribute` must be one of {', '.join(dataset.attribute_names)} for {dataset.name}",
        found=repr(attribute),
        way_out=did_you_mean(attribute, dataset.attribute_names).strip(),
    )


def _no_classes(classes: tuple[int | str, ...], dataset: Dataset) -> UsageError:
    example = next((str(entry) for entry in classes if entry in dataset.attribute_names), "NAME")
    return UsageError(
        f"`forget.class` needs a data set with several classes, and {dataset.name} has one",
        found=", ".join(repr(entry) for entry in classes),
        way_out=f"Type forget.attribute={example} to forget one of its {len(dataset.attribute_names)} attributes.",
    )


def _ordered(classes: tuple[int | str, ...]) -> list[int | str]:
    return sorted(classes, key=lambda entry: (isinstance(entry, str), entry))


def _called(entry: int | str, class_names: Mapping[int, str]) -> str:
    name = class_names.get(entry, "") if isinstance(entry, int) else ""
    return f"{entry} ({name})" if name and name != str(entry) else str(entry)


def _plain(word: str) -> str:
    """Letters, digits, dot and dash alone, so that a name is safe in a path."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", word).strip("-") or "unnamed"
