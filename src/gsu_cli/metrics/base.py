"""What is measured, on what. A metric is a callable ``(subject, scene) -> list of Measurement``.

All metrics of a row see the same weights and the same images: `Subject` draws them once, and remembers what each judge
said of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.split import Split
from gsu_cli.errors import NonFiniteError
from gsu_cli.judges.base import AttributeVerdict, FeatureJudge, Judge, Verdict
from gsu_cli.models.conditions import code, conditions_of, posterior, usual_conditions
from gsu_cli.models.model import decode
from gsu_cli.run.record import Measurement, Place, Role
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import device_of
from gsu_cli.surgery.ranks import Ranks, joined, ranks
from gsu_cli.surgery.vectors import Vector

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution
NO_IMAGES = "there are no images to judge"
Better = Literal["lower", "higher"]


@dataclass
class Subject:
    """Whose drawings are judged.

    Attributes:
        name: "original", "unlearned", "retrained", or "data" for real held-out retain images (the floor).
        pixels: drawn images, uint8 ``(n, c, h, w)``: what a saved picture would hold.
        model: None for "data".
        sha256: of the weights; None for "data".
        verdicts: by judge, what has been asked so far.
        views: what the model draws when it is asked otherwise, at the same noise, by what it was asked for.
        part_of: another subject and the indices of these images in it; judges are then asked about that one, once.
    """

    name: str
    pixels: Tensor
    model: Any = None
    sha256: str | None = None
    verdicts: dict[str, Verdict | AttributeVerdict] = field(default_factory=dict)
    part_of: tuple[Subject, Tensor] | None = None
    views: dict[str, Subject] = field(default_factory=dict)
    _features: dict[str, Tensor] = field(default_factory=dict)

    def verdict(self, judge: Judge) -> Verdict | AttributeVerdict:
        """What ``judge`` says of the drawings, computed once."""
        if judge.name not in self.verdicts:
            if self.part_of is not None:
                whole, index = self.part_of
                found = whole.verdict(judge)[index]
            elif isinstance(judge, FeatureJudge):
                found = judge.verdict(self.features(judge))
            else:
                found = judge(self.pixels)
            self.verdicts[judge.name] = found
        return self.verdicts[judge.name]

    def features(self, judge: FeatureJudge) -> Tensor:
        """Features of the drawings, computed once."""
        if judge.name not in self._features:
            if self.part_of is not None:
                whole, index = self.part_of
                found = whole.features(judge)[index]
            else:
                found = judge.features(self.pixels)
            self._features[judge.name] = found
        return self._features[judge.name]


@dataclass
class Scene:
    """What subjects are measured against.

    Attributes:
        split: forget, retain and held-out parts.
        judges: by name, those that could be prepared.
        unavailable: by name, why the others could not.
        seed: of the evaluation's own randomness.
        original: the drawings before forgetting, for metrics that compare at the same latents; None if not known.
        retrained: the model that never saw the forgotten data, and its drawings; None where none stands beside.
        labels: by name of a judge, what tables call it.
        notes: what a metric has to say that is no number, by field of the record.
    """

    split: Split
    judges: Mapping[str, Judge]
    unavailable: Mapping[str, str]
    seed: int
    original: Subject | None = None
    retrained: Subject | None = None
    cache: dict[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def feature_judge(self) -> FeatureJudge | None:
        """The first judge that has features."""
        return next((j for j in self.judges.values() if isinstance(j, FeatureJudge)), None)

    def no_features(self) -> str:
        """Why no judge with features is there."""
        return "; ".join(self.unavailable.values()) or "no judge with features was chosen"


class Metric(Protocol):
    """One file in this folder each."""

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]: ...


@runtime_checkable
class HasFloor(Protocol):
    """A metric that is taken of real held-out retain images, too, where ``of_real_images`` says so."""

    of_real_images: bool


@runtime_checkable
class Checked(Protocol):
    """A metric with options that only the data can tell right from wrong."""

    def check(self, dataset: Dataset) -> None:
        """Called before the work.

        Raises:
            UsageError: an option does not suit ``dataset``.
        """


@torch.no_grad()
def draw(model: Any, n: int, seed: int, condition: Tensor | None = None, *, chunk: int = 2000) -> Tensor:
    """``n`` drawings as uint8, at latents that depend on ``seed`` alone: the same for every model of that latent size.

    Args:
        model: offers ``sample(n, generator)``; a conditional one ``noise`` and ``generate``.
        n: drawings.
        seed: evaluation seed.
        condition: ``(n,)``, what a conditional model is asked for; None: what it is usually asked for, drawn after the
            noise, see `asked_conditions`.
        chunk: drawings at a time; part of what fixes the latents, so it is no option.

    Raises:
        NonFiniteError: a drawing holds nan.
    """

    def drawn(k: int, start: int) -> Vector:
        g, m = generator(seed, "latents", k), min(chunk, n - start)
        if conditions_of(model):
            noise = model.noise(m, g)
            y = usual_conditions(model, m, g) if condition is None else condition[start : start + m]
            x = model.generate(noise, y)
        else:
            x = model.sample(m, g)
        if x.isnan().any():  # a cast to uint8 would make a picture of it
            raise NonFiniteError("drawings must be finite", found=f"nan among drawings {start} to {start + len(x) - 1}")
        return {"pixels": (x.clamp(0, 1) * 255).round_().to(torch.uint8).cpu()}

    starts = range(0, n, chunk)
    share = ranks() if len(starts) >= ranks().size else Ranks()  # a model that draws in parts of its own shares these
    return torch.cat([part["pixels"] for part in share.in_order(starts, drawn)])


def asked_conditions(model: Any, n: int, seed: int, *, chunk: int = 2000) -> Tensor:
    """The conditions ``(n,)`` that `draw` asks for where none are given; null of an unconditional model."""
    if not conditions_of(model):
        return usual_conditions(model, n, generator(seed))
    parts = []
    for k, start in enumerate(range(0, n, chunk)):
        g, m = generator(seed, "latents", k), min(chunk, n - start)
        model.noise(m, g)
        parts.append(usual_conditions(model, m, g))
    return torch.cat(parts)


def data_subject(images: Images) -> Subject:
    """Real images as a subject: what a perfect generator of the retain set would score."""
    return Subject("data", images.pixels)


@torch.no_grad()
def reconstructions(model: Any, images: Images, chunk: int = 500) -> Tensor:
    """Decodings of posterior means, uint8 ``(n, c, h, w)``: generated images of which it is known what they show.

    Raises:
        NonFiniteError: a reconstruction holds nan.
    """
    device = device_of(model)

    def back(part: tuple[Tensor, Tensor]) -> Tensor:
        x, y = (t.to(device) for t in part)
        return decode(model, code(model, posterior(model, x, y)[0], y)).cpu()

    drawn = joined(images.batches(chunk), back) if len(images) else images.floats()
    if drawn.isnan().any():
        raise NonFiniteError("reconstructions must be finite", found="nan")
    return (drawn.clamp(0, 1) * 255).round_().to(torch.uint8)


def heldout_subjects(split: Split) -> tuple[Subject, Subject]:
    """All held-out images, and those of the retain set as a part of them: judges look at each image once."""
    everything = data_subject(split.dataset.heldout)
    pixels = everything.pixels[split.heldout_retain]
    return everything, Subject("data", pixels, part_of=(everything, split.heldout_retain))


def pixel_distance(a: Tensor, b: Tensor, index: Tensor) -> Tensor:
    """Root mean square difference of uint8 images at ``index``, in grey levels, ``(n,)`` float64."""
    # in parts: the difference of all images as floats would be the largest tensor of a run
    parts = [(a[i].double() - b[i].double()).flatten(1).square().mean(1).sqrt() for i in index.split(500)]
    return torch.cat(parts)


@dataclass(frozen=True)
class Kind:
    """What a metric says of each of its numbers, whoever they describe. Tables, pictures and headlines go by it alone.

    Attributes:
        name: of the measurement.
        label: its head in tables and pictures; the name where empty.
        role, unit, better, place, ruined_at: as in a `Measurement`.
    """

    name: str
    label: str = ""
    role: Role | None = None
    unit: str = ""
    better: Better | None = None
    place: Place = "table"
    ruined_at: float | None = None

    def of(
        self,
        subject: Subject,
        value: float | None,
        low: float | None = None,
        high: float | None = None,
        n: int = 0,
        *,
        judge: Judge | str | None = None,
        change: tuple[float, float] | None = None,
        reason: str | None = None,
        detail: str = "",
    ) -> Measurement:
        """A number of ``subject`` with its interval, the images that it rests on, and perhaps that of its change."""
        change_low, change_high = change or (None, None)
        by = judge if judge is None or isinstance(judge, str) else judge.name
        return Measurement(
            self.name, subject.name, value, low, high, n, self.unit, self.better, by, subject.sha256, reason,
            change_low, change_high, self.role, self.label, self.place, self.ruined_at, detail,
        )  # fmt: skip

    def missing(self, subject: Subject, reason: str, *, judge: Judge | str | None = None) -> Measurement:
        """A number that could not be computed: null, with the reason."""
        return self.of(subject, None, reason=reason, judge=judge)

    def mean(
        self,
        subject: Subject,
        values: Tensor,
        *,
        judge: Judge | str | None = None,
        least: float = -math.inf,
        change: tuple[float, float] | None = None,
    ) -> Measurement:
        """The mean of ``values``, ``(n,)`` float64, with its normal interval; of one value without.

        Args:
            subject: whose values.
            values: at least one.
            judge: who decided, or in whose features.
            least: below which no mean can lie.
            change: interval of the change from the original, where images were paired.
        """
        n, mean = len(values), values.mean().item()
        half = Z95 * values.std().item() / n**0.5 if n > 1 else None
        low, high = (None, None) if half is None else (max(least, mean - half), mean + half)
        return self.of(subject, mean, low, high, n, judge=judge, change=change)

    def share(self, subject: Subject, judge: Judge, hits: Tensor, detail: str = "") -> Measurement:
        """The share of true entries of ``hits``, ``(n,)`` bool, with Wilson's interval; null for no images."""
        found, n = int(hits.sum()), len(hits)
        if n == 0:
            return self.missing(subject, NO_IMAGES, judge=judge)
        return self.of(subject, found / n, *wilson(found, n), n, judge=judge, detail=detail)

    def no_judges(self, subject: Subject, scene: Scene) -> list[Measurement]:
        """A null for each judge that could not be prepared, or one null where none was chosen."""
        if not scene.judges and not scene.unavailable:
            return [self.missing(subject, "no judge was chosen")]
        return [self.missing(subject, why, judge=judge) for judge, why in scene.unavailable.items()]


def whole_number(value: object, least: int) -> bool:
    """An int of at least ``least``; True is no number."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval for a share of ``n >= 1`` (Wilson 1927, JASA 22).

    >>> low, high = wilson(0, 10_000)
    >>> low, round(high, 6)
    (0.0, 0.000384)
    """
    p, z2 = successes / n, Z95 * Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5
    return max(0.0, centre - half) if successes else 0.0, min(1.0, centre + half) if successes < n else 1.0
