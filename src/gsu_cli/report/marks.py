"""What a table says beside a mean of runs some of which support no claim."""

from __future__ import annotations

from collections.abc import Sequence

from gsu_cli.report.cost import COSTS
from gsu_cli.report.quantities import Quantity
from gsu_cli.report.verdict import NAMES, verdict
from gsu_cli.run.record import Record

RATIOS = ("feature_ratio", "feature_ratio_reconstructions")


def mark(runs: Sequence[Record], quantity: Quantity) -> str:
    """Why the mean of a quantity over these runs supports no claim, or less than it seems; empty where it does.

    Args:
        runs: that ended well.
        quantity: a ratio by a judge, or the retain loss; of others nothing is said.
    """
    if quantity.name not in (*RATIOS, *COSTS):
        return ""
    doubts: dict[str, int] = {}
    for record in runs:
        found = verdict(record)
        reading = quantity.read(record)
        if found is None or (reading.value is None and reading.shift is None):
            continue  # a hole says why itself
        if quantity.name in COSTS:
            over = found.over_budget
            why = "" if over is None else f"above the budget of {100 * over:.3g}% on held-out images"
        elif found.outcome == "ruined":
            why = found.doubt(quantity.judge)
        elif why := found.doubt(quantity.judge):
            why = f"the {NAMES.get(quantity.judge or '', quantity.judge)} judge {why}"
        if why:
            doubts[why] = doubts.get(why, 0) + 1
    if not doubts:
        return ""
    n = sum(doubts.values())
    said = "; ".join(doubts) if len(doubts) <= 3 else f"{'; '.join(list(doubts)[:3])}; and others"
    which = f"{n} of {len(runs)} runs " if len(runs) > 1 else ""
    if quantity.name in COSTS:
        return f"{which}{said}"
    return f"{which or 'the run '}support{'s' * (n == 1)} no claim: {said}"


def supported(record: Record, judge: str) -> bool:
    """Whether a ratio of this run by ``judge`` supports a claim; True where the rule has nothing to say."""
    found = verdict(record)
    return found is None or not found.doubt(judge)
