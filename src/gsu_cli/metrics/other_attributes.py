"""Other attributes: what judges see of the attributes that were to stay. Forgetting one must not take them along."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gsu_cli.data.base import Dataset
from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.evaluation.real_images import real_images
from gsu_cli.judges.base import AttributeVerdict, Judge
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.difference_of_shares import TELLS, newcombe
from gsu_cli.run.record import Measurement

MOST = 8  # attributes, where none are named
CLASSES = "judges tell classes apart where a class is forgotten"


class OtherAttributes:
    """Share of samples that show each other attribute, by each judge of attributes, with Wilson's interval.

    For data sets without attributes there is nothing to say, and no row. Where a class is forgotten judges tell classes
    apart: named attributes get a null with that reason.

    Args:
        names: which ones; None takes the eight that are nearest to half of the data.
    """

    of_real_images = True

    def __init__(self, names: Sequence[str] | None = None) -> None:
        listed = isinstance(names, Sequence) and not isinstance(names, str)
        if names is not None and not (listed and all(isinstance(name, str) for name in names)):
            raise UsageError("`metric.other_attributes.names` must be a list of names", found=repr(names))
        self.names = None if names is None else tuple(names)

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        rows: list[Measurement] = []
        for judge in context.judges.values():
            verdict = subject.verdict(judge)
            if isinstance(verdict, AttributeVerdict):
                rows += [
                    _kind(name).share(subject, judge, verdict.has(name), _doubt(judge, name, context))
                    for name in self.chosen(context.split.dataset)
                    if name != context.split.target_attribute
                ]
        if self.names and not rows and context.judges and context.split.target_classes:
            rows = [_kind(name).missing(subject, CLASSES) for name in self.chosen(context.split.dataset)]
        return rows

    def chosen(self, dataset: Dataset) -> tuple[str, ...]:
        """The attributes that are looked at.

        Raises:
            UsageError: the data set has no such attribute.
        """
        self.check(dataset)
        if self.names is not None:
            return self.names
        if dataset.train.attributes is None:
            return ()
        distance = (dataset.train.attributes.double().mean(0) - 0.5).abs()
        nearest = torch.argsort(distance, stable=True)[:MOST].sort().values
        return tuple(dataset.attribute_names[i] for i in nearest.tolist())

    def check(self, dataset: Dataset) -> None:
        """Refuses names that the data set does not have.

        Raises:
            UsageError: with the nearest that it has.
        """
        known = dataset.attribute_names
        if self.names and not known:
            raise UsageError(
                f"`metric.other_attributes.names` needs a data set with attributes, and {dataset.name} has none",
                found=", ".join(self.names),
            )
        for name in self.names or ():
            if name not in known:
                raise UsageError(
                    f"`metric.other_attributes.names` must be attributes of {dataset.name}",
                    found=name,
                    way_out=did_you_mean(name, known).strip(),
                )


def _doubt(judge: Judge, name: str, context: EvaluationContext) -> str:
    """What must be known of a judge that does not tell the attribute on real images: its share then says nothing."""
    data = context.split.dataset
    if data.heldout.attributes is None:
        return ""
    has = data.heldout.attributes[:, data.attribute_names.index(name)].bool()
    if has.all() or not has.any():
        return f"could not be checked: {'every' if len(has) and has.all() else 'no'} held-out image has it"
    context.heldout = context.heldout or real_images(data.heldout)
    verdict = context.heldout.verdict(judge)
    if not isinstance(verdict, AttributeVerdict):
        return ""
    kind, sees = _kind(name), verdict.has(name)
    seen, alarms = (kind.share(context.heldout, judge, sees[at]) for at in (has, ~has))
    if newcombe(seen, alarms)[0] >= TELLS:
        return ""
    rates = f"{seen.value:.1%} of {seen.n:,} real images that have it and in {alarms.value:.1%} of the others"
    return f"says little, as it is seen in {rates}"


def _kind(attribute: str) -> Kind:
    return Kind(f"attribute_{attribute}", attribute.replace("_", " "), "cost", "share")
