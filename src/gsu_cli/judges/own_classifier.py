"""A classifier of one's own as a judge: any module that takes images and gives logits.

Its features, in which distributions are compared, are what its last Linear layer takes, or the logits where it does not
end in one. How far it may be trusted is measured on held-out images like that of every judge.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.data.base import Dataset, to_float
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.judges.base import AttributeVerdict, Judge, Verdict
from gsu_cli.judges.whole_weights import check_whole
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.run.import_weights import load_into, read_foreign
from gsu_cli.run.one_line import named
from gsu_cli.run.weight_files import WeightFiles, find_weights
from gsu_cli.surgery.ranks import joined

CHUNK = 250  # images at a time
SEEN = CHUNK  # held-out images, at most, spread over all, by which probabilities are told from logits


@contextmanager
def _in_words_of(key: str) -> Iterator[None]:
    """Errors of an import name the options of ``key``, not those of a checkpoint, which are read in the same way."""
    try:
        yield
    except CheckpointError as e:
        options = r"\bcheckpoint(?=\.(?:entry|rename)\b)|\bmodel(?=\.\* options)"
        rule, way_out = (re.sub(options, key, text) for text in (e.rule, e.way_out))
        raise CheckpointError(rule, found=e.found, way_out=way_out) from e


class OwnClassifier:
    """Settings of the judge.

    Args:
        make: builds the module, untrained, for a data set.
        name: of the judge, "cnn" or "knn": the place it takes in tables.
        label: what tables call it; the name where empty.
        path: of its weights: a state dict, safetensors, or a folder with one of these.
        threshold: abstains below this probability of a class, or where yes and no to an attribute differ by less.
        mean, std: of its training's normalisation, a number for each channel or one for all; None: it takes [0, 1].
        labels: what its outputs stand for, in order; None: the data set's, or 0, 1, ... where it knows more.
        entry, rename: as for checkpoints, see `read_foreign`.
    """

    def __init__(
        self,
        make: Any,
        name: str,
        path: str | None = None,
        threshold: float = 0.5,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        labels: Sequence[Any] | None = None,
        entry: str | None = None,
        rename: Mapping[str, str | None] | None = None,
        label: str = "",
    ) -> None:
        number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
        if not (number and 0 <= threshold <= 1):  # false for nan
            raise UsageError(f"`judge.{name}.threshold` must lie in [0, 1]", found=threshold)
        if path is None:
            raise UsageError(
                f"a classifier of your own needs its weights in `judge.{name}.path`",
                found="none",
                way_out=f"Type judge.{name}.path=classifier.pt, see `gsu show docs/own-judge.md`",
            )
        self.label = label or name
        self.make, self.name, self.path, self.threshold = make, name, Path(path).expanduser(), float(threshold)
        self.mean, self.std = _numbers(f"judge.{name}.mean", mean), _numbers(f"judge.{name}.std", std, more_than=0.0)
        self.labels, self.entry, self.rename = labels, entry, dict(rename or {})

    def prepare(self, dataset: Dataset, *, seed: int) -> Judge:
        """Builds the module, loads its weights and tries it on two images.

        Raises:
            CheckpointError: the weights are missing or do not fit.
            UsageError: it does not take the images, or its outputs cannot be named.
        """
        module, again = self.make(dataset), self.make(dataset)
        files = find_weights(self.path, f"judge.{self.name}.path")
        with _in_words_of(f"judge.{self.name}"):
            found = read_foreign(files.path, entry=self.entry, rename=self.rename, own=module.state_dict())
            load_into(module, found.tensors, files.path, rename=self.rename, entry=found.entry)
        module.eval()
        c = dataset.shape[0]
        for key, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) not in (1, c):
                raise UsageError(f"`judge.{self.name}.{key}` must have one number, or one for each of {c} channels",
                                 found=values)  # fmt: skip
        net = _Net(module, self.mean, self.std)
        rule = f"a classifier must take images of the data set's shape {dataset.shape}"
        with foreign_errors(lambda e: UsageError(rule, found=named(e))):
            logits = net.logits(dataset.heldout.pixels[:2])
        if not isinstance(logits, Tensor) or logits.ndim != 2 or not logits.is_floating_point():
            is_ = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise UsageError("a classifier must give logits, (n, classes)", found=is_)
        if not bool(logits.isfinite().all()):
            raise CheckpointError(
                "the logits of a classifier must be finite",
                found=f"nan or inf of held-out images from {files.path}",
                way_out=f"See its weights, and judge.{self.name}.mean and judge.{self.name}.std",
            )
        check_whole(net, _Net(again.eval(), self.mean, self.std), dataset.heldout.pixels[:2], files.path)
        net.settle(dataset.heldout.pixels[:2])
        about = {
            "name": self.name, "class": f"{type(module).__module__}.{type(module).__qualname__}",
            "path": str(files.path.absolute()), "sha256": files.sha256(), "threshold": self.threshold,
            "mean": self.mean, "std": self.std,
        }  # fmt: skip
        seen = dataset.heldout[:: math.ceil(len(dataset.heldout) / SEEN)]
        outputs = net.logits(seen.pixels)
        if dataset.attribute_names and seen.attributes is not None:
            ours = list(dataset.attribute_names)
            names = tuple(str(n) for n in self._names(logits.shape[1], ours, module, files, "attributes"))
            known = [names.index(n) for n in ours]
            _refuse_probabilities(outputs, known, seen.attributes)
            return OwnAttributeJudge(net, about, self.threshold, tuple(ours), known)
        named_by = self._names(logits.shape[1], sorted(dataset.class_names), module, files, "labels")
        labels = torch.tensor([int(n) for n in named_by], dtype=torch.int64)
        _refuse_probabilities(outputs, None, seen.labels[:, None] == labels)
        return OwnJudge(net, about, self.threshold, labels)

    def _names(self, k: int, ours: list[Any], module: nn.Module, files: WeightFiles, what: str) -> list[Any]:
        """What its outputs stand for: as typed, as the module says, the data set's, or counted from 0."""
        given = self.labels if self.labels is not None else getattr(module, what, None)
        if isinstance(given, Tensor):
            given = given.tolist()
        counted = list(range(k)) if what == "labels" and set(ours) <= set(range(k)) else None
        names = list(given) if given is not None else ours if len(ours) == k else counted
        if names is None or len(names) != k or len(set(names)) != k:
            raise UsageError(
                f"what the {k} outputs of a classifier stand for must be known",
                found=f"{len(ours)} {'classes' if what == 'labels' else what} of the data set"
                + ("" if given is None else f" and {given}"),
                way_out=f"Name them in order: judge.{self.name}.labels=[...]",
            )
        if lacking := [str(n) for n in ours if n not in names]:
            raise CheckpointError(
                f"`judge.{self.name}.path` must know every {'class' if what == 'labels' else 'attribute'} "
                "of the data set",
                found=f"{files.path}, which lacks {', '.join(lacking)}",
            )
        return names


