"""Other attributes: what judges see of the attributes that were to stay. Forgetting one must not take them along."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gsu_cli.data.base import Dataset
from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.judges.base import AttributeVerdict
from gsu_cli.metrics.base import Scene, Subject, share
from gsu_cli.run.record import Measurement

MOST = 8  # attributes, where none are named


class OtherAttributes:
    """Share of drawings that show each other attribute, by each judge of attributes, with Wilson's interval.

    For data sets without attributes there is nothing to say, and no row.

    Args:
        names: which ones; None takes the eight that are nearest to half of the data.
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        if names is not None and (isinstance(names, str) or not all(isinstance(name, str) for name in names)):
            raise UsageError("`metric.other_attributes.names` must be a list of names", found=repr(names))
        self.names = None if names is None else tuple(names)

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        rows: list[Measurement] = []
        for judge in scene.judges.values():
            verdict = subject.verdict(judge)
            if isinstance(verdict, AttributeVerdict):
                rows += [
                    share(f"attribute_{name}", subject, judge, verdict.has(name), None)
                    for name in self.chosen(scene.split.dataset)
                    if name != scene.split.target_attribute
                ]
        return rows

    def chosen(self, dataset: Dataset) -> tuple[str, ...]:
        """The attributes that are looked at.

        Raises:
            UsageError: the data set has no such attribute.
        """
        known = dataset.attribute_names
        if self.names is None:
            if dataset.train.attributes is None:
                return ()
            distance = (dataset.train.attributes.double().mean(0) - 0.5).abs()
            nearest = torch.argsort(distance, stable=True)[:MOST].sort().values
            return tuple(known[i] for i in nearest.tolist())
        for name in self.names:
            if name not in known:
                raise UsageError(
                    f"`metric.other_attributes.names` must be attributes of {dataset.name}",
                    found=name,
                    way_out=did_you_mean(name, known).strip(),
                )
        return self.names
