"""How long each method takes to forget as far as retraining, from the records of `gsu reproduce table=time_to_forget`.

python scripts/time_to_forget.py outputs/reproduce/time_to_forget/records.json

As far as retraining, by either judge: "yes" where no more of the same drawings show the forgotten class than the upper
end of the retrained twin's 95 % interval; "within intervals" where the two intervals overlap. Of a method's runs that
do, the quickest stands; where none does, the one that goes furthest by the nearest neighbours.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gsu_cli.report.compact import read_compact
from gsu_cli.report.numbers import change
from gsu_cli.run.record import Measurement, Record

HEAD = ("method", "as far as retraining", "strength", "runs", "CNN / kNN", "retain -ELBO", "unlearn stage, s")
JUDGES = ("cnn", "knn")
YES, CLOSE, NO = "yes", "within intervals", "no"


def needed(record: Record, name: str, judge: str | None, subject: str) -> Measurement:
    """The measurement.

    Raises:
        SystemExit: the record lacks it.
    """
    found = record.find(name, subject, judge)
    if found is None or found.value is None:
        raise SystemExit(f"a record lacks {name} of {judge or 'the weights'} on {subject}: {' '.join(record.command)}")
    return found


def reached(record: Record) -> str:
    """How the drawings compare with the retrained twin's, by the judge that is harder to please."""
    found = set()
    for judge in JUDGES:
        own, twin = (needed(record, "feature_ratio", judge, subject) for subject in ("unlearned", "retrained"))
        if own.value is None or own.low is None or twin.high is None:
            raise SystemExit(f"a ratio has no interval: {' '.join(record.command)}")
        found.add(YES if own.value <= twin.high else CLOSE if own.low <= twin.high else NO)
    return NO if NO in found else CLOSE if CLOSE in found else YES


def strength(record: Record) -> str:
    """What was typed behind the method."""
    words = [word.strip("'") for word in record.command if "=" in word]
    options = [w for w in words if w.startswith(("method.", "protocol."))]
    return ", ".join(w.removeprefix("method.") for w in options) or "defaults"


def moved(record: Record, name: str, judge: str | None = None) -> str:
    """The relative change from the original as text."""
    c = change(record.find(name, "original", judge), record.find(name, "unlearned", judge))
    return "-" if c is None else str(c)


def line(method: str, runs: list[Record]) -> tuple[float, list[str]]:
    """Seconds (endless where retraining is not reached) and the row."""
    good = [r for r in runs if reached(r) != NO]
    if good:
        best = min(good, key=lambda r: r.seconds["unlearn"])
    else:
        best = min(runs, key=lambda r: needed(r, "feature_ratio", "knn", "unlearned").value or 0.0)
    row = [
        f"`{method}`",
        reached(best),
        strength(best),
        str(len(runs)),
        " / ".join(moved(best, "feature_ratio", judge) for judge in JUDGES),
        moved(best, "neg_elbo_retain"),
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
