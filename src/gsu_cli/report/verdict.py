"""What a run may claim: a rule on its record alone, stated for readers in docs/claims.md.

Tables, summaries and pages all ask here, so that none of them claims more than another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gsu_cli.report.details import bare, detail
from gsu_cli.report.details import number as printable
from gsu_cli.report.memo import memoised
from gsu_cli.report.numbers import Change, Shift, change, moved, spread
from gsu_cli.report.roles import asked, claim, claims, cost, cost_words
from gsu_cli.report.still_generates import reached
from gsu_cli.run.difference_of_shares import TELLS, newcombe
from gsu_cli.run.record import Measurement, Record

RULE = 3  # to be raised with every change of what follows
SKILL = 0.5  # of a judge: how far from guessing (0) to never wrong (1), at the lower end of its interval
ACCURACY = 0.5  # of a judge in a record from before `balanced` was noted, at the lower end
UNSURE = 0.5  # share of samples that a judge may abstain on, at the lower end
COST = 0.5  # raise of the retain loss, relative to its level (or to the spread between images, the larger)
HALF = -0.5  # change of a ratio down to which it is forgotten in part

Outcome = Literal[
    "forgot", "partly", "one_judge", "hidden", "disagree", "not_forgotten", "nothing_to_forget", "unknown", "ruined"
]
CLAIMS: tuple[Outcome, ...] = ("forgot", "partly", "one_judge", "hidden", "not_forgotten", "disagree")


@dataclass(frozen=True)
class Verdict:
    """What may be said of a run.

    Attributes:
        outcome: ``forgot`` by every judge that counts, two at least; ``partly`` the same, less than half of it by one
            of them and less than retraining; ``one_judge`` alone saw or could see it; ``hidden``: as one of these,
            but a conditional model still generates it when asked otherwise; ``disagree``: one sees less, one more;
            ``not_forgotten``; ``nothing_to_forget``; ``unknown``: no judge can tell; ``ruined``: the model.
        reasons: why it is no more than that, in words.
        judges: those that a ratio was asked of, by name: "" where it counts, else why not.
        fell: by name of the judges that count, whether the ratio fell (True), rose (False) or stayed within (None).
        reached: the ways of asking that still generate it, in words.
        over_budget: the budget of the retain loss that was overspent on held-out images; None where none was.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    judges: Mapping[str, str] = field(default_factory=dict)
    fell: Mapping[str, bool | None] = field(default_factory=dict)
    over_budget: float | None = None
    reached: tuple[str, ...] = ()

    @property
    def claims(self) -> bool:
        """Whether its ratios may be quoted as what happened to the model."""
        return self.outcome in CLAIMS

    def doubt(self, judge: str | None) -> str:
        """Why a ratio by ``judge`` supports no claim; empty where it does."""
        if self.outcome == "ruined":
            return "the model is ruined: " + "; ".join(self.reasons)
        if self.outcome == "hidden":
            return "what was to be forgotten is still reached: " + "; ".join(self.reached)
        return self.judges.get(judge or "", "")

    def as_dict(self) -> dict[str, Any]:
        """The block ``verdict`` of a record, but for its headline."""
        return {"rule": RULE, **asdict(self), "reasons": list(self.reasons), "reached": list(self.reached)}


@memoised
def verdict(record: Record) -> Verdict | None:
    """The rule; None where original and unlearned were not both measured, or nothing was to be forgotten."""
    if not record.split or not {"original", "unlearned"} <= {m.subject for m in record.measurements}:
        return None
    names = asked(record)
    unasked = [] if names else [m.reason for m in claims(record) if m.reason]
    if not unasked:  # else no judge could look for it, and one that is not there would not help
        names += [j["name"] for j in record.judges if j["name"] not in names and "unavailable" in j]
    judges = {name: _against(record, name) for name in names}
    fell = {name: _fell(record, name) for name, why in judges.items() if not why}
    over = over_budget(record)
    if broken := ruins(record):
        return Verdict("ruined", tuple(broken), judges, fell, over)
    said = tuple(f"the {record.judge_label(name)} judge {why}" for name, why in judges.items() if why)
    if not fell:
        floored = any(why and why == _at_floor(record, name) for name, why in judges.items())
        floored = floored and not any(why and why == _unsure(record, name) for name, why in judges.items())
        said = said or (unasked[0] if unasked else "no judge looked for it",)
        return Verdict("nothing_to_forget" if floored else "unknown", said, judges, fell, over)
    outcome, ways = _outcome(record, fell), reached(record, fell)
    hidden = bool(ways) and outcome in ("forgot", "partly", "one_judge")
    return Verdict("hidden" if hidden else outcome, said, judges, fell, over, tuple(ways))


