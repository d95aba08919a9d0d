"""The tables of docs/attributes.md, from compacted records: means over seeds, least and greatest in brackets.

python scripts/tables.py compact FOLDER_OF_RUNS docs/results/avatars.json
python scripts/faces.py docs/results/avatars.json
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from pathlib import Path

from gsu_cli.report.compact import read_compact
from gsu_cli.report.numbers import change
from gsu_cli.run.record import Record

HEAD = (
    "attribute",
    "method",
    "seeds",
    "drawn, CNN / kNN",
    "in reconstructions, CNN / kNN",
    "retrained, drawn, CNN / kNN",
    "retain -ELBO; retrained",
    "Frechet distance; retrained",
    "largest change of another attribute, CNN / kNN",
    "identity, grey levels",
    "unlearn stage, s",
)
JUDGES = ("cnn", "knn")


def moved(records: list[Record], name: str, judge: str | None = None, subject: str = "unlearned") -> str:
    """Relative change from the original, the mean over seeds, and the least and the greatest of several."""
    found = [change(r.find(name, "original", judge), r.find(name, subject, judge)) for r in records]
    return spread([100 * c.value for c in found if c is not None], "+.1f", "%")


def spread(values: list[float], digits: str, unit: str = "") -> str:
    """The mean, and the least and the greatest of several.

    >>> spread([-90.0, -80.0], "+.0f", "%"), spread([], "+.0f"), spread([1.25], ".1f")
    ('-85% (-90 to -80)', '-', '1.2')
    """
    if not values:
        return "-"
    text = f"{statistics.fmean(values):{digits}}{unit}"
    return f"{text} ({min(values):{digits}} to {max(values):{digits}})" if len(values) > 1 else text


def both(records: list[Record], name: str, subject: str = "unlearned") -> str:
    return " / ".join(moved(records, name, judge, subject) for judge in JUDGES)


def other(records: list[Record], judge: str) -> str:
    """The attribute that was to stay and moved most in one direction, mean over seeds."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for m in record.measurements:
            if m.name.startswith("attribute_") and m.subject == "unlearned" and m.judge == judge:
                c = change(record.find(m.name, "original", judge), m)
                if c is not None:
                    found[m.name.removeprefix("attribute_")].append(c.value)
    means = {name: statistics.fmean(values) for name, values in found.items()}
    if not means:
        return "-"
    most = max(means, key=lambda name: abs(means[name]))
    return f"{most} {means[most]:+.1%}"


def spelled(record: Record) -> str:
    """The method, with what makes its records differ: budget, shots, rate, target, solver."""
    options = record.config.get("method") or {}
    plain = {"budget": 0.01, "shots": 1, "target": "auto", "solver": "auto"}
    words = [f"{key}={options[key]}" for key in (*plain, "lr") if options.get(key, plain.get(key)) != plain.get(key)]
    return " ".join([str(record.update.get("method", "measured again")), *words])


def line(records: list[Record]) -> list[str]:
    identity = [m.value for r in records if (m := r.find("identity_distance", "unlearned")) and m.value is not None]
    return [
        str(records[0].split["forget"]).removeprefix("attribute "),
        spelled(records[0]),
        str(len(records)),
        both(records, "feature_ratio"),
        both(records, "feature_ratio_reconstructions"),
        both(records, "feature_ratio", "retrained"),
        f"{moved(records, 'neg_elbo_retain')}; {moved(records, 'neg_elbo_retain', subject='retrained')}",
        f"{moved(records, 'frechet_distance', 'cnn')}; {moved(records, 'frechet_distance', 'cnn', 'retrained')}",
        " / ".join(other(records, judge) for judge in JUDGES),
        spread(identity, ".1f"),
        spread([r.seconds["unlearn"] for r in records if "unlearn" in r.seconds], ".0f"),
    ]


def main() -> None:
    for path in sys.argv[1:]:
        print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
        groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in read_compact(Path(path)):
            if record.status == "done":
                groups[str(record.split["forget"]), spelled(record)].append(record)
        for records in groups.values():
            print("| " + " | ".join(line(records)) + " |")


if __name__ == "__main__":
    main()
