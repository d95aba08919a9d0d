"""What a table says beside a mean of runs some of which support no claim."""

from __future__ import annotations

from collections.abc import Sequence

from gsu_cli.report.merged_remarks import counted_in_one, in_one
from gsu_cli.report.numbers import is_of_few
from gsu_cli.report.quantities import Quantity
from gsu_cli.report.roles import leading
from gsu_cli.report.verdict import verdict
from gsu_cli.run.record import Record


def mark(runs: Sequence[Record], quantity: Quantity) -> str:
    """Why the mean of a quantity over these runs supports no claim, or less than it seems; empty where it does.

    Args:
        runs: that ended well.
        quantity: what a judge saw of it, or the cost; of others nothing is said. That the unlearned model is ruined or
            beyond its budget says nothing of the retrained one.
    """
    is_cost = quantity.role == "cost" and quantity.leads
    if not is_cost and (quantity.role != "forgetting" or quantity.judge is None):
        return ""
    doubts: dict[str, int] = {}
    unlearned = quantity.subject == "unlearned"
    for record in runs:
        found = verdict(record)
        reading = quantity.read(record)
        if found is None or (reading.value is None and reading.shift is None):
            continue  # a hole says why itself
        if is_cost:
            over = found.over_budget if unlearned and quantity.name == leading(record, "cost") else None
            why = "" if over is None else f"above the budget of {100 * over:.3g}% on held-out images"
        elif found.outcome in ("ruined", "hidden") and unlearned:
            why = found.doubt(quantity.judge)
        elif why := found.judges.get(quantity.judge or "", ""):
            why = f"the {record.judge_label(quantity.judge)} judge {why}"
        if why:
            doubts[why] = doubts.get(why, 0) + 1
    if not doubts:
        return ""
    n, doubts = sum(doubts.values()), counted_in_one(doubts)
    said = "; ".join(doubts) if len(doubts) <= 3 else f"{'; '.join(list(doubts)[:3])}; and others"
    which = f"{n} of {len(runs)} runs " if len(runs) > 1 else ""
    if is_cost:
        return f"{which}{said}"
    return f"{which or 'the run '}support{'s' * (n == 1)} no claim: {said}"


def beside(runs: Sequence[Record], quantity: Quantity) -> str:
    """Of how many images the shares of a quantity are, where they are few, and what its metric says of its numbers.

    Args:
        runs: that ended well.
        quantity: any; a change rests on the original's number, too.
    """
    if quantity.kind not in ("change", "level"):
        return ""
    who = [quantity.subject, *(["original"] if quantity.kind == "change" else [])]
    found = [m for r in runs for s in who if (m := r.find(quantity.name, s, quantity.judge)) is not None]
    few = sorted({m.n for m in found if is_of_few(m)})
    n = "".join(f"{k}" if i == 0 else f" to {k}" for i, k in enumerate((few[0], few[-1])[: len(few)])) if few else ""
    shares = [f"of {n} {'image' if few == [1] else 'images'}"] if few else []
    said = in_one(m.detail for m in found if m.detail and m.place != "aside")
    return "; ".join([*shares, *(s for s in said if not any(other.startswith(f"{s}:") for other in said))])


def supported(record: Record, judge: str | None) -> bool:
    """Whether a ratio of this run by ``judge`` supports a claim; True where the rule has nothing to say."""
    found = verdict(record)
    return found is None or not found.doubt(judge)