def ruins(record: Record) -> list[str]:
    """In what the unlearned model is no longer a model of what was to stay; empty where it is one."""
    found = []
    before, after = cost(record, "original"), cost(record, "unlearned")
    if before is not None and before.value is not None and after is not None:
        if after.value is None:
            found.append(f"its {cost_words(record)} has no value ({after.reason})")
        elif after.value - before.value > COST * max(abs(before.value), spread(before) or 0.0):
            found.append(f"{moved(before, after)} {cost_words(record)}")
    for now in (m for m in record.measurements if m.subject == "unlearned" and m.ruined_at is not None):
        was = record.find(now.name, "original", now.judge)
        if was is not None and _broken(was, now):
            unit = f" {now.unit}" if now.unit not in ("", "share") else ""
            found.append(f"{now.label or now.name} {was.value:.4g}{unit} before, {now.value:.4g} after")
    return found


def _broken(was: Measurement, now: Measurement) -> bool:
    """Whether a measurement is so many times what it was (or so small a share of it) as its metric calls ruin."""
    if was.value is None or now.value is None or now.ruined_at is None:
        return False
    if now.ruined_at < 1:
        return bool(was.value) and now.value < now.ruined_at * was.value
    return _low(now) > now.ruined_at * _high(was) > 0


def over_budget(record: Record) -> float | None:
    """The budget of the retain loss, where the raise on held-out images lies above it with its whole interval."""
    after = cost(record, "unlearned")
    budget = _budget(record)
    if budget is None or after is None or after.change_low is None:
        return None
    return budget if after.change_low > budget else None


def beyond(predicted: float, realised: float, least: float = 0.01) -> bool:
    """Whether a second-order prediction was off by more than twofold, so that the step left where it holds.

    Args:
        predicted, realised: changes of a loss per image, in its unit.
        least: what both must exceed for their ratio to mean something.

    >>> beyond(3.8, 0.9), beyond(0.9, 1.0), beyond(-0.5, 0.5), beyond(0.001, -0.003)
    (True, False, True, False)
    """
    if max(abs(predicted), abs(realised)) < least:
        return False
    return not (predicted * realised > 0 and 0.5 <= realised / predicted <= 2)


def ratio(record: Record, judge: str) -> Change | Shift | None:
    """How a judge's feature ratio changed; None where it was not measured before and after."""
    return moved(*(claim(record, who, judge) for who in ("original", "unlearned")))


def _outcome(record: Record, fell: Mapping[str, bool | None]) -> Outcome:
    if True not in fell.values():
        return "not_forgotten"
    if False in fell.values():
        return "disagree"
    if len(fell) < 2 or None in fell.values():
        return "one_judge"
    return "partly" if any(in_part(record, name) for name in fell) else "forgot"


def in_part(record: Record, judge: str) -> bool:
    """Less than half is gone, and more is left than by retraining."""
    before, after, reference = (claim(record, who, judge) for who in ("original", "unlearned", "retrained"))
    part = change(before, after)
    if part is None or part.value <= HALF or after is None or after.value is None:
        return False
    return reference is None or reference.value is None or after.value > _high(reference)


def _against(record: Record, judge: str) -> str:
    """Why a judge supports no claim about this run; empty where it does."""
    about = next((j for j in record.judges if j["name"] == judge), {})
    if "unavailable" in about:
        return f"is not available: {bare(about['unavailable'])}"
    before, after = (claim(record, who, judge) for who in ("original", "unlearned"))
    for m in (before, after):
        if m is None or m.value is None:
            return f"has no ratio: {m.reason if m else 'not measured'}"
    why = _untrusted(record, about) or _unsure(record, judge) or _at_floor(record, judge)
    if why:
        return why
    found = ratio(record, judge)
    return "" if found is not None and found.high is not None else "gives no interval"


