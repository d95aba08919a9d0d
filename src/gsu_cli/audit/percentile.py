"""Where the forgotten images stand among images that no model ever saw, before, after, and retrained.

    P_i = share of unseen images whose loss lies below that of forgotten image i   (ties by half)

A model that saw an image fits it better than most unseen ones of its kind: a percentile below 50. One that never saw it
has 50 in the mean. After over-forgetting the image is the most conspicuous of all: near 100. Whoever looks at the
losses then knows what was forgotten.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from gsu_cli.audit.base import ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Result, ends, mean, null
from gsu_cli.audit.differences import not_told, power, side
from gsu_cli.audit.other_seeds import beside, every_retrained, half_of_another, widened
from gsu_cli.audit.plotted import Dots, dots, named
from gsu_cli.evaluation.placements import mean_percentile, placements
from gsu_cli.evaluation.ratios import ratio_interval
from gsu_cli.models.protocols import loss_unit
from gsu_cli.run.forgotten_count import forgotten
from gsu_cli.run.record import Measurement

FROM_RETRAINED = "percentile_from_retrained"


class Percentile:
    """Mean percentile of the forgotten images among unseen ones, their mean loss, and its rise against retraining's.

    A percentile's interval is over forgotten and unseen images, the others' are over forgotten ones; that of the rise
    also over the seeds of retraining, where there are references.
    """

    def __call__(self, case: Case) -> Result:
        found: list[Measurement] = []
        means: dict[str, float] = {}
        for a in case.models.values():
            losses, loss = case.losses(a, "forgotten"), "forgotten_loss"
            if case.lacks_unseen:
                found.append(null("percentile", a, case.lacks_unseen, "%"))
                found.append(mean(loss, a, losses, loss_unit(a.model)))
                continue
            unseen = case.losses(a, "unseen")
            value, low, high = mean_percentile(losses, unseen)
            found.append(Measurement("percentile", a.name, value, low, high, len(losses), "%", sha256=a.sha256))
            found.append(mean(loss, a, losses, loss_unit(a.model)))
            found.append(mean("unseen_loss", a, unseen, loss_unit(a.model)))
            means[a.name] = value
        if RETRAINED in case.models:
            found += self._mean_of_retrained(case)
            found.append(self._rise(case))
            found += [] if case.lacks_unseen else self._distances(case)
        several = len(every_retrained(case))
        counts = len(case.images("forgotten")), len(case.split.different)
        said = _said(means, found, forgotten(*counts, ("stands", "stand")), case.split.unseen_words, several)
        said += _apart(found)
        return Result(found, sentences=said, dots=_plotted(found, loss_unit(case.models[ORIGINAL].model)))

    def _mean_of_retrained(self, case: Case) -> list[Measurement]:
        """The mean loss over several retrained models, against which the rise is; the columns have that of the first.

        Its interval is over images and the seeds of retraining: another seed lies within it.
        """
        every = every_retrained(case)
        if len(every) < 2:
            return []
        losses, first = torch.stack([case.losses(r, "forgotten") for r in every]), case.models[RETRAINED]
        row = mean("forgotten_loss_mean_retrained", first, losses.mean(0), loss_unit(first.model))
        return [widened(row, half_of_another(losses.mean(1).tolist()))]

    def _rise(self, case: Case) -> Measurement:
        """How much of retraining's rise of the forgotten images' loss was reached: 1 is retraining, above is beyond."""
        before, after = (case.losses(case.models[m], "forgotten") for m in (ORIGINAL, UNLEARNED))
        audited = case.models[UNLEARNED]
        each = torch.stack([case.losses(r, "forgotten") for r in every_retrained(case)]) - before
        increase, wanted = after - before, each.mean(0)
        span = ratio_interval(increase, wanted) if float(wanted.mean()) > 0 else None
        if span is None:
            reason = "retraining does not raise the loss of the forgotten images beyond its interval"
            reason = "an interval needs 2 forgotten images, found 1" if len(wanted) < 2 else reason
            return null("share_of_retrained_increase", audited, reason)
        rise = float(wanted.mean())
        value, seeds = float(increase.mean()) / rise, half_of_another(each.mean(1).tolist()) / rise
        down, up = (math.hypot(value - end, seeds) for end in span)
        return Measurement(
            "share_of_retrained_increase", audited.name, value, value - down, value + up, len(increase),
            sha256=audited.sha256,
        )  # fmt: skip

    def _distances(self, case: Case) -> list[Measurement]:
        """How far each image's percentile lies from its mean over all retrained models.

        That of a retrained model is not 0: where there are references, the floor is what each lies from the others.
        """

        def ranks(a: Audited) -> Tensor:
            return 100 * placements(case.losses(a, "forgotten"), case.losses(a, "unseen"))

        every = torch.stack([ranks(a) for a in every_retrained(case)])
        apart = {case.models[m]: (ranks(case.models[m]) - every.mean(0)).abs() for m in (ORIGINAL, UNLEARNED)}
        if (n := len(every)) > 1:  # a value less the mean of the others is n / (n - 1) times that less the mean of all
            apart[case.models[RETRAINED]] = (every - every.mean(0)).abs().mean(0) * n / (n - 1)
        return [mean(FROM_RETRAINED, a, values, "%", least=0.0, most=100.0) for a, values in apart.items()]


def _apart(found: list[Measurement]) -> list[str]:
    rows = {m.subject: m for m in found if m.name == FROM_RETRAINED}
    if not rows or rows[UNLEARNED].n < 2:  # of one image the percentiles themselves say it
        return []
    after, before = rows[UNLEARNED], rows[ORIGINAL]
    points = f"{after.value:.1f}{ends(after, '.1f')} points"
    floor = "" if RETRAINED not in rows else f"; a retrained model is {rows[RETRAINED].value:.1f} from the others"
    return [f"Image by image that is {points} from retraining, {before.value:.1f} before{floor}."]


def _said(means: dict[str, float], found: list[Measurement], what: str, unseen: str, retrained: int) -> list[str]:
    if UNLEARNED not in means:
        return _risen(found, "The loss of the forgotten images", retrained)
    row = next(m for m in found if (m.name, m.subject) == ("percentile", UNLEARNED))
    line = f"{what[0].upper()}{what[1:]} at percentile {means[UNLEARNED]:.0f}{ends(row, '.0f')} of {unseen} by loss"
    line += f", {means[ORIGINAL]:.0f} before"
    if RETRAINED in means:
        line += f", {means[RETRAINED]:.0f} in the retrained model"
    alone = [] if RETRAINED in means else _alone(row)
    return [f"{line}.", *alone, *_risen(found, "Their loss", retrained)]


def _alone(row: Measurement) -> list[str]:
    """What a percentile says where no retrained model is known: an unseen image has 50 in the mean."""
    if row.value is None or row.low is None or row.high is None:
        return []
    apart = replace(row, value=row.value - 50, low=row.low - 50, high=row.high - 50)
    if side(apart):
        return [f"They fit {'worse' if side(apart) > 0 else 'better'} than unseen images, which have 50 in the mean."]
    return [f"They are not told from unseen images, which have 50 in the mean{not_told(apart, None, unit=' points')}"]


def _risen(found: list[Measurement], what: str, retrained: int) -> list[str]:
    rise = next((m for m in found if m.name == "share_of_retrained_increase"), None)
    if rise is not None and rise.value is not None and rise.low is not None and rise.high is not None:
        verdict = "over-forgotten" if rise.low > 1 else "under-forgotten" if rise.high < 1 else ""
        said = f"{verdict}{beside(retrained)}" if verdict else _not_told(rise)
        times = f"{round(rise.value, 2) + 0.0:.2f}{ends(rise, '.2f')} times"
        return [f"{what} rose {times} as much as retraining raises it: {said}."]
    if rise is not None and rise.reason:
        return [f"How far it rose, of what retraining gives, is not known: {rise.reason}."]
    return []


def _not_told(rise: Measurement) -> str:
    """No side: what would have been seen, and whether having done nothing would."""
    if rise.value is not None and rise.high is not None and rise.high - rise.value >= 1:
        return "no difference from retraining is shown, nor would one be had the loss not risen at all"
    known = power(rise, ".2f")
    return "no difference from retraining is shown" + (known and f"; {known}")


def _plotted(found: list[Measurement], unit: str) -> list[Dots]:
    losses = {f"{part} images": named(found, f"{part}_loss") for part in ("forgotten", "unseen")}
    rise = {"forgotten images": named(found, "share_of_retrained_increase")}
    return [
        *dots("percentile by loss", "%", {"forgotten images": named(found, "percentile")}, {"an unseen image": 50.0}),
        *dots("mean loss", unit, losses),
        *dots("rise of the loss", "times retraining's", rise, {"retraining": 1.0}),
    ]
