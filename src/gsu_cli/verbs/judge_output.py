"""What a judge says, asked of a few held-out images before the work: one of one's own may say anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset
from gsu_cli.errors import UsageError
from gsu_cli.judges.base import AttributeVerdict, FeatureJudge, Judge, Verdict
from gsu_cli.judges.own_classifier import OwnAttributeJudge, OwnJudge
from gsu_cli.run.one_line import in_one_line
from gsu_cli.run.own_names import is_ours

N = 8  # images, spread over the held-out ones
SEE = "`gsu show docs/own-judge.md`"
WHOLE = "labels (n,) of whole numbers, confidence (n,) of floats in [0, 1], abstains (n,) of true and false"
EACH = "present and abstains (n, k) of true and false, confidence (n, k) of floats in [0, 1], for k names"


def check_output(judge: Judge, key: str, dataset: Dataset) -> None:
    """Tries a judge of one's own: what it says, and that it says the same of an image again and beside others.

    Args:
        judge: ready for ``dataset``; one that ships is known to.
        key: below ``judge``.
        dataset: with held-out images.

    Raises:
        UsageError: it says something else, or writes into the images.
    """
    if is_ours(judge) and not isinstance(judge, OwnJudge | OwnAttributeJudge):
        return
    _check_provenance(judge, key)
    heldout = dataset.heldout.pixels
    pixels = heldout[:: max(len(heldout) // N, 1)][:N].clone()
    before = pixels.clone()
    if len(pixels) < 2:
        return
    first, again = _said(judge, key, pixels, dataset), _said(judge, key, pixels, dataset)
    if not torch.equal(pixels, before):
        raise UsageError(
            f"`judge.{key}` must leave the images as they are",
            found="other pixels after it was asked",
            way_out="Let it work on a copy, pixels.clone()",
        )
    if not _alike(first, again, 1e-5):
        raise UsageError(
            f"`judge.{key}` must say the same of an image each time",
            found="other answers when asked again",
            way_out="Take dropout and random numbers out of eval mode, and keep nothing of the images before",
        )
    some = torch.arange(len(pixels) // 2).flip(0)
    if not _alike(first[some], _said(judge, key, pixels[some], dataset), 1e-3):
        raise UsageError(
            f"`judge.{key}` must say of an image what it would say of it alone",
            found="other answers beside other images",
            way_out="Take statistics of the batch out of it, as of a BatchNorm without running statistics",
        )


def _said(judge: Judge, key: str, pixels: Tensor, dataset: Dataset) -> Verdict | AttributeVerdict:
    if isinstance(judge, FeatureJudge):
        features: Any = judge.features(pixels)
        if not _is(features, (len(pixels), None)) or not bool(features.isfinite().all()):
            raise UsageError(
                f"features(pixels) of `judge.{key}` must give finite floats (n, d)",
                found=_named(features),
                way_out=f"See {SEE}",
            )
        verdict: Any = judge.verdict(features)
    else:
        verdict = judge(pixels)
    if not isinstance(verdict, Verdict | AttributeVerdict):
        raise UsageError(
            f"`judge.{key}` must give a `Verdict`, or an `AttributeVerdict` of attributes",
            found=_named(verdict),
            way_out=f"Let it return one of gsu_cli.judges.base, see {SEE}",
        )
    wrong = next(_flaws(verdict, len(pixels), dataset), "")
    if wrong:
        rule = f"the {type(verdict).__name__} of `judge.{key}` must have "
        rule += WHOLE if isinstance(verdict, Verdict) else EACH
        raise UsageError(rule, found=f"{wrong} for n = {len(pixels)}", way_out=f"See {SEE}")
    return verdict


def _flaws(verdict: Verdict | AttributeVerdict, n: int, dataset: Dataset) -> Iterator[str]:
    size: tuple[int | None, ...] = (n,)
    if isinstance(verdict, Verdict):
        labels: Any = verdict.labels
        if not _is(labels, size, floats=False) or labels.dtype == torch.bool:
            yield f"labels: {_named(labels)}"
    else:
        if not isinstance(verdict.names, tuple) or not set(dataset.attribute_names) >= set(verdict.names):
            yield f"names: {in_one_line(repr(verdict.names)):.80}, of {', '.join(dataset.attribute_names) or 'none'}"
        size = (n, len(verdict.names))
        if not _is(verdict.present, size, floats=False) or verdict.present.dtype != torch.bool:
            yield f"present: {_named(verdict.present)}"
    confidence: Any = verdict.confidence
    if not _is(confidence, size):
        yield f"confidence: {_named(confidence)}"
    elif not bool(((confidence >= 0) & (confidence <= 1)).all()):
        yield f"confidence from {confidence.min().item():.4g} to {confidence.max().item():.4g}"
    abstains: Any = verdict.abstains
    if not _is(abstains, size, floats=False) or abstains.dtype != torch.bool:
        yield f"abstains: {_named(abstains)}"


def _is(found: object, size: tuple[int | None, ...], *, floats: bool = True) -> bool:
    """Whether it is a tensor on the CPU, of real numbers of that kind and of that size, any where None stands."""
    if not isinstance(found, Tensor) or found.device.type != "cpu" or found.is_complex() or found.ndim != len(size):
        return False
    fits = all(want in (None, is_) for want, is_ in zip(size, found.shape, strict=True))
    return fits and found.is_floating_point() == floats


def _named(found: object) -> str:
    if not isinstance(found, Tensor):
        return "nothing" if found is None else f"a {type(found).__name__}"
    where = "" if found.device.type == "cpu" else f" on {found.device}"
    odd = "" if where or bool(found.isfinite().all()) else " with nan or inf"
    return f"{str(found.dtype).removeprefix('torch.')} {tuple(found.shape)}{where}{odd}"


def _alike(a: Verdict | AttributeVerdict, b: Verdict | AttributeVerdict, tolerance: float) -> bool:
    said = (a.labels, b.labels) if isinstance(a, Verdict) and isinstance(b, Verdict) else None
    if isinstance(a, AttributeVerdict) and isinstance(b, AttributeVerdict):
        said = (a.present, b.present)
    near = torch.allclose(a.confidence.double(), b.confidence.double(), 0, tolerance)
    return said is not None and torch.equal(*said) and near


def _check_provenance(judge: Judge, key: str) -> None:
    """The record holds it, as JSON."""
    rule = f"provenance() of `judge.{key}` must give a dict of plain numbers, words, lists and dicts"
    found: Any = judge.provenance()
    if not isinstance(found, Mapping):
        raise UsageError(rule, found=_named(found), way_out='Let it return {"name": self.name}')
    try:
        json.dumps(dict(found))
    except (TypeError, ValueError) as e:
        raise UsageError(rule, found=str(e), way_out="Use value.item() or value.tolist()") from e
