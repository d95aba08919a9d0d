"""What a metric gave, checked at once: one of one's own may give anything, and tables file numbers by their names."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import torch

from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext, Metric
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.kind import Kind
from gsu_cli.report.validate import flaws_of_measurement
from gsu_cli.run.own_names import check_name, is_ours
from gsu_cli.run.record import Measurement, twice

SEE = "`gsu show docs/own-metric.md`"


def measured(metric: Metric, name: str, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
    """What ``metric`` says of ``subject``; see `measurements`.

    Raises:
        UsageError: one of the user's own has painted over the images, which the next metrics would measure.
    """
    before = None if is_ours(metric) else subject.pixels.clone()
    found = metric(subject, context)
    if before is not None and not torch.equal(before, subject.pixels):
        raise UsageError(
            f"`metric.{name}` must leave the images as they are",
            found=f"other pixels of {subject.name}",
            way_out="Let it work on a copy, subject.pixels.clone()",
        )
    return measurements(found, metric, name, subject)


def measurements(found: object, metric: object, name: str, subject: EvaluatedModel) -> list[Measurement]:
    """``found``, if it is a list of measurements of ``subject``.

    Args:
        found: what the metric gave.
        metric: that gave it.
        name: its key below ``metric``.
        subject: that it was asked about.

    Raises:
        UsageError: it is something else; a number without images, or of other weights; the name of a number that ships.
    """
    if not (isinstance(found, list) and all(isinstance(one, Measurement) for one in found)):
        is_ = "nothing" if found is None else type(found).__name__
        is_ = "a list with others in it" if isinstance(found, list) else is_
        raise UsageError(
            f"`metric.{name}` must give a list of measurements", found=is_, way_out=f"Let it return [...], see {SEE}"
        )
    if is_ours(metric):
        return found
    for m in found:
        check_name(m.name, metric, "measurement", shipped_names())
        if (m.subject, m.sha256) != (subject.name, subject.sha256):
            both = ((m.subject, m.sha256), (subject.name, subject.sha256))
            of, asked = (f"{who} (sha256 {str(sha)[:8]})" for who, sha in both)
            raise UsageError(
                f"`metric.{name}` must measure the weights that it is given",
                found=f"{m.name} of {of}, asked about {asked}",
                way_out=f"Let a `Kind` make it of `subject`, see {SEE}",
            )
        if m.value is not None and m.n < 1:
            raise UsageError(
                f"each number of `metric.{name}` must say on how many images it rests",
                found=f"{m.name} with n = {m.n}",
                way_out=f"Give n, or let a `Kind` make its mean, see {SEE}",
            )
        if flaw := next(flaws_of_measurement(m), None):
            ends = "" if m.low is None else f", {m.low} to {m.high}"
            raise UsageError(
                f"each number of `metric.{name}` must be one that a report can read",
                found=f"{flaw} ({m.value} {m.unit}{ends})",
                way_out="Let a share lie within 0 and 1 or name another unit, and give an interval both ends in order",
            )
    return found


def check_once(found: list[Measurement], more: list[Measurement], name: str) -> None:
    """Refuses a number that another metric of the line gives too: tables would show the first alone.

    Args:
        found: what the others gave.
        more: what ``metric.name`` gave.
        name: its key.

    Raises:
        UsageError: naming the number.
    """
    if words := twice([*found, *more]):
        raise UsageError(
            "each number of a run needs a name of its own",
            found=f"{words}, the second from `metric.{name}`",
            way_out="Name it otherwise in its `Kind`, or leave one of the metrics out",
        )


def shipped_names() -> set[str]:
    """Names of the numbers that metrics of this package give."""
    return {kind.name for kind in _kinds()}


def _kinds() -> Iterator[Kind]:
    import gsu_cli.metrics as folder

    for found in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
        for value in vars(importlib.import_module(found.name)).values():
            yield from (k for k in (value.values() if isinstance(value, dict) else (value,)) if isinstance(k, Kind))
