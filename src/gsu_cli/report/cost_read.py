"""How the cost of forgetting is to be read where its number alone misleads."""

from __future__ import annotations

from gsu_cli.report.details import noted
from gsu_cli.report.roles import cost, cost_words
from gsu_cli.report.verdict import over_budget
from gsu_cli.run.record import Record
from gsu_cli.run.signed import signed

FELL = -0.01  # a relative change: beyond it, with its whole 95 % interval, a cost that fell tells of the training
UNFINISHED = " (it fell, as where training had left the original unfinished: this is no cost of forgetting)"


def unfinished(record: Record) -> str:
    """What may stand behind a cost that fell clearly: the original was still improving.

    Retraining may lower it, too, since fewer kinds of images are easier to learn: then it says nothing.
    """
    after, reference = cost(record, "unlearned"), cost(record, "retrained")
    fell = after is not None and after.change_high is not None and after.change_high < FELL
    easier = reference is not None and reference.change_high is not None and reference.change_high < 0
    return UNFINISHED if fell and not easier and record.update.get("method") != "retrain" else ""


def budget_elsewhere(record: Record) -> list[str]:
    """That a budget which held on the training images it was measured on was overspent on held-out ones."""
    details, over = noted(record), over_budget(record)
    spent, n = details.get("budget_spent"), (details.get("images") or {}).get("budget")
    if over is None or spent is None or n is None or details.get("retain_cost") or spent > 1.1 * over:
        return []
    return [
        f"the budget of {100 * over:.3g}% held on the {n:,} retained training images that it is measured on"
        f" ({signed(spent, '.2%')} {cost_words(record)}), not on held-out ones: the fewer images, and the less finished"
        " the training, the less it says of others"
    ]
