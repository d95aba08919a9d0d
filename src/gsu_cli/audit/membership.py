"""Can somebody with the model tell whether an image was trained on?

Members are the forgotten training images, others are held-out images of the same kind. Three scores, each high for what
is taken to be a member:

    loss        -L(x)                                  Yeom et al., arXiv 1709.01604
    calibrated  L_ret(x) - L(x)                        difficulty calibration, Watson et al., arXiv 2111.08440
    likelihood  mean_r L_r(x) - L(x)                   offline likelihood ratio, Carlini et al., arXiv 2112.03570

``L_ret`` is the retrained model, ``L_r`` are at least two retrained models of other seeds. The likelihood ratio has one
variance for all images, as its authors advise where references are few: one of each image, from two to sixty models, is
mostly noise and hides what its mean shows. A model that never saw the
forgotten images gives an AUC of 0.5 by the loss. An AUC below the retrained model's is no success of forgetting: the
images stand out again, as worse than unseen ones, and turning the attack round finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gsu_cli.audit.attack import LEAST, Auc, true_positives
from gsu_cli.audit.base import ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Part, Result, ends, null
from gsu_cli.audit.differences import against_chance, not_told
from gsu_cli.audit.other_seeds import auc_words, beside, mean_of_retrained, minus_retrained
from gsu_cli.audit.plotted import dots, named
from gsu_cli.run.record import Measurement

Score = Callable[[Audited, Part], Tensor]
ATTACKS = ("loss", "calibrated", "likelihood")


class Membership:
    """AUC and true positives at 1 % false ones of each attack, and the difference to the retrained model's AUC."""

    def __call__(self, case: Case) -> Result:
        members, others = len(case.images("forgotten")), len(case.images("unseen"))
        found: list[Measurement] = []
        sentences: list[str] = []
        for attack in ATTACKS:
            aucs: dict[str, Auc] = {}
            for a in case.models.values():
                score, reason = self._score(case, attack, a)
                if score is None or case.lacks_unseen:
                    found.append(null(f"auc_{attack}", a, reason or case.lacks_unseen, "share"))
                    continue
                aucs[a.name] = Auc.of(score(a, "forgotten"), score(a, "unseen"))
                low, high = aucs[a.name].interval() or (None, None)
                found.append(
                    Measurement(
                        f"auc_{attack}",
                        a.name,
                        aucs[a.name].value,
                        low,
                        high,
                        members + others,
                        "share",
                        sha256=a.sha256,
                    )
                )
                rate = true_positives(score(a, "forgotten"), score(a, "unseen"))
                name = f"tpr_at_1_percent_{attack}"
                if rate is None:
                    reason = f"1 % false positives need 100 unseen images, found {others}"
                    found.append(null(name, a, reason, "share"))
                else:
                    found.append(Measurement(name, a.name, *rate, members, "share", sha256=a.sha256))
            if attack == "loss" and {UNLEARNED, RETRAINED} <= aucs.keys():
                more = [Auc.of(-case.losses(r, "forgotten"), -case.losses(r, "unseen")) for r in case.references]
                every, n = [aucs[RETRAINED], *more], members + others
                found += mean_of_retrained("auc_loss", case.models[RETRAINED], every, n)
                row, sentence = _against(case.models[UNLEARNED], aucs, members, others, more)
                found.append(row)
                sentences.append(sentence)
            elif attack == "loss" and UNLEARNED in aucs:
                sentences += against_chance("By their loss", aucs[UNLEARNED])
        plotted = [
            *dots("AUC", "", {a: named(found, f"auc_{a}") for a in ATTACKS}, {"chance": 0.5}),
            *dots(
                "true positives at 1 % false ones",
                "share",
                {a: named(found, f"tpr_at_1_percent_{a}") for a in ATTACKS},
                {"chance": 0.01},
            ),
        ]
        return Result(found, sentences=sentences, dots=plotted)

    def _score(self, case: Case, attack: str, a: Audited) -> tuple[Score | None, str]:
        """The score of an attack on a model, or why there is none."""
        if attack == "loss":
            return (lambda of, part: -case.losses(of, part)), ""
        if attack == "calibrated":
            if RETRAINED not in case.models:
                return None, "there is no retrained model to calibrate with"
            goal = case.references[0] if a.name == RETRAINED and case.references else case.models[RETRAINED]
            if goal.sha256 == a.sha256:
                return None, "the retrained model cannot be calibrated with itself: references=1 trains another"
            return (lambda of, part: case.losses(goal, part) - case.losses(of, part)), ""
        if len(case.references) < LEAST:
            few = len(case.references)
            return None, f"needs at least {LEAST} references beside the retrained model, found {few}: raise references"

        def score(of: Audited, part: Part) -> Tensor:
            known = torch.stack([case.losses(r, part) for r in case.references])
            return known.mean(0) - case.losses(of, part)

        return score, ""


def _against(
    audited: Audited, aucs: dict[str, Auc], members: int, others: int, more: Sequence[Auc]
) -> tuple[Measurement, str]:
    """The unlearned model's AUC minus the retrained one's, or the mean of that and ``more``, on the same images."""
    name, retrained = "auc_loss_minus_retrained", [aucs[RETRAINED], *more]
    found = minus_retrained(aucs[UNLEARNED], retrained)
    if found is None:
        few = f"an interval needs {LEAST} members and {LEAST} others, found {members} and {others}"
        return null(name, audited, few, "share"), f"Membership: {few}."
    value, low, high = found
    side = (
        f"look more like training images than in the retrained model (under-forgotten{beside(len(retrained))})"
        if low > 0
        else f"look less like training images than in the retrained model (over-forgotten{beside(len(retrained))})"
        if high < 0
        else "are not shown to look more or less like training images than in the retrained model"
    )
    row = Measurement(name, audited.name, value, low, high, members + others, "share", sha256=audited.sha256)
    auc, before = auc_words(aucs[UNLEARNED], retrained, value), minus_retrained(aucs[ORIGINAL], retrained)
    control = None if before is None else before[1:]
    return row, f"By their loss the forgotten images {side}: {auc}{ends(row, '.3f')}{not_told(row, control, '.3f')}"
