"""What `influence` says in words: predicted, happened, left to do, and what did not converge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gsu_cli.audit.base import ORIGINAL, RETRAINED, UNLEARNED, Case, ends
from gsu_cli.audit.influence_scores import Targets
from gsu_cli.curvature.damped import SolverName
from gsu_cli.models.protocols import loss_unit
from gsu_cli.run.record import Measurement
from gsu_cli.run.signed import signed

WORDS = {"retained": "held-out images that are to stay", "shown": "samples that show {what}",
         "other": "other samples", "samples": "samples"}  # fmt: skip
FAR = 0.1
"""Of the right-hand side: a larger residual is said in words."""
MEND: Mapping[SolverName, str] = {
    "cg": "Raise audit.influence.steps or audit.influence.damping",
    "lissa": "Raise audit.influence.depth or audit.influence.damping",
    "kfac": "Read the order of images in it, and no amounts",
}


def sentences(case: Case, rows: list[Measurement], goals: Targets, solver: str, dampings: Sequence[float]) -> list[str]:
    """What was predicted, what happened, and how alike inner products order images; numbers of the first damping."""
    by = {(m.name, m.subject): m for m in rows}
    lines, at = [], f"_at_{dampings[0]:g}"
    groups = [group for group, index in goals.groups().items() if len(index)]
    for group in ["retained", *(g for g in groups if g != "other")]:
        unit = loss_unit(case.models[ORIGINAL].model)
        words = WORDS[group].format(what=case.split.words)
        line = f"Without {case.split.words}, influence at damping {dampings[0]:g} predicts that the loss of {words} "
        line += f"changes by {_number(by[f'influence_on_{group}_{solver}{at}', ORIGINAL])} {unit}"
        if len(dampings) > 1:
            several = [by[f"influence_on_{group}_{solver}_at_{d:g}", ORIGINAL].value for d in dampings]
            known = [value for value in several if value is not None]
            line += f" ({signed(min(known), '.4g')} to {signed(max(known), '.4g')} over all dampings)"
        done = [f"{_number(by[f'change_on_{group}', m])} ({m})" for m in (UNLEARNED, RETRAINED) if m in case.models]
        lines.append(f"{line}; it changed by {', '.join(done)}.")
        left = [
            f"{_number(by[f'influence_left_on_{group}{at}', m])} ({m}{error})"
            for m, error in ((UNLEARNED, ""), (RETRAINED, ", the error of the prediction"))
            if m in case.models
        ]
        lines[-1] += f" Predicted less what happened: {', '.join(left)}."
    order = by[f"rank_correlation_inner_product_on_samples{at}", ORIGINAL]
    if order.value is not None:
        lines.append(
            f"The plain inner product orders the forgotten images, by their influence on a sample, with a rank "
            f"correlation of {order.value:.2f}{ends(order, '.2f')} to influence."
        )
    return lines


def unsolved(rows: list[Measurement], solvers: Sequence[SolverName]) -> list[str]:
    """A sentence for each solver whose answer is far from the solution."""
    lines = []
    for solver in solvers:
        found = [math.inf if m.value is None else m.value for m in rows if m.name.startswith(f"residual_{solver}_at_")]
        if not max(found) <= FAR:
            lines.append(
                f"Solver {solver} has not converged: its residual is {max(found):.2g} of the right-hand side, where 0 "
                f"is exact and 1 is no better than an answer of 0. {MEND[solver]}."
            )
    return lines


def _number(m: Measurement) -> str:
    return f"{signed(m.value, '.4g')}{ends(m)}"