def _refuse_probabilities(outputs: Tensor, attributes: Sequence[int] | None, truth: Tensor) -> None:
    """Refuses outputs that a softmax or a sigmoid has made: to take it again flattens what rests on probabilities.

    Such are all within [0, 1]. Those of classes sum to 1 for each image, or else what is known of the images is nearer
    to them as probabilities than as logits, by the Brier score: logits that happen to lie within [0, 1] are logits.

    Args:
        outputs: ``(n, k)``, of a classifier.
        attributes: which of them are of known attributes; None: they are of classes.
        truth: ``(n, k)`` bool, whether an image is of a class; or ``(n, len(attributes))``, whether it has each.

    Raises:
        UsageError: they are probabilities.
    """
    outputs = outputs.double()
    if not bool(((outputs >= 0) & (outputs <= 1)).all()):
        return
    if attributes is None:
        sums = outputs.sum(1, keepdim=True)
        shared = outputs.shape[1] > 1 and bool(((sums - 1).abs() < 1e-3).all())
        given, again, last = outputs / sums.clamp(min=1e-12), outputs.softmax(1), "softmax or sigmoid"
    else:
        given, again, shared, last = outputs[:, attributes], outputs[:, attributes].sigmoid(), False, "sigmoid"
    missed, missed_again = (float((p - truth.double()).square().mean()) for p in (given, again))
    if shared or missed < missed_again:
        raise UsageError(
            "a classifier must give logits",
            found="numbers within 0 and 1 "
            + ("that sum to 1 for each image" if shared else "that fit the images better as they are than as logits")
            + ": probabilities",
            way_out=f"Let it return what goes into its {'softmax' if shared else last}",
        )


