"""Attacks that know models with and without each image: a leave-out design (`design=`) says what a loss gives away.

Three scores of image ``i`` under a model, high for what is taken to be a member, from the losses ``L_r(i)`` of the
models of the design:

    offline   (mean_out - L(i)) / s_out                              Carlini et al., arXiv 2112.03570, one side
    online    log N(L(i); mean_in, s_in) - log N(L(i); mean_out, s_out)                     the same, both sides
    rmia      share of held-out images z with r(i) >= r(z),
              r(x) = -L(x) - log mean_out exp(-L_r(x))                           Zarifzadeh et al., arXiv 2312.03262

``s`` are one for all images, as their authors advise where models are few. Others, of the AUC, are the same images
under the models of the design that never saw them, each scored with the rest of the design. The audited model is scored
with as many: for each image, one of the models without it is left out. So 0.5 is what a model gets that was never
trained on the images, and *in* stands beside: what models get that were. An AUC below 0.5 is no success: the images
stand out as worse than never seen. Every loss is taken relative to the model's mean over held-out images, because
models of half of the data are worse at everything; where a retrained model is known its AUC decides, as that difference
is not the same for all images. Held-out images are those that equal no training image. Intervals are over the images,
of each of which there are several scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from gsu_cli.audit.attack import Auc, true_positives
from gsu_cli.audit.base import LEAST_UNSEEN, ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Result, ends, null, share
from gsu_cli.audit.bounds import Noise
from gsu_cli.audit.differences import not_told, span_of
from gsu_cli.audit.leave_out import LeaveOut
from gsu_cli.audit.memorisation import NO_DESIGN
from gsu_cli.audit.other_seeds import beside, every_retrained, mean_of_retrained, minus_retrained
from gsu_cli.run.record import Measurement

Score = Callable[[Tensor, Tensor], Tensor]
LEAST = 2  # models with each image, and without it, beside the one that is scored


class LikelihoodRatio:
    """AUC of each attack, true positives at 1 % false ones, and the AUC of models that were trained on the images."""

    def __call__(self, case: Case) -> Result:
        design, original = case.leave_out(), case.models[ORIGINAL]
        if design is None:
            return Result([null("auc_online", original, NO_DESIGN, "share")])
        index = case.chosen(case.split.different, "forgotten")
        out = int((~design.trained_on[:, index]).sum(0).min())
        inside = int(design.trained_on[:, index].sum(0).min())
        if min(out - 1, inside - 1) < LEAST:
            few = f"needs {LEAST + 1} models with and without each image, found {inside} and {out}"
            few += ": raise leave_out.models"
            return Result([null("auc_online", original, few, "share")])
        found = [row for name in ATTACKS for row in _of_attack(case, design, index, name)]
        return Result(found, sentences=_said(found, len(every_retrained(case))))


def _scores(case: Case, a: Audited, score: Score, design: LeaveOut, index: Tensor) -> Tensor:
    """Scores of the images at ``index`` under a model that is not of the design, ``(n,)``."""
    noise = Noise.of(design.about)
    losses = torch.cat([case.at_noise(noise, a, "train"), case.at_noise(noise, a, "heldout")])
    return _own(score, _levelled(losses, design.n), design, index)


def _of_attack(case: Case, design: LeaveOut, index: Tensor, name: str) -> list[Measurement]:
    """The rows of one of `ATTACKS`, of images ``index``: of models trained on them, then of each model of the case."""
    if name == "rmia" and (held := design.of_heldout().shape[1]) < LEAST_UNSEEN:
        few = f"needs {LEAST_UNSEEN} held-out images that equal no training image, found {held}"
        return [null("auc_rmia", case.models[UNLEARNED], few, "share")]
    score = ATTACKS[name](design, index)
    without, within = [], []
    trained, place = design.trained_on[:, index], torch.arange(len(index))
    of_others = torch.cat([place[~row] for row in trained])
    for k in range(len(design.trained_on)):
        s = score(_levelled(design.losses["loss"][k].double(), design.n), torch.tensor(k))
        without.append(s[~design.trained_on[k, index]])
        within.append(s[design.trained_on[k, index]])
    others, original = torch.cat(without), case.models[ORIGINAL]
    auc_in = Auc.of(torch.cat(within), others, (torch.cat([place[row] for row in trained]), of_others))
    found = [share(f"auc_{name}_in", original, auc_in.value, auc_in.interval(), len(others))]
    aucs: dict[str, Auc] = {}
    for a in case.models.values():
        own = _scores(case, a, score, design, index)
        aucs[a.name] = auc = Auc.of(own, others, (place, of_others))
        found.append(share(f"auc_{name}", a, auc.value, auc.interval(), len(own) + len(others)))
        rate = true_positives(own, others, images=len(of_others.unique()))
        if rate is None:
            few = f"1 % false positives need 100 scores of models without the images, found {len(others)}"
            found.append(null(f"tpr_at_1_percent_{name}", a, few, "share"))
        else:
            found.append(share(f"tpr_at_1_percent_{name}", a, rate[0], rate[1:], len(own)))
    more = [Auc.of(_scores(case, r, score, design, index), others, (place, of_others)) for r in case.references]
    retrained = [aucs[RETRAINED], *more] if RETRAINED in aucs else []
    if retrained:
        found += mean_of_retrained(f"auc_{name}", case.models[RETRAINED], retrained, len(index) + len(others))
    for m in (UNLEARNED, ORIGINAL):
        if (gap := minus_retrained(aucs[m], retrained)) is not None:
            n = len(index) + len(others)
            found.append(share(f"auc_{name}_minus_retrained", case.models[m], gap[0], gap[1:], n))
    return found


def _own(score: Score, losses: Tensor, design: LeaveOut, index: Tensor) -> Tensor:
    """Scores of a model that is not of the design, each without one model that never saw the image, as others are.

    With one more model to compare with, a model that never saw the images would get less than 0.5.
    """
    left = (~design.trained_on[:, index]).int().argmax(0)
    found = torch.empty(len(index), dtype=torch.float64)
    for k in left.unique():
        found[left == k] = score(losses, k)[left == k]
    return found


def _levelled(losses: Tensor, n: int) -> Tensor:
    """Losses ``(..., n + m)`` relative to the mean over the ``m`` held-out images of each model."""
    return losses - losses[..., n:].mean(-1, keepdim=True) if losses.shape[-1] > n else losses


def _moments(design: LeaveOut, index: Tensor, left: Tensor, inside: bool) -> tuple[Tensor, Tensor]:
    """Mean loss of each image over models with or without it, but ``left``, and one variance for all images."""
    L, which = _levelled(design.losses["loss"].double(), design.n)[:, index], design.trained_on[:, index] == inside
    if int(left) >= 0:
        which = which.clone()
        which[int(left)] = False
    count = which.sum(0)
    mean = (L * which).sum(0) / count
    variance = (((L - mean) ** 2 * which).sum(0) / (count - 1).clamp(min=1)).mean()
    return mean, variance.clamp(min=1e-12)


def _offline(design: LeaveOut, index: Tensor) -> Score:
    def score(losses: Tensor, left: Tensor) -> Tensor:
        mean, variance = _moments(design, index, left, inside=False)
        return (mean - losses[index]) / variance.sqrt()

    return score


def _online(design: LeaveOut, index: Tensor) -> Score:
    def score(losses: Tensor, left: Tensor) -> Tensor:
        L = losses[index]
        (m_in, v_in), (m_out, v_out) = (_moments(design, index, left, inside) for inside in (True, False))
        return (L - m_out) ** 2 / (2 * v_out) - (L - m_in) ** 2 / (2 * v_in) + 0.5 * (v_out / v_in).log()

    return score


def _rmia(design: LeaveOut, index: Tensor) -> Score:
    def score(losses: Tensor, left: Tensor) -> Tensor:
        every, keep = (
            _levelled(design.losses["loss"].double(), design.n),
            torch.ones(len(design.trained_on), dtype=torch.bool),
        )
        if int(left) >= 0:
            keep[int(left)] = False
        out = ~design.trained_on[:, index] & keep[:, None]
        own = torch.where(out, -every[:, index], -math.inf).logsumexp(0) - out.sum(0).log()
        held = (-every[keep][:, design.n :]).logsumexp(0) - math.log(int(keep.sum()))
        r, r_z = -losses[index] - own, -losses[design.n :] - held
        return (r[:, None] >= r_z).double().mean(1)

    return score


ATTACKS: dict[str, Callable[[LeaveOut, Tensor], Score]] = {"offline": _offline, "online": _online, "rmia": _rmia}


def _said(found: list[Measurement], retrained: int) -> list[str]:
    rows = {(m.name, m.subject): m for m in found}
    after, within = rows["auc_online", UNLEARNED], rows["auc_online_in", ORIGINAL]
    against = rows.get(("auc_online_minus_retrained", UNLEARNED))
    other = "a model that never saw them" if against is None else "the retrained model"
    if against is None and not _tells(within, rows["auc_online", ORIGINAL]):
        return [_blind(rows)]
    row, chance = (after, 0.5) if against is None else (against, 0.0)
    so = "" if against is None else beside(retrained)
    side = (
        f"the forgotten images look more like training images than in {other} (under-forgotten{so})"
        if row.low is not None and row.low > chance
        else f"the forgotten images look less like training images than in {other} (over-forgotten{so})"
        if row.high is not None and row.high < chance
        else f"no difference of the forgotten images from those in {other} is shown"
    )
    goal = rows.get(("auc_online", RETRAINED))
    at_goal = "" if goal is None else f", {goal.value:.3f} retrained"
    known = f"AUC {after.value:.3f}{ends(after, '.3f')}, {rows['auc_online', ORIGINAL].value:.3f} before{at_goal}, "
    known += f"{within.value:.3f} of models trained on them"
    return [f"By the likelihood ratio {side}: {known}{_rest(rows, row, chance, against)}"]


def _rest(
    rows: dict[tuple[str, str], Measurement], row: Measurement, chance: float, against: Measurement | None
) -> str:
    """The end of the sentence: with a retrained model the difference, and of one that is not shown what would be."""
    if row.value is None or row.low is None or row.high is None:
        return "."
    gap = replace(row, value=row.value - chance, low=row.low - chance, high=row.high - chance)
    control = span_of(rows.get(("auc_online_minus_retrained", ORIGINAL)))
    difference = "" if against is None else f"; difference {row.value:.3f}{ends(row, '.3f')}"
    return difference + not_told(gap, control, ".3f")


def _tells(within: Measurement, original: Measurement) -> bool:
    """Whether the attack is shown to find models that were trained on the images, and finds the original no less."""
    return within.low is not None and within.low > 0.5 and (original.high is None or original.high >= 0.5)


def _blind(rows: dict[tuple[str, str], Measurement]) -> str:
    within, before = rows["auc_online_in", ORIGINAL], rows["auc_online", ORIGINAL]
    known = f"AUC {within.value:.3f}{ends(within, '.3f')} of models of the design, {before.value:.3f}"
    known += f"{ends(before, '.3f')} of the original"
    return (
        "It is not shown that the likelihood ratio tells models that were trained on the forgotten images from others: "
        f"{known}. So it says nothing of the unlearned one, {rows['auc_online', UNLEARNED].value:.3f}."
    )
