"""How long each method takes to forget as far as retraining, from the records of `gsu reproduce table=time_to_forget`.

`python scripts/results.py time_to_forget` writes it below the table; below `quickest` it says in how many seeds each
gets there.

As far as retraining, by either judge: "yes" where no more samples show the forgotten class than the upper end of the
95 % interval of the retrained reference, at the same latents; "within intervals" where the two intervals overlap.
"""

from __future__ import annotations

from pathlib import Path

from faces import both, grid, moved
from gsu_cli.report.compact import read_compact
from gsu_cli.run.record import Record

HEAD = ("method", "as far as retraining", "strength", "runs", "CNN / kNN", "retain -ELBO", "unlearn stage, s")
JUDGES = ("cnn", "knn")
YES, CLOSE, NO = "yes", "within intervals", "no"


def ratio(record: Record, judge: str, subject: str) -> tuple[float, float, float]:
    """The feature ratio and the ends of its interval.

    Raises:
        SystemExit: the record lacks them.
    """
    m = record.find("feature_ratio", subject, judge)
    if m is None or m.value is None or m.low is None or m.high is None:
        raise SystemExit(f"no feature ratio of {judge} on {subject} weights: {' '.join(record.command)}")
    return m.value, m.low, m.high


def reached(record: Record) -> str:
    """How the generated images compare with the retrained reference's, by the judge that is harder to please."""
    found = set()
    for judge in JUDGES:
        value, low, _ = ratio(record, judge, "unlearned")
        *_, most = ratio(record, judge, "retrained")
        found.add(YES if value <= most else CLOSE if low <= most else NO)
    return next(answer for answer in (NO, CLOSE, YES) if answer in found)


def strength(record: Record) -> str:
    """What was typed behind the method."""
    words = [word.strip("'") for word in record.command if "=" in word]
    options = [w for w in words if w.startswith(("method.", "protocol."))]
    return ", ".join(w.removeprefix("method.") for w in options) or "defaults"


def line(method: str, runs: list[Record]) -> tuple[float, list[str]]:
    """Seconds (endless where retraining is not reached) and the row."""
    good = [r for r in runs if reached(r) != NO]
    if good:
        best = min(good, key=lambda r: r.seconds["unlearn"])
    else:
        best = min(runs, key=lambda r: ratio(r, "knn", "unlearned"))
    row = [
        f"`{method}`",
        reached(best),
        strength(best),
        str(len(runs)),
        both(best, "feature_ratio"),
        moved(best, "heldout_loss_retain"),
        f"{best.seconds['unlearn']:.1f}",
    ]
    return (best.seconds["unlearn"] if good else float("inf")), row


def section(folder: Path) -> str:
    """The table of one folder of docs/results."""
    runs: dict[str, list[Record]] = {}
    for record in read_compact(folder / "records.json"):
        if record.status == "done":
            runs.setdefault(str(record.update["method"]), []).append(record)
    rows = [row for _, row in sorted(line(*item) for item in runs.items())]
    what = "Of each method the quickest run that reaches retraining, or else the one that goes furthest by kNN."
    return f"## The quickest of each\n\n{what}\n\n{grid(HEAD, rows)}"


def seeds(folder: Path) -> str:
    """In how many seeds each setting reaches retraining, of one folder: a mean hides a seed that does not."""
    runs: dict[tuple[str, str], list[Record]] = {}
    for record in read_compact(folder / "records.json"):
        runs.setdefault((str(record.update["method"]), strength(record)), []).append(record)
    rows = [
        [f"`{method}`", how, f"{sum(reached(r) == YES for r in of)} of {len(of)}", *(_each(of, j) for j in JUDGES)]
        for (method, how), of in runs.items()
    ]
    head = ("method", "strength", "seeds that reach it", "ones left / at most, CNN", "ones left / at most, kNN")
    what = "Each seed by itself: no more ones than the upper end of the retrained reference's interval, by both judges."
    return f"## Seeds that reach retraining\n\n{what}\n\n{grid(head, rows)}"


def _each(runs: list[Record], judge: str) -> str:
    """Of each seed the ratio, and the largest that counts as reached."""
    ends = ((ratio(r, judge, "unlearned")[0], ratio(r, judge, "retrained")[2]) for r in runs)
    return ", ".join(f"{left:.4f} / {most:.4f}" for left, most in ends)