class _Net:
    """The module behind its normalisation, cut before its last Linear layer where that gives the logits."""

    last: nn.Linear | None = None

    def __init__(self, module: nn.Module, mean: list[float] | None, std: list[float] | None) -> None:
        self.module = module
        self.shift = torch.tensor(mean or [0.0]).view(1, -1, 1, 1)
        self.scale = torch.tensor(std or [1.0]).view(1, -1, 1, 1)

    @torch.no_grad()
    def logits(self, pixels: Tensor) -> Any:
        return self.module((to_float(pixels) - self.shift) / self.scale)

    def settle(self, pixels: Tensor) -> None:
        """Finds the Linear layer whose output are the logits."""
        linear = [m for m in self.module.modules() if isinstance(m, nn.Linear)]
        for layer in reversed(linear):
            inputs, logits = self._through(layer, pixels)
            if len(inputs) == 1 and inputs[0].ndim == 2 and torch.equal(layer(inputs[0]), logits):
                self.last = layer
                return

    @torch.no_grad()
    def _through(self, layer: nn.Module, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        seen: list[Tensor] = []
        handle = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        try:
            return seen, self.logits(pixels)
        finally:
            handle.remove()

    def features(self, pixels: Tensor) -> Tensor:
        if self.last is None:
            return joined(pixels.split(CHUNK), self.logits)
        last = self.last
        return joined(pixels.split(CHUNK), lambda chunk: self._through(last, chunk)[0][0])

    @torch.no_grad()
    def head(self, features: Tensor) -> Tensor:
        found: Tensor = features if self.last is None else self.last(features)
        return found


class _Own:
    """What both kinds share."""

    def __init__(self, net: _Net, about: dict[str, object], threshold: float) -> None:
        self.net, self.about, self.threshold, self.name = net, about, threshold, str(about["name"])

    def provenance(self) -> dict[str, object]:
        return dict(self.about)

    def features(self, pixels: Tensor) -> Tensor:
        return self.net.features(pixels)


class OwnJudge(_Own):
    """Argmax of the class probabilities."""

    def __init__(self, net: _Net, about: dict[str, object], threshold: float, labels: Tensor) -> None:
        super().__init__(net, about, threshold)
        self.labels = labels

    def probabilities(self, features: Tensor) -> Tensor:
        return self.net.head(features).softmax(1)

    def verdict(self, features: Tensor) -> Verdict:
        confidence, best = self.probabilities(features).max(1)
        return Verdict(self.labels[best], confidence, confidence < self.threshold)

    def __call__(self, pixels: Tensor) -> Verdict:
        return self.verdict(self.features(pixels))


class OwnAttributeJudge(_Own):
    """Yes or no to each attribute by the sigmoid of its logit, which is that of the output at its place in ``at``."""

    def __init__(self, net: _Net, about: dict[str, object], threshold: float, names: tuple[str, ...], at: list[int]):
        super().__init__(net, about, threshold)
        self.names, self.at = names, at

    def probabilities(self, features: Tensor) -> Tensor:
        yes = self.net.head(features)[:, self.at].sigmoid()
        return torch.stack([1 - yes, yes], 2)

    def verdict(self, features: Tensor) -> AttributeVerdict:
        yes = self.probabilities(features)[:, :, 1]
        confidence = torch.maximum(yes, 1 - yes)
        return AttributeVerdict(self.names, yes > 0.5, confidence, 2 * confidence - 1 < self.threshold)

    def __call__(self, pixels: Tensor) -> AttributeVerdict:
        return self.verdict(self.features(pixels))


def _numbers(key: str, values: object, more_than: float = float("-inf")) -> list[float] | None:
    if values is None:
        return None
    found: list[Any] = list(values) if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    if not found or not all(
        isinstance(v, int | float) and not isinstance(v, bool) and more_than < v < float("inf") for v in found
    ):
        above = "" if more_than == float("-inf") else " > 0"
        raise UsageError(f"`{key}` must be a number{above}, or a list of them", found=values)
    return [float(v) for v in found]
