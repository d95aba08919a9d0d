"""Whose samples are judged: generated once, and what each judge said of them is remembered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from gsu_cli.evaluation import cached
from gsu_cli.judges.base import AttributeVerdict, FeatureJudge, Judge, Verdict


@dataclass
class EvaluatedModel:
    """Whose generated images are judged.

    Attributes:
        name: "original", "unlearned", "retrained", or "data" for real held-out retain images (the floor).
        pixels: generated images, uint8 ``(n, c, h, w)``: what a saved picture would hold.
        model: None for "data".
        sha256: of the weights; None for "data".
        verdicts: by judge, what has been asked so far.
        views: what the model generates when it is asked otherwise, at the same noise, by what it was asked for.
        part_of: another subject and the indices of these images in it; judges are then asked about that one, once.
    """

    name: str
    pixels: Tensor
    model: Any = None
    sha256: str | None = None
    verdicts: dict[str, Verdict | AttributeVerdict] = field(default_factory=dict)
    part_of: tuple[EvaluatedModel, Tensor] | None = None
    views: dict[str, EvaluatedModel] = field(default_factory=dict)
    _features: dict[str, Tensor] = field(default_factory=dict)

    @property
    def recurs(self) -> bool:
        """Whether another run is likely to look at the same images; not at those of what a method has just made."""
        return self.name != "unlearned"

    def verdict(self, judge: Judge) -> Verdict | AttributeVerdict:
        """What ``judge`` says of the generated images, computed once."""
        if judge.name not in self.verdicts:
            if self.part_of is not None:
                whole, index = self.part_of
                found = whole.verdict(judge)[index]
            elif isinstance(judge, FeatureJudge):
                found = judge.verdict(self.features(judge))
            else:
                found = cached.verdict(judge, self.pixels, recur=self.recurs)
            self.verdicts[judge.name] = found
        return self.verdicts[judge.name]

    def features(self, judge: FeatureJudge) -> Tensor:
        """Features of the generated images, computed once."""
        if judge.name not in self._features:
            if self.part_of is not None:
                whole, index = self.part_of
                found = whole.features(judge)[index]
            else:
                found = cached.features(judge, self.pixels, recur=self.recurs)
            self._features[judge.name] = found
        return self._features[judge.name]