def _untrusted(record: Record, about: Mapping[str, Any]) -> str:
    """Its trust report: right often enough on real held-out images, and on those with what is forgotten."""
    trust = about.get("trust") or {}
    real, balanced = _measured(trust.get("real")), _measured(trust.get("balanced"))
    right = f"is right on {real.value:.1%} of {real.n:,} held-out images" if real and real.value is not None else ""
    if balanced and balanced.value is not None and isinstance(classes := about.get("classes", 2), int) and classes > 1:
        if _low(balanced) < (least := 1 / classes + SKILL * (1 - 1 / classes)):
            mean = f", {balanced.value:.1%} as a mean over classes{_of_few(balanced, least)}"
            return right + (mean if right else "")
    elif right and not balanced and real and not record.split.get("target_attribute") and _low(real) < ACCURACY:
        return right + _of_few(real, ACCURACY)
    seen, alarm = _measured(trust.get("recall_real")), _measured(trust.get("false_alarms_real"))
    if seen is None or alarm is None:
        return ""  # a record from before it was asked
    what = record.split.get("forget", "it")
    if seen.value is None or alarm.value is None:
        return f"could not be checked: no held-out image {'shows' if seen.value is None else 'lacks'} {what}"
    whole = None not in (seen.low, seen.high, alarm.low, alarm.high)
    if (newcombe(seen, alarm)[0] if whole else seen.value - alarm.value) < TELLS:
        said = f"sees {what} in {seen.value:.1%} of {seen.n:,} real images of it and in {alarm.value:.1%} of the others"
        return f"{said}, too few images to count on" if seen.value - alarm.value >= TELLS else said
    return ""


def _of_few(right: Measurement, least: float) -> str:
    """Where a judge is right often enough, but of too few images to be sure: else its share would read as praise."""
    if right.value is None or right.value < least:
        return ""
    return f", of too few images to count on (at the lower end {_low(right):.0%})"


def _unsure(record: Record, judge: str) -> str:
    """Where a share that speaks against trust in the judge is too large: that of the samples it abstains on."""
    for m in record.measurements:
        if (m.role, m.subject, m.judge, m.unit, m.better) != ("trust", "unlearned", judge, "share", "lower"):
            continue
        if m.value is not None and _low(m) > UNSURE:
            before = record.find(m.name, "original", judge)
            was = f", {before.value:.1%} before" if before and before.value is not None else ""
            return f"has {m.label or m.name} {m.value:.1%} on the samples{was}"
    return ""


def _at_floor(record: Record, judge: str) -> str:
    """Where the original shows no more of it than real images without it do."""
    before, floor = (claim(record, who, judge) for who in ("original", "data"))
    if before is None or before.value is None:
        return ""
    if before.value == 0:
        return "saw none of it before"
    if floor is None or floor.value is None or _low(before) > floor.value:
        return ""
    return f"saw it in {before.value:.4f} of the samples before, in {floor.value:.4f} of real images without it"


def _fell(record: Record, judge: str) -> bool | None:
    found = ratio(record, judge)
    if found is None or found.low is None or found.high is None or found.low <= 0 <= found.high:
        return None
    return found.high < 0


def _budget(record: Record) -> float | None:
    """Of the retain loss: as typed, as the method says that it took, or as the run itself said it was overspent."""
    method = record.config.get("method") or {}
    places = (
        detail(record, "calibration", "budget"),
        (record.config.get("protocol") or {}).get("budget"),
        method.get("budget"),
        method.get("retain_budget"),
        detail(record, "budget"),
        record.verdict.get("over_budget"),  # kept without the method's details
    )
    return next((float(v) for v in places if printable(v)), None)


def _low(m: Measurement) -> float:
    assert m.value is not None  # noqa: S101  # the callers looked
    return m.value if m.low is None else m.low


def _high(m: Measurement) -> float:
    assert m.value is not None  # noqa: S101  # the callers looked
    return m.value if m.high is None else m.high


def _measured(found: object) -> Measurement | None:
    """An entry of a trust report, which may be another's and hold less."""
    if not isinstance(found, Mapping):
        return None
    number = {k: found.get(k) for k in ("value", "low", "high", "reason")}
    if not all(v is None or printable(v) for k, v in number.items() if k != "reason"):
        return None
    n = found.get("n", 0)
    reason = None if number["value"] is not None else str(number["reason"] or "not measured")
    ends = (number["low"], number["high"]) if number["value"] is not None else (None, None)
    return Measurement("trust", "data", number["value"], *ends, n if isinstance(n, int) else 0, "share", reason=reason)
