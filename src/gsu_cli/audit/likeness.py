"""How far the model's samples lie from the retrained model's, measured by the two models themselves; no judge is asked.

    L_B(A) = mean loss under model B of samples of model A        (a bound on their NLL for VAEs and diffusion models)
    gap    = (L_B(A) - L_B(B)) + (L_A(B) - L_A(A))

The gap is the symmetric excess, an estimate of the Jeffreys divergence as far as the losses bound the NLL. Its floor is
the gap between two retrained models of different seeds, which needs ``references=1``. Conditional models are all asked
for the same classes, and the losses are those of the samples given what was asked for.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from torch import Tensor

from gsu_cli.audit.base import ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Result, ends, mean, null
from gsu_cli.audit.plotted import dots
from gsu_cli.checks import as_int
from gsu_cli.data.base import Images
from gsu_cli.models.protocols import loss_unit
from gsu_cli.run.record import Measurement


class Likeness:
    """The gap to the retrained model's samples, of the original, the unlearned and further retrained models.

    Args:
        samples: of each model, at noise that is the same for all.

    Raises:
        UsageError: ``samples`` is no integer of at least 2.
    """

    def __init__(self, samples: int = 1000) -> None:
        self.samples = as_int("audit.likeness.samples", samples, 2)

    def __call__(self, case: Case) -> Result:
        goal = case.models.get(RETRAINED)
        unit = loss_unit(case.models[ORIGINAL].model)
        if goal is None:
            return Result([null("gap_to_retrained", case.models[UNLEARNED], "there is no retrained model", unit)])
        audited = [case.models[ORIGINAL], case.models[UNLEARNED], *case.references]
        samples = {a.sha256: case.samples(a.model, self.samples) for a in [goal, *audited]}
        found: list[Measurement] = []
        for a in audited:
            gap = _gap(case, a, goal, samples)
            found.append(replace(mean("gap_to_retrained", a, gap, unit), n=2 * len(gap)))  # samples, of the two models
        plotted = dots("distance of samples to the retrained model's", unit, {"gap": found})
        return Result(found, sentences=_said(found, unit), dots=plotted)


def _gap(case: Case, a: Audited, b: Audited, samples: dict[str, Images]) -> Tensor:
    """The four losses of each place: samples of the two at the same noise."""
    of = {
        (model.sha256, source.sha256): case.losses_of(model.model, samples[source.sha256], "likeness")
        for model, source in itertools.product((a, b), repeat=2)
    }
    x, y = a.sha256, b.sha256
    return (of[y, x] - of[y, y]) + (of[x, y] - of[x, x])


def _said(found: list[Measurement], unit: str) -> list[str]:
    by = {m.subject: m for m in found}
    now, then = by[UNLEARNED], by[ORIGINAL]
    was = f"{then.value:.4g}{ends(then)} before"
    line = f"Samples lie {now.value:.4g}{ends(now)} {unit} from the retrained model's, {was}"
    others = [m for m in found if m.subject not in (ORIGINAL, UNLEARNED)]
    if len(others) == 1:
        line += f"; those of another retrained model lie {others[0].value:.4g}{ends(others[0])} away, the floor"
    elif others:
        values = [m.value for m in others if m.value is not None]
        line += f"; those of {len(others)} others lie {min(values):.4g} to {max(values):.4g} away, the floor"
    return [f"{line}."]
