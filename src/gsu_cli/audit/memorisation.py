"""Single images against models that were really trained without them: a leave-out design (`design=`) is the truth.

    memorisation_i = mean of L_r(i) over models r without i - the same over models with i
    shift_i        = L_unlearned(i) - L_original(i)

Were the images memorised, where do they stand in models that never saw them, and did unlearning shift the loss of each
as leaving it out of training does? Equal means and a slope of 1 are leaving out. The slope is over images: it says
nothing of what all of them shifted by, and the noise of few models flattens it. Beside it stands how well the leverage
that bounds a step by default predicts memorisation, on random training images.
Source of memorisation: van den Burg and Williams, arXiv 2106.03216, for VAEs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.audit.base import LEAST_UNSEEN, ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Result, ends, mean, null
from gsu_cli.audit.bounds import Noise
from gsu_cli.audit.leave_out import LOSS, LeaveOut
from gsu_cli.audit.regression import Line
from gsu_cli.checks import as_int
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.evaluation.placements import placements
from gsu_cli.models.frozen import generating
from gsu_cli.models.protocols import HasDecoder, loss_unit
from gsu_cli.run.forgotten_count import forgotten
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive, generator
from gsu_cli.solvers.leverage import leverages

NO_DESIGN = "needs a leave-out design: `gsu train leave_out.models=50`, and design= its folder"
FISHER_IMAGES = 4000


class Memorisation:
    """Memorisation, percentiles and shifts of the forgotten images; the leverage of training images against truth.

    Args:
        leverages: of how many random training images; 0 leaves it out.
    """

    def __init__(self, leverages: int = 200) -> None:
        self.leverages = as_int("audit.memorisation.leverages", leverages, 0)

    def __call__(self, case: Case) -> Result:
        design, original = case.leave_out(), case.models[ORIGINAL]
        if design is None:
            return Result([null("memorisation", original, NO_DESIGN, loss_unit(original.model))])
        if why := design.lacks(torch.arange(design.n)):
            return Result([null("memorisation", original, why, loss_unit(original.model))])
        index = case.chosen(case.split.different, "forgotten")
        found, sentences = self._memorised(design, original, index, len(case.split.different))
        found += self._percentiles(case, design, index)
        found += self._shifts(case, design, index)
        if self.leverages and isinstance(original.model, HasDecoder):
            found += self._leverage(case, design, original)
        return Result(found, sentences=[*sentences, *_said(found)])

    def _memorised(self, design: LeaveOut, a: Audited, index: Tensor, of: int) -> tuple[list[Measurement], list[str]]:
        rows = []
        for bound in sorted(design.losses, key=lambda b: b != LOSS):
            value, half = design.memorisation(bound)
            name = "memorisation" if bound == LOSS else f"memorisation_{bound}"
            row = mean(name, a, value[index], loss_unit(a.model))
            if len(index) == 1:  # over models, then
                i = int(index[0])
                low, high = float(value[i] - half[i]), float(value[i] + half[i])
                row = Measurement(name, a.name, row.value, low, high, len(design.trained_on), row.unit, sha256=a.sha256)
            rows.append(row)
        value, _ = design.memorisation()
        rank = 100 * float(placements(value[index], value).mean())
        row, some = rows[0], forgotten(len(index), of, ("is", "are"))
        amount = f"by {row.value:.3g}{ends(row, '.3g')} {row.unit}, at percentile {rank:.0f} of the training images."
        if row.low is None or row.low > 0:
            return rows, [f"{some[0].upper()}{some[1:]} memorised {amount}"]
        return rows, [f"It is not shown that {some} memorised: {amount}"]

    def _percentiles(self, case: Case, design: LeaveOut, index: Tensor) -> list[Measurement]:
        """Among held-out images, each under the same model; and how far that is from models without the image."""
        L, held = design.of_training().double(), design.of_heldout().double()
        if held.shape[1] < LEAST_UNSEEN:
            few = f"needs {LEAST_UNSEEN} held-out images that equal no training image, found {held.shape[1]}"
            return [null("percentile_distance", case.models[UNLEARNED], few, "%")]
        ranks = torch.stack([100 * placements(L[k, index], held[k]) for k in range(len(L))])
        out = ~design.trained_on[:, index]
        truth = (ranks * out).sum(0) / out.sum(0)
        original = case.models[ORIGINAL]
        rows = [mean("percentile_left_out", original, truth, "%", least=0.0, most=100.0)]
        for a in case.models.values():
            own = 100 * placements(self._losses(case, design, a)[index], self._held(case, design, a))
            rows.append(mean("percentile_design", a, own, "%", least=0.0, most=100.0))
            if a.name != RETRAINED:
                rows.append(mean("percentile_distance", a, (own - truth).abs(), "%", least=0.0))
        return rows

    def _shifts(self, case: Case, design: LeaveOut, index: Tensor) -> list[Measurement]:
        before, after = (self._losses(case, design, case.models[m])[index] for m in (ORIGINAL, UNLEARNED))
        a, shift, truth = case.models[UNLEARNED], after - before, design.memorisation()[0][index]
        rows = [mean("loss_shift", a, shift, loss_unit(a.model))]
        agree = int(((shift > 0) == (truth > 0)).sum())
        n = len(index)
        rows.append(Measurement("shift_sign", a.name, agree / n, *wilson(agree, n), n, "share", sha256=a.sha256))
        return rows + Line.of(truth, shift).rows("shift", a)

    def _leverage(self, case: Case, design: LeaveOut, a: Audited) -> list[Measurement]:
        """Predicted against true, and the means of both."""
        split, seed = case.split, derive(case.seed, "audit", "memorisation")
        n = len(split.dataset.train)
        chosen = torch.randperm(n, generator=generator(seed, "images"))[: self.leverages].sort().values
        sites = torch.randperm(n, generator=generator(seed, "fisher"))[:FISHER_IMAGES]
        names = generating(a.model)
        fisher = kronecker_fisher(a.model, split.dataset.train[sites], names, seed=derive(seed, "fisher", "sites"))
        predicted = leverages(a.model, split.dataset.train[chosen], fisher, trained_on=n, seed=derive(seed, "latents"))
        truth = design.memorisation()[0][chosen]
        return [
            mean("leverage", a, predicted, loss_unit(a.model)),
            mean("leverage_truth", a, truth, loss_unit(a.model)),
            *Line.of(predicted, truth).rows("leverage", a),
        ]

    def _losses(self, case: Case, design: LeaveOut, a: Audited) -> Tensor:
        """Of all training images, at the noise of the design."""
        return case.at_noise(Noise.of(design.about), a, "train")

    def _held(self, case: Case, design: LeaveOut, a: Audited) -> Tensor:
        return case.at_noise(Noise.of(design.about), a, "heldout")


def _said(found: list[Measurement]) -> list[str]:
    rows = {(m.name, m.subject): m for m in found if m.value is not None}
    lines = []
    distance = rows.get(("percentile_distance", UNLEARNED))
    if distance is not None:
        before = rows["percentile_distance", ORIGINAL]
        lines.append(
            f"Percentiles among held-out images are {distance.value:.1f}{ends(distance, '.1f')} points from those in "
            f"models without the images, {before.value:.1f} before."
        )
    slope = rows.get(("shift_slope", UNLEARNED))
    if slope is not None:
        shift, truth = rows["loss_shift", UNLEARNED], rows["memorisation", ORIGINAL]
        line = (
            f"The loss shifted by {shift.value:.3g}{ends(shift, '.3g')} {shift.unit} in the mean, where leaving each "
        )
        line += f"image out shifts it by {truth.value:.3g}; from image to image the one follows the other with a slope "
        r = rows.get(("shift_correlation", UNLEARNED))
        also = "" if r is None else f" and a correlation of {r.value:.2f}{ends(r, '.2f')}"
        lines.append(f"{line}of {slope.value:.2f}{ends(slope, '.2f')}{also}.")
    return lines
