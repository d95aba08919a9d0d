"""The tables of docs/attributes.md, from compacted records.

python scripts/tables.py compact FOLDER_OF_RUNS docs/results/avatars.json
python scripts/faces.py docs/results/avatars.json
"""

from __future__ import annotations

import sys
from pathlib import Path

from gsu_cli.report.compact import read_compact
from gsu_cli.report.numbers import change
from gsu_cli.run.record import Measurement, Record

HEAD = (
    "attribute",
    "method",
    "drawn, CNN / kNN",
    "in reconstructions, CNN / kNN",
    "retrained, drawn, CNN / kNN",
    "retain -ELBO (retrained)",
    "largest change of another attribute, CNN / kNN",
    "identity, grey levels",
    "unlearn stage, s",
)


def moved(record: Record, name: str, judge: str | None = None, subject: str = "unlearned") -> str:
    """The relative change from the original as text."""
    c = change(record.find(name, "original", judge), record.find(name, subject, judge))
    return "-" if c is None else str(c)


def both(record: Record, name: str, subject: str = "unlearned") -> str:
    return " / ".join(moved(record, name, judge, subject) for judge in ("cnn", "knn"))


def other(record: Record, judge: str) -> str:
    """The attribute that was to stay and moved most."""
    found: list[tuple[float, str, Measurement]] = []
    for m in record.measurements:
        if m.name.startswith("attribute_") and m.subject == "unlearned" and m.judge == judge:
            c = change(record.find(m.name, "original", judge), m)
            if c is not None:
                found.append((abs(c.value), f"{m.name.removeprefix('attribute_')} {c}", m))
    return max(found)[1] if found else "-"


def line(record: Record) -> list[str]:
    method = str(record.update.get("method", "measured again"))
    shots = record.update.get("shots", 1)
    identity = record.find("identity_distance", "unlearned")
    return [
        str(record.split["forget"]).removeprefix("attribute "),
        method if shots == 1 else f"{method}, {shots} shots",
        both(record, "feature_ratio"),
        both(record, "feature_ratio_reconstructions"),
        both(record, "feature_ratio", "retrained"),
        f"{moved(record, 'neg_elbo_retain')} ({moved(record, 'neg_elbo_retain', subject='retrained')})",
        f"{other(record, 'cnn')} / {other(record, 'knn')}",
        "-" if identity is None or identity.value is None else f"{identity.value:.1f}",
        f"{record.seconds['unlearn']:.0f}" if "unlearn" in record.seconds else "-",
    ]


def main() -> None:
    for path in sys.argv[1:]:
        print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
        for record in read_compact(Path(path)):
            if record.status == "done":
                print("| " + " | ".join(line(record)) + " |")


if __name__ == "__main__":
    main()
