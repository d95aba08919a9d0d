"""How long each method takes to forget as far as retraining, from the records of `gsu reproduce table=time_to_forget`.

python scripts/time_to_forget.py outputs/reproduce/time_to_forget/records.json

As far as retraining, by either judge: "yes" where no more of the same drawings show the forgotten class than the upper
end of the retrained twin's 95 % interval; "within intervals" where the two intervals overlap. Of a method's runs that
do, the quickest stands; where none does, the one that goes furthest by the nearest neighbours.
"""

from __future__ import annotations

import sys
from pathlib import Path

from faces import both, moved
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
    """How the drawings compare with the retrained twin's, by the judge that is harder to please."""
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
        both([best], "feature_ratio"),
        moved([best], "neg_elbo_retain"),
        f"{best.seconds['unlearn']:.1f}",
    ]
    return (best.seconds["unlearn"] if good else float("inf")), row


def main() -> None:
    """Prints the table of each file."""
    for path in sys.argv[1:]:
        runs: dict[str, list[Record]] = {}
        failed = 0
        for record in read_compact(Path(path)):
            if record.status == "done":
                runs.setdefault(str(record.update["method"]), []).append(record)
            else:
                failed += 1
        print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
        for _, row in sorted(line(*item) for item in runs.items()):
            print("| " + " | ".join(row) + " |")
        print(f"\n{sum(map(len, runs.values()))} runs, {failed} failed")


if __name__ == "__main__":
    main()
