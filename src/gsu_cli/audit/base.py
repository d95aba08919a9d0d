"""What a probe is given, and what it gives back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from gsu_cli.audit.bounds import Noise
from gsu_cli.audit.leave_out import LOSS, LeaveOut
from gsu_cli.audit.plotted import Dots
from gsu_cli.data.base import Images
from gsu_cli.data.copies import copies
from gsu_cli.data.split import Split
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.intervals import normal
from gsu_cli.evaluation.samples import asked_conditions, generate_samples
from gsu_cli.gradients import image_losses
from gsu_cli.models.conditions import conditions_of
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive, generator
from gsu_cli.run.signed import plain

ORIGINAL, UNLEARNED, RETRAINED = "original", "unlearned", "retrained"
Part = Literal["forgotten", "unseen", "retained", "unseen_retained"]

LEAST_UNSEEN = 10
"""Images, for a place among them."""


@dataclass(frozen=True)
class Audited:
    """A model under audit.

    Attributes:
        name: "original", "unlearned" or "retrained"; further ones are "retrained 2", "unlearned 2", ...
        model: its weights are never changed.
        sha256: of the weights.
    """

    name: str
    model: Any
    sha256: str


@dataclass(frozen=True)
class Curve:
    """A quantity along steps, one line a model.

    Attributes:
        name, unit, judge: as of a `Measurement`.
        along: what the steps count.
        points: by model, ``(step, value, low, high)``.
        label: what figures call the quantity; its name where it is empty.
    """

    name: str
    unit: str
    along: str
    points: Mapping[str, list[tuple[float, float, float | None, float | None]]]
    judge: str | None = None
    label: str = ""


@dataclass(frozen=True)
class Result:
    """What a probe found.

    Attributes:
        measurements: numbers, each with n, interval and the digest of the weights, or null with its reason.
        curves: for figures, and
        dots: numbers side by side; whatever is declared here is plotted.
        sentences: what follows from them, in plain words; the first goes into the headline.
    """

    measurements: list[Measurement]
    curves: list[Curve] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    dots: list[Dots] = field(default_factory=list)


@dataclass
class Case:
    """The models, the images and the judges of one audit.

    Attributes:
        split: what was forgotten of which data; the images' sources.
        models: by name; "original" and "unlearned" are always there, "retrained" where a reference is known.
        references: further retrained models, of seeds of their own.
        unlearned: further unlearned models, of originals of seeds of their own.
        context: judges and the seed of the audit's noise.
        repeats: of noise, at which each image's loss is taken, and averaged.
        most: images of each part, at most; chosen with the audit's seed where there are more.
        on_progress: called with (done, all, what).
        design: losses of models trained with and without each training image; None where none was given.
    """

    split: Split
    models: Mapping[str, Audited]
    references: list[Audited]
    context: EvaluationContext
    repeats: int = 8
    most: int = 2000
    on_progress: Callable[[int, int, str], None] = lambda *_: None
    design: LeaveOut | None = None
    unlearned: list[Audited] = field(default_factory=list)
    _images: dict[str, Images] = field(default_factory=dict)
    _unmet: Tensor | None = None
    _losses: dict[tuple[str, str], Tensor] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        return self.context.seed

    def images(self, part: Part) -> Images:
        """Images of a part, at most ``most``, the same in every probe.

        Args:
            part: "forgotten": training images that were to be forgotten, canaries once each; "unseen": images of
                the same kind that no training saw (`Split.unseen`); "retained": training images that stay;
                "unseen_retained": held-out images that no forget spec concerns.
        """
        if part not in self._images:
            s = self.split
            whole, index = {
                "forgotten": (s.dataset.train, s.different),
                "unseen": s.unseen,
                "retained": (s.dataset.train, s.retain),
                "unseen_retained": (s.dataset.heldout, s.heldout_retain),
            }[part]
            if part in ("unseen", "unseen_retained"):
                index = self._apart(whole, index)
            self._images[part] = whole[self.chosen(index, part)]
        return self._images[part]

    def some(self, part: Part, n: int) -> Images:
        """At most ``n`` images of a part, by the audit's seed: in their order the first may be of one class."""
        images = self.images(part)
        if len(images) <= n:
            return images
        order = torch.randperm(len(images), generator=generator(self.seed, "audit", part, "some"))
        return images[order[:n].sort().values]

    def chosen(self, index: Tensor, part: Part) -> Tensor:
        """At most ``most`` of the indices of a part, ascending, by the audit's seed: the first may be of one class."""
        if len(index) <= self.most:
            return index
        order = torch.randperm(len(index), generator=generator(self.seed, "audit", part))
        return index[order[: self.most].sort().values]

    def _apart(self, whole: Images, index: Tensor) -> Tensor:
        """Those of the images at ``index`` that equal no training image: one that training met too is not unseen."""
        train = self.split.dataset.train.pixels.cpu()
        return index[~copies(whole.pixels.cpu(), index, train, torch.arange(len(train)))]

    def unmet(self) -> Tensor:
        """Places of the held-out images that equal no training image, ``(m,)``."""
        if self._unmet is None:
            held = self.split.dataset.heldout
            self._unmet = self._apart(held, torch.arange(len(held)))
        return self._unmet

    def leave_out(self) -> LeaveOut | None:
        """The design, where there is one, with losses of those held-out images alone."""
        return None if self.design is None else self.design.among(self.unmet())

    @property
    def lacks_unseen(self) -> str:
        """Why nothing can be said by unseen images; empty where there are enough."""
        if self.split.lacks_unseen:
            return self.split.lacks_unseen
        n = len(self.images("unseen"))
        kind = "held-out images of the forgotten kind that equal no training image"
        return "" if n >= LEAST_UNSEEN else f"needs {LEAST_UNSEEN} {kind}, found {n}"

    def samples(self, model: Any, n: int) -> Images:
        """``n`` samples at noise that is the same for every model, labelled with what was asked for.

        Conditional models are all asked for the same classes, as often as the original's training met them. Asked for
        its own mixture, the retrained model would never be asked for a forgotten class, and nothing could come back.
        The labels of unconditional models mean nothing.
        """
        original = self.models[ORIGINAL].model
        if not conditions_of(original):
            return Images(generate_samples(model, n, self.seed), torch.zeros(n, dtype=torch.int64))
        asked = asked_conditions(original, n, self.seed)
        return Images(generate_samples(model, n, self.seed, asked), asked)

    def losses(self, audited: Audited, part: Part) -> Tensor:
        """The training loss of each image of a part, mean over ``repeats`` of noise, ``(n,)`` float64.

        The noise depends on the audit's seed and the image's place alone: models are compared image by image.
        """
        key = (audited.sha256, part)
        if key not in self._losses:
            self._losses[key] = self.losses_of(audited.model, self.images(part), part)
        return self._losses[key]

    def at_noise(self, noise: Noise, audited: Audited, part: str) -> Tensor:
        """The training loss of each image of "train" or "heldout" at the noise of a design, ``(n,)`` float64.

        Of those held out that training met too there is none.
        """
        key = (audited.sha256, f"{part} at {noise}")
        if key not in self._losses:
            images = self.split.dataset.train if part == "train" else self.split.dataset.heldout
            found = replace(noise, latents=0).losses(audited.model, images, part)[LOSS]
            self._losses[key] = found if part == "train" else found[self.unmet()]
        return self._losses[key]

    def losses_of(self, model: Any, images: Images, stream: str) -> Tensor:
        """The same of any images, with a stream of noise of their own."""
        rows = [
            image_losses(model, images, seed=derive(self.seed, "audit", "losses", stream, k)).double()
            for k in range(self.repeats)
        ]
        return torch.stack(rows).mean(0)


