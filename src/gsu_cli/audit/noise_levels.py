"""Membership attacks that only a diffusion model has: its error at several noise levels, and the norm of its score.

    error  -mean over t of |eps - eps_hat(x_t, t)|^2          Matsumoto et al., arXiv 2302.03262: loss at fixed times
    score  -mean over t of |eps_hat(x, t)|^2                  Rao et al., arXiv 2509.25003 (SimA): the image as it is

Both are high for what is taken to be a member. A training image lies in a valley of its own making: at little noise the
network points back at it, and where nothing was added it hardly points anywhere. ``eps_hat`` is what the network's
word implies, whatever it predicts. As for other attacks, 0.5 is a model that never saw the images, and the difference
to the retrained model's AUC on the same images decides; an AUC below it is over-forgetting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gsu_cli.audit.attack import Auc
from gsu_cli.audit.base import ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Curve, Part, Result, ends, null, share
from gsu_cli.audit.differences import against_chance, not_told
from gsu_cli.audit.other_seeds import auc_words, beside, mean_of_retrained, minus_retrained
from gsu_cli.checks import as_int
from gsu_cli.errors import UsageError
from gsu_cli.models.conditions import network_inputs
from gsu_cli.models.protocols import HasNoiseLevels
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import device_of, normal
from gsu_cli.surgery.taps import eval_mode

NEEDED = "needs a diffusion model: others have no noise levels"
WHAT = {"error": "error over noise levels", "score": "norm of the score"}
PARTS: tuple[Part, Part] = ("forgotten", "unseen")
CHUNK = 250  # images that pass the network together


class NoiseLevels:
    """AUC of each attack, the difference to the retrained model's, and the AUC along the noise levels.

    Args:
        at: noise levels, as shares of the last one, in (0, 1).
        noises: of each image and level, for the error.
    """

    def __init__(self, at: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5), noises: int = 4) -> None:
        given = [at] if isinstance(at, int | float) else list(at)
        if not given or not all(isinstance(t, int | float) and not isinstance(t, bool) and 0 < t < 1 for t in given):
            raise UsageError(
                "`audit.noise_levels.at` must be shares in (0, 1)",
                found=at,
                way_out="For example audit.noise_levels.at=[0.1,0.3]",
            )
        self.at, self.noises = sorted(float(t) for t in given), as_int("audit.noise_levels.noises", noises, 1)

    def __call__(self, case: Case) -> Result:
        original = case.models[ORIGINAL]
        if not isinstance(original.model, HasNoiseLevels):
            return Result(
                [null("auc_error", original, "needs a diffusion model: others have no noise levels", "share")]
            )
        n = len(case.images("forgotten")) + len(case.images("unseen"))
        if case.lacks_unseen:
            return Result([null("auc_error", original, case.lacks_unseen, "share")])
        attacks: dict[str, Callable[[Case, Audited, Part, float], Tensor]] = {"error": self._error, "score": _score}
        found: list[Measurement] = []
        curves, sentences = [], []
        for name, of in attacks.items():
            aucs, points = {}, {}
            for a in case.models.values():
                members, others = self._along(of, case, a)
                aucs[a.name] = Auc.of(members.mean(0), others.mean(0))
                found.append(share(f"auc_{name}", a, aucs[a.name].value, aucs[a.name].interval(), n))
                each = [Auc.of(m, o) for m, o in zip(members, others, strict=True)]
                ranges = [auc.interval() or (None, None) for auc in each]
                points[a.name] = [(t, auc.value, *span) for t, auc, span in zip(self.at, each, ranges, strict=True)]
            curves.append(Curve(f"auc_{name}", "share", "share of the last noise level", points, label=f"AUC, {name}"))
            if RETRAINED in aucs:
                scores = (self._along(of, case, r) for r in case.references)
                more = [Auc.of(members.mean(0), others.mean(0)) for members, others in scores]
                found += mean_of_retrained(f"auc_{name}", case.models[RETRAINED], [aucs[RETRAINED], *more], n)
                row, sentence = _against(name, case.models[UNLEARNED], aucs, n, more)
                found.append(row)
                sentences.append(sentence)
            else:
                sentences += against_chance(f"By the {WHAT[name]}", aucs[UNLEARNED])
        return Result(found, curves, sentences)

    def _along(
        self, of: Callable[[Case, Audited, Part, float], Tensor], case: Case, a: Audited
    ) -> tuple[Tensor, Tensor]:
        """Scores of forgotten and of unseen images at each noise level, ``(levels, n)`` and ``(levels, m)``."""
        members, others = (torch.stack([-of(case, a, part, t) for t in self.at]) for part in PARTS)
        return members, others

    def _error(self, case: Case, a: Audited, part: Part, at: float) -> Tensor:
        """Mean squared error of ``eps`` of each image, ``(n,)`` float64, at the same noise for every model."""
        rng = generator(case.seed, "audit", "noise levels", part, f"{at:g}")
        rows = []
        for _ in range(self.noises):
            eps = normal((len(case.images(part)), *a.model.shape), rng)
            rows.append(_implied(case, a, part, at, eps))
        return torch.stack(rows).mean(0)


def _score(case: Case, a: Audited, part: Part, at: float) -> Tensor:
    return _implied(case, a, part, at, None)


@torch.no_grad()
def _implied(case: Case, a: Audited, part: Part, at: float, eps: Tensor | None) -> Tensor:
    """Mean square of ``eps - eps_hat`` at ``x_t``, or of ``eps_hat`` at the image itself; ``(n,)`` float64."""
    model, images, found = a.model, case.images(part), []
    device = device_of(model)
    with eval_mode(model):
        for k, (pixels, labels) in enumerate(images.batches(CHUNK)):
            x = 2 * pixels.to(device) - 1
            t = torch.full((len(x),), max(round(at * (model.train_steps - 1)), 0), device=device)
            signal, noisiness = model.levels(t)
            added = None if eps is None else eps[k * CHUNK : k * CHUNK + len(x)].to(device)
            x_t = x if added is None else signal * x + noisiness * added
            output = model.network(*network_inputs(model, x_t, t, labels.to(device)))
            implied = (x_t - signal * model.denoised(x_t, t, output)) / noisiness
            rest = implied if added is None else added - implied
            found.append(rest.flatten(1).double().square().mean(1).cpu())
    return torch.cat(found)


def _against(name: str, a: Audited, aucs: dict[str, Auc], n: int, more: Sequence[Auc] = ()) -> tuple[Measurement, str]:
    """The unlearned model's AUC minus the retrained one's, or the mean of that and ``more``."""
    retrained = [aucs[RETRAINED], *more]
    found = minus_retrained(aucs[UNLEARNED], retrained)
    if found is None:
        few = "an interval needs two members and two others"
        return null(f"auc_{name}_minus_retrained", a, few, "share"), f"{name.capitalize()} over noise levels: {few}."
    (value, low, high), so = found, beside(len(retrained))
    row = share(f"auc_{name}_minus_retrained", a, value, (low, high), n)
    side = (
        f"tells the forgotten images more often than in the retrained model (under-forgotten{so})"
        if low > 0
        else f"tells the forgotten images less often than in the retrained model (over-forgotten{so})"
        if high < 0
        else "is not shown to tell the forgotten images more or less often than in the retrained model"
    )
    auc, before = auc_words(aucs[UNLEARNED], retrained, value), minus_retrained(aucs[ORIGINAL], retrained)
    control = None if before is None else before[1:]
    return row, f"The {WHAT[name]} {side}: {auc}{ends(row, '.3f')}{not_told(row, control, '.3f')}"
