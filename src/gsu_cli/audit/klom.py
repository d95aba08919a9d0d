"""How far each image's loss lies from where retraining with other seeds puts it, in units of retraining's spread.

    KL_i(m) = (L_m(i) - mean_r L_r(i))^2 / (2 s^2)        s^2 = mean_i var_r L_r(i)

For Gaussians of one variance this is the divergence between the losses of image ``i`` under model ``m`` and under
retrained models ``r``: the KLOM of Georgiev et al., arXiv 2410.23232, for one unlearned model and a loss instead of
margins. The floor is the same of each retrained model against the others; with one variance for all images it is
``(1 + 1 / (N - 1)) / 2`` for ``N`` of them. A set's figure is the mean over its images, "floors" is its ratio to the
floor, and the sign of the mean shift says the side: above, over-forgotten for forgotten images and damage for others.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gsu_cli.audit.base import UNLEARNED, Audited, Case, Curve, Part, Result, ends, mean, null
from gsu_cli.audit.differences import power, side, upward
from gsu_cli.audit.floor_ratio import in_nats, ratio_to_floor, ratio_to_floor_words
from gsu_cli.audit.klom_several import SAME, SeveralModels
from gsu_cli.audit.loss_quantiles import quantiles
from gsu_cli.audit.other_seeds import every_retrained, half_of_another, widened
from gsu_cli.audit.plotted import Dots, dots, named
from gsu_cli.models.protocols import loss_unit
from gsu_cli.run.record import Measurement

LEAST = 3
"""Retrained models: two to measure against, and one to measure."""
PARTS: tuple[Part, ...] = ("forgotten", "unseen_retained", "retained")
WORDS = {
    "forgotten": "forgotten images",
    "unseen_retained": "unseen images that are to stay",
    "retained": "retained images",
}


class Klom:
    """The divergence of each set of images, its floor and their ratio; the shift of the loss, also by image."""

    def __call__(self, case: Case) -> Result:
        retrained = every_retrained(case)
        unlearned = case.models[UNLEARNED]
        if len(retrained) < LEAST:
            reason = f"needs {LEAST} retrained models, found {len(retrained)}: references={LEAST}"
            return Result([null("klom", unlearned, reason)])
        found: list[Measurement] = []
        sentences: list[str] = []
        curves: list[Curve] = []
        several = SeveralModels.of(case, unlearned, retrained)
        for part in PARTS:
            if (n := len(case.images(part))) < 2:
                found.append(null(f"klom_{part}", unlearned, f"needs 2 images, found {n}", "nats"))
                continue
            rows, sentence = several.on(case, part, WORDS[part])
            found += rows
            sentences += filter(None, [sentence])
            rows, sentence = self._of(case, part, unlearned, retrained)
            found += rows
            sentences.append(sentence)
            losses = torch.stack([case.losses(r, part) for r in retrained])
            curves += quantiles(part, case.losses(unlearned, part), losses)
        return Result(found, curves, sentences, dots=_plotted(found, loss_unit(unlearned.model)))

    def _of(self, case: Case, part: Part, a: Audited, retrained: list[Audited]) -> tuple[list[Measurement], str]:
        losses = torch.stack([case.losses(r, part) for r in retrained])
        mine = case.losses(a, part)
        floors, own = [], []
        for k in range(len(retrained)):  # against the same number of others, so that both are biased alike
            others = torch.cat([losses[:k], losses[k + 1 :]])
            variance = losses.var(0).mean()
            floors.append(divergence(losses[k], others, variance))
            own.append(divergence(mine, others, variance))
        here, floor = torch.stack(own).mean(0), torch.stack(floors).mean(0)
        shift = mean(f"loss_shift_{part}", a, mine - losses.mean(0), loss_unit(a.model))
        shift = widened(shift, half_of_another(losses.mean(1).tolist()))
        if not float(floor.mean()):
            rows = [null(f"{name}_{part}", a, SAME, unit) for name, unit in (("klom", "nats"), ("floors", ""))]
            return [*rows, shift], (
                f"How far the loss of {WORDS[part]} is from retraining's, {_side(shift)}, has no floor: {SAME}."
            )
        ratio = ratio_to_floor(f"floors_{part}", a, here, floor)
        rows = [*in_nats(part, ratio, floor), ratio, shift]
        over = "" if ratio.low is None else "The interval of floors is over images alone; "
        each = [float(f.mean() / floor.mean()) for f in floors]
        apart = (
            f"of {len(retrained)} retrained models each is {min(each):.1f} to {max(each):.1f} floors from the others"
        )
        line = f"The loss of {WORDS[part]} is {ratio_to_floor_words(ratio)} from retraining's, {_side(shift)}"
        return rows, f"{line}. {over}{apart if over else apart.capitalize()}."


def _side(shift: Measurement) -> str:
    if shift.value is None or shift.low is None or shift.high is None or not side(shift):
        known = power(shift, ".2g", f" {shift.unit}")
        return "with no shift of the mean shown" + (known and f" ({known})")
    where = "above" if side(shift) > 0 else "below"
    return f"{abs(shift.value):.3g}{ends(upward(shift), '.3g')} {shift.unit} {where} it in the mean"


def divergence(losses: Tensor, others: Tensor, variance: Tensor) -> Tensor:
    """``KL_i`` of losses ``(n,)`` against those of other models ``(m, n)``, ``(n,)`` nats.

    >>> divergence(torch.tensor([3.0]), torch.tensor([[0.0], [2.0]]), torch.tensor(2.0)).tolist()
    [1.0]
    """
    return (losses - others.mean(0)) ** 2 / (2 * variance.clamp(min=1e-18))


def _plotted(found: list[Measurement], unit: str) -> list[Dots]:
    def of(name: str) -> dict[str, list[Measurement]]:
        return {WORDS[part]: named(found, f"{name}_{part}") for part in PARTS}

    floors = {words: [replace(m, subject="floor") for m in rows] for words, rows in of("klom_floor").items()}
    both = {words: [*rows, *floors[words]] for words, rows in of("klom").items()}
    return [
        *dots("divergence of each image's loss", "nats", both),
        *dots("in floors", "", of("floors"), {"another retrained model": 1.0}),
        *dots("shift of the loss", unit, of("loss_shift"), {"retraining": 0.0}),
    ]
