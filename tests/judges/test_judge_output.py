"""A judge of one's own is tried before the work: a wrong type, an answer that follows the batch or the call is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.judges.base import AttributeVerdict, Verdict
from gsu_cli.verbs.judge_output import check_output

Parts = dict[str, Any]


class Own:
    """By brightness; ``wrong`` changes what it says, ``features`` gives it a feature space."""

    name = "own"

    def __init__(self, wrong: Callable[[Parts, Tensor], Any] | None = None, said: Any = None) -> None:
        self.wrong, self.said, self.calls = wrong, {"name": "own"} if said is None else said, 0

    def __call__(self, pixels: Tensor) -> Any:
        self.calls += 1
        bright = pixels.flatten(1).double().mean(1) / 255
        parts: Parts = {"labels": (bright > 0.2).long(), "confidence": bright, "abstains": bright < 0.1}
        found = self.wrong(parts, pixels) if self.wrong else None
        return found if found is not None and not isinstance(found, Tensor) else Verdict(**parts)

    def provenance(self) -> Any:
        return self.said


class Featured(Own):
    """In a feature space of its own."""

    def __init__(self, features: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.features = features

    def probabilities(self, features: Tensor) -> Tensor:
        return features.softmax(1)

    def verdict(self, features: Tensor) -> Verdict:
        confidence, labels = self.probabilities(features).max(1)
        return Verdict(labels, confidence, confidence < 0.5)


def put(name: str, change: Callable[[Tensor], Any]) -> Own:
    return Own(lambda parts, pixels: parts.update({name: change(parts[name])}))


def attributes(names: Any = (), present: Tensor | None = None) -> Own:
    k = len(names)

    def wrong(parts: Parts, pixels: Tensor) -> AttributeVerdict:
        n, at = len(pixels), parts["confidence"][:, None].expand(-1, k)
        return AttributeVerdict(names, at > 0.2 if present is None else present, at, torch.zeros(n, k).bool())

    return Own(wrong)


WRONG = {
    "labels in floats": (put("labels", lambda t: t.double()), r"labels \(n,\) of whole .*; found labels: float64"),
    "labels of true and false": (put("labels", lambda t: t > 0), r"found labels: bool \(8,\) for n = 8"),
    "a column of labels": (put("labels", lambda t: t[:, None]), r"found labels: int64 \(8, 1\)"),
    "a label too few": (put("labels", lambda t: t[1:]), r"found labels: int64 \(7,\)"),
    "a list of labels": (put("labels", lambda t: t.tolist()), "found labels: a list"),
    "labels elsewhere": (put("labels", lambda t: t.to("meta")), r"found labels: int64 \(8,\) on meta"),
    "percent": (put("confidence", lambda t: t * 1000), "found confidence from .* to "),
    "nan": (put("confidence", lambda t: t / 0 * 0), "found confidence from nan to nan"),
    "no flag": (put("abstains", lambda t: t.double()), "found abstains: float64"),
    "nothing": (Own(lambda parts, pixels: ()), "must give a `Verdict`, .* of attributes; found a tuple"),
    "strange attributes": (attributes(("hat",)), r"found names: \('hat',\), of none"),
    "it paints": (Own(lambda parts, pixels: pixels.zero_()), "must leave the images as they are; found other pixels"),
    "chance": (put("labels", lambda t: torch.randint(0, 1 << 40, t.shape)), "must say the same of an image each time"),
    "the batch": (put("confidence", lambda t: t - t.mean() + 0.5), "must say of an image what it would say of it al"),
    "its order": (put("labels", lambda t: torch.arange(len(t))), "must say of an image what it would say of it al"),
    "no provenance": (Own(said=()), r"provenance\(\) of `judge.own` must give a dict .*; found a tuple"),
    "a tensor of it": (Own(said={"x": torch.zeros(2)}), r"provenance\(\) of .*; found Object of type Tensor"),
    "features of nan": (Featured(lambda x: x.flatten(1) * torch.nan), r"finite floats .*; found .* with nan or inf"),
    "flat features": (Featured(lambda x: x.flatten().float()), r"finite floats \(n, d\); found float32 \(512,\)"),
}  # fmt: skip
RIGHT = {
    "itself": Own(),
    "int32": put("labels", lambda t: t.int()),
    "half confidence": put("confidence", lambda t: t.half()),
    "features": Featured(lambda x: x.flatten(1).float() / 255),
    "no attribute": attributes(),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_it_may_not_say(name: str) -> None:
    judge, said = WRONG[name]
    with pytest.raises(UsageError, match=said):
        check_output(judge, "own", tiny_world.dataset())


@pytest.mark.parametrize("name", RIGHT)
def test_what_it_may(name: str) -> None:
    check_output(RIGHT[name], "own", tiny_world.dataset())


def test_an_answer_that_follows_the_calls() -> None:
    judge = Own()
    judge.wrong = lambda parts, pixels: parts.update(labels=parts["labels"] + judge.calls)
    with pytest.raises(UsageError, match="must say the same of an image each time"):
        check_output(judge, "own", tiny_world.dataset())
