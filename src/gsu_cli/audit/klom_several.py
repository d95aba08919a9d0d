"""KLOM of several unlearned models: the losses of each image over models, against those of retrained models.

    KL_i(A, B) = log(s_B / s_A) + (s_A^2 + (mean_A L(i) - mean_B L(i))^2) / (2 s_B^2) - 1/2       s^2 = mean_i var L(i)

``A`` are unlearned models, ``B`` retrained ones, each with a seed of its own: Gaussians with one variance for all
images, as models are few. The floor is the same of retrained models against others. Groups have one size, so that both
are biased alike; the means are over groups. Source: Georgiev et al., arXiv 2410.23232, for a loss instead of margins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import torch
from torch import Tensor

from gsu_cli.audit.base import Audited, Case, Part, ends, mean, null
from gsu_cli.audit.floor_ratio import ratio_to_floor, ratio_to_floor_words
from gsu_cli.audit.other_seeds import half_of_means, widened
from gsu_cli.models.protocols import loss_unit
from gsu_cli.run.record import Measurement
from gsu_cli.run.signed import signed

GROUP = 2
"""Models of a group, at least: they have a variance."""
GROUPS = 50
"""Pairs of groups, at most."""
SAME = "retraining with other seeds gives the same losses"


@dataclass(frozen=True)
class SeveralModels:
    """The unlearned and the retrained models of an audit.

    Attributes:
        unlearned, retrained: the audited one first.
        size: of a group; below `GROUP` there are too few models.
    """

    unlearned: Sequence[Audited]
    retrained: Sequence[Audited]
    size: int

    @classmethod
    def of(cls, case: Case, unlearned: Audited, retrained: Sequence[Audited]) -> SeveralModels:
        """The unlearned models of a case; a group is as large as these and half of the retrained ones allow."""
        own = [unlearned, *case.unlearned]
        return cls(own, retrained, min(len(own), len(retrained) // 2))

    def on(self, case: Case, part: Part, words: str) -> tuple[list[Measurement], str]:
        """Rows and a sentence on a set of images; the reason where there are too few models, if any were asked for."""
        a = self.unlearned[0]
        if self.size < GROUP:
            if len(self.unlearned) < 2:
                return [], ""
            few = f"needs {2 * GROUP} retrained models, found {len(self.retrained)}: references={2 * GROUP}"
            return [null(f"klom_models_{part}", a, few, "nats")], ""
        U, R = (torch.stack([case.losses(m, part) for m in models]) for models in (self.unlearned, self.retrained))
        shift = mean(f"loss_shift_models_{part}", a, U.mean(0) - R.mean(0), loss_unit(a.model))
        shift = widened(shift, half_of_means(U.mean(1).tolist(), R.mean(1).tolist()))
        beside = f"{signed(shift.value, '.3g')}{ends(shift, '.3g')} {shift.unit} above it"
        who = f"Over {len(U)} unlearned and {len(R)} retrained models the loss of {words} is"
        same = [kind for kind, L in (("unlearn", U), ("retrain", R)) if not _spread(L, self.size)]
        if same:
            why = SAME if "retrain" in same else "unlearning with other seeds gives the same losses"
            rows = [
                null(f"{name}_{part}", a, why, unit) for name, unit in (("klom_models", "nats"), ("floors_models", ""))
            ]
            return [*rows, shift], f"{who} {beside}. How many floors that is cannot be said: {why}."
        floor = torch.stack([divergence(R[list(x)], R[list(y)]) for x, y in _pairs(len(R), self.size)]).mean(0)
        groups = list(islice(combinations(range(len(U)), self.size), GROUPS))
        here = torch.stack(
            [divergence(U[list(x)], R[list(y)]) for x in groups for y in _groups(len(R), self.size)][:GROUPS]
        ).mean(0)
        row = ratio_to_floor(f"floors_models_{part}", a, here, floor)
        rows = [mean(f"klom_models_{part}", a, here, "nats"), mean(f"klom_floor_models_{part}", a, floor, "nats")]
        return [*rows, row, shift], (
            f"{who} {ratio_to_floor_words(row)} from retraining's, and {beside}. "
            "The first interval is over images, the second over models, too."
        )


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """``KL`` of models ``(m, n)`` against others, as a mean over ``(n,)`` images, nats.

    What each image contributes is the pseudo-value of a jackknife (Tukey 1958): the spreads are means over the images,
    too, and an interval that took them as known held the truth in four fifths of simulations.

    >>> L = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).double()
    >>> divergence(L, L).tolist(), divergence(L + 2, L).tolist()
    ([0.0, 0.0], [1.0, 1.0])
    """
    n, parts = one.shape[1], (one.var(0), other.var(0), (one.mean(0) - other.mean(0)) ** 2)
    each = -(n - 1) * _nats(*((x.sum() - x) / (n - 1) for x in parts))
    return each - each.mean() + _nats(*(x.mean() for x in parts))


def _nats(own: Tensor, its: Tensor, square: Tensor) -> Tensor:
    own, its = own.clamp(min=1e-18), its.clamp(min=1e-18)
    return 0.5 * (its / own).log() + (own + square) / (2 * its) - 0.5


def _spread(losses: Tensor, size: int) -> bool:
    """Whether the models of every group differ in a loss: a group without variance is endlessly far from any other."""
    return all(bool((losses[list(x)] != losses[x[0]]).any()) for x in combinations(range(len(losses)), size))


def _groups(n: int, size: int) -> Iterator[tuple[int, ...]]:
    return islice(combinations(range(n), size), GROUPS)


def _pairs(n: int, size: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Two groups that share no model, at most `GROUPS`."""
    every = ((x, y) for x in combinations(range(n), size) for y in combinations(sorted({*range(n)} - {*x}), size))
    return islice(every, GROUPS)