class Probe(Protocol):
    """One file in this folder each."""

    def __call__(self, case: Case) -> Result: ...


def mean(
    name: str, audited: Audited, values: Tensor, unit: str, *, least: float = -math.inf, most: float = math.inf
) -> Measurement:
    """The mean of ``values``, ``(n,)`` float64, with its 95 % interval within the bounds; of one value without."""
    low, high = normal(values, least, most)
    return Measurement(name, audited.name, values.mean().item(), low, high, len(values), unit, sha256=audited.sha256)


def ends(m: Measurement, form: str = ".4g") -> str:
    """The interval of a number, for a sentence; empty where it has none."""
    return "" if m.low is None or m.high is None else f" ({plain(m.low, form)} to {plain(m.high, form)})"


def share(name: str, audited: Audited, value: float, interval: tuple[float, float] | None, n: int) -> Measurement:
    """A share of ``n``, an AUC too, with its 95 % interval where it has one."""
    low, high = interval or (None, None)
    return Measurement(name, audited.name, value, low, high, n, "share", sha256=audited.sha256)


def null(name: str, audited: Audited, reason: str, unit: str = "") -> Measurement:
    """A number that could not be computed, with the reason."""
    return Measurement(name, audited.name, None, unit=unit, sha256=audited.sha256, reason=reason)
