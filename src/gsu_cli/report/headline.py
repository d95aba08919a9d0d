"""One sentence: what was forgotten, by how much, what it cost, in the words that the rule of `verdict` allows."""

from __future__ import annotations

from typing import Any

from gsu_cli.report.cost_read import unfinished
from gsu_cli.report.details import noted
from gsu_cli.report.numbers import is_of_few, moved
from gsu_cli.report.roles import claim, claim_words, cost, cost_words
from gsu_cli.report.run_table import HEADS, subjects
from gsu_cli.report.verdict import Verdict, in_part, ratio, verdict
from gsu_cli.run.record import Record

VERBS = {
    "forgot": "Forgot",
    "partly": "Partly forgot",
    "hidden": "Hid",
    "not_forgotten": "Did not measurably forget",
    "disagree": "Judges disagree on",
}
SHORT = {
    "nothing_to_forget": "nothing to forget",
    "unknown": "no judge can tell",
    "ruined": "ruined",
    "hidden": "hidden",
}


def headline(record: Record) -> str:
    """What the closing table, ``summary.md`` and a report's page say of a run. It claims no more than was measured."""
    what = record.split.get("forget", "nothing")
    found = verdict(record)
    if found is None:
        columns = subjects(record)
        if {"original", "unlearned"} <= set(columns):
            return f"Measured {', '.join(HEADS[s] for s in columns)}."
        return f"Measured {', '.join(HEADS[s] for s in columns) or 'nothing'}, with {what} to be forgotten."
    paid = _paid(record, found)
    why = "; ".join(found.reasons)
    if found.outcome == "ruined":
        return f"Ruined the model: {why}. Its ratios say nothing about {what}."
    if found.outcome == "nothing_to_forget":
        return f"Nothing to forget: {why}. Judges can say nothing about {what}{paid}."
    if found.outcome == "unknown":
        return f"Judges can say nothing about {what}: {why}{paid}."
    said = " and ".join(f"{ratio(record, name)} by the {record.judge_label(name)} judge" for name in found.fell)
    said += _of_few(record, found)
    text = f"{_verb(record, found)} {what}: {claim_words(record)} {said}{paid}."
    if found.outcome == "hidden":
        text += f" Not forgotten: {'; '.join(found.reached)}."
    return text if not why else f"{text} Not counted: {why}."


def block(record: Record) -> dict[str, Any]:
    """The field ``verdict`` of a record, for readers without gsu; empty where the rule says nothing."""
    found = verdict(record)
    return {} if found is None else {"headline": headline(record), **found.as_dict()}


def short(found: Verdict | None) -> str:
    """Two or three words where a run supports no claim; empty where it does."""
    return "" if found is None else SHORT.get(found.outcome, "")


def _verb(record: Record, found: Verdict) -> str:
    if found.outcome != "one_judge":
        return VERBS[found.outcome]
    name = next(name for name, fell in found.fell.items() if fell)
    return f"By the {record.judge_label(name)} judge alone, {'partly ' if in_part(record, name) else ''}forgot"


def _of_few(record: Record, found: Verdict) -> str:
    """Of how many samples the ratios are, where they are few."""
    asked = [claim(record, who, name) for name in found.fell for who in ("original", "unlearned")]
    few = [m.n for m in asked if m is not None and is_of_few(m)]
    return f" (of {min(few)} samples)" if few else ""


def _paid(record: Record, found: Verdict) -> str:
    paid = moved(cost(record, "original"), cost(record, "unlearned"))
    if paid is None:
        return (_own_cost(record) or ", at a cost that was not measured") if found.claims else ""
    over = "" if found.over_budget is None else f", above its budget of {100 * found.over_budget:.3g}%"
    return f", at {paid} {cost_words(record)}{over}{unfinished(record)}"


def _own_cost(record: Record) -> str:
    """What a method cost by a measure of its own, where a model has no loss of held-out images; or nothing.

    On samples that no step looked at, where the record has these; else what was spent of its budget.
    """
    details = noted(record)
    own, spent = details.get("retain_cost"), details.get("budget_spent")
    if not own or spent is None:
        return ""
    fresh = own.get("fresh")
    value, of = (spent, own["unit"]) if fresh is None else (fresh["value"], f"{own['unit']}, fresh ones")
    return f", at a {own['words']} of {100 * value:.2g}% ({of})"
