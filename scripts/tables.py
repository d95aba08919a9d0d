"""Tables of the docs from records: compact the records of a sweep, then render.

gsu unlearn -m dataset=mnist forget.class=0,1,2,3,4,5,6,7,8,9 seed=1,2,3
python scripts/tables.py compact outputs/unlearn/sweeps/DATE/TIME docs/results/digits.json
python scripts/tables.py digits docs/results/digits.json
python scripts/tables.py lr docs/results/lr_sweep.json
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gsu_cli.report.numbers import change
from gsu_cli.report.runs import find_runs
from gsu_cli.run.record import Measurement

KEPT = ("feature_ratio", "neg_elbo_retain", "neg_elbo_forget", "frechet_distance", "inception_score", "abstention")
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262, 29: 2.045}  # Student's two-sided 95 % quantiles by n - 1


def compact(folder: Path, target: Path) -> None:
    """Keeps of each record what a table needs; failed runs stay, as failed."""
    runs, broken = find_runs(folder)
    if broken:
        raise SystemExit(f"unreadable: {broken}")
    kept = []
    for _, r in runs:
        kept.append(
            {
                "command": r.command,
                "status": r.status,
                "error": r.error,
                "seeds": r.seeds,
                "forget": r.split.get("forget"),
                "checkpoint": r.config["checkpoint"]["name"],
                "method": r.config["method"],
                "update": {k: v for k, v in r.update.items() if k != "details"},
                "seconds": r.seconds,
                "weights": {k: v.get("sha256") for k, v in r.outputs.items() if "sha256" in v},
                "versions": r.versions,
                "measurements": [asdict(m) for m in r.measurements if m.name in KEPT],
            }
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("[\n" + ",\n".join(json.dumps(k, separators=(",", ":")) for k in kept) + "\n]\n")
    print(f"{len(kept)} records, {sum(k['status'] != 'done' for k in kept)} failed -> {target}")


def changes(run: dict[str, Any], subject: str = "unlearned") -> dict[str, float | None]:
    """Relative change from the original by quantity."""
    found = {(m["name"], m["subject"], m["judge"]): Measurement(**m) for m in run["measurements"]}
    wanted = {
        "cnn": ("feature_ratio", "cnn"),
        "knn": ("feature_ratio", "knn"),
        "retain": ("neg_elbo_retain", None),
        "forget": ("neg_elbo_forget", None),
        "fd": ("frechet_distance", "cnn"),
    }
    out: dict[str, float | None] = {}
    for key, (name, judge) in wanted.items():
        c = change(found.get((name, "original", judge)), found.get((name, subject, judge)))
        out[key] = None if c is None else c.value
    return out


def spread(values: Iterable[float | None]) -> str:
    """Mean with Student's 95 % interval over seeds: "-91.2 % ± 0.8"."""
    kept = [v for v in values if v is not None]
    if not kept:
        return "-"
    mean = statistics.fmean(kept)
    if len(kept) < 2:
        return f"{mean:+.1%}"
    half = T95.get(len(kept) - 1, 1.96) * statistics.stdev(kept) / math.sqrt(len(kept))
    return f"{mean:+.1%} ± {100 * half:.1f}"


def digits(path: Path) -> None:
    """One row a digit: mean over seeds and interval; retrained twin beside; the mean and the worst at the end."""
    runs = [r for r in json.loads(path.read_text()) if r["status"] == "done"]
    by_digit: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for r in runs:
        by_digit[r["forget"]].append(r)
    heads = ("forget", "CNN", "kNN", "retrained: CNN / kNN", "retain -ELBO", "forget -ELBO", "retrained", "Frechet")
    print("| " + " | ".join([*heads, "seeds"]) + " |")
    print("|---|---|---|---|---|---|---|---|---|")
    means: dict[str, list[float]] = defaultdict(list)
    for name in sorted(by_digit):
        own = [changes(r) for r in by_digit[name]]
        twin = [changes(r, "retrained") for r in by_digit[name]]
        for key in ("cnn", "knn", "retain", "forget", "fd"):
            means[key].append(statistics.fmean([v for c in own if (v := c[key]) is not None]))
        cells = [
            name.removeprefix("class "),
            spread(c["cnn"] for c in own),
            spread(c["knn"] for c in own),
            f"{spread([twin[0]['cnn']])} / {spread([twin[0]['knn']])}",
            spread(c["retain"] for c in own),
            spread(c["forget"] for c in own),
            spread([twin[0]["forget"]]),
            spread(c["fd"] for c in own),
            str(len(own)),
        ]
        print("| " + " | ".join(cells) + " |")
    row = {k: f"{statistics.fmean(v):+.1%}" for k, v in means.items()}
    print(f"| mean | {row['cnn']} | {row['knn']} | | {row['retain']} | {row['forget']} | | {row['fd']} | |")
    worst = {k: f"{max(v):+.1%}" for k, v in means.items()}
    print(f"| worst | {worst['cnn']} | {worst['knn']} | | {worst['retain']} | | | {worst['fd']} | |")


def times(value: float | None) -> str:
    """A relative change; as a factor where it is more than tenfold."""
    if value is None:
        return "-"
    return f"{value:+.1%}" if value < 9 else f"x{1 + value:.3g}"


def lr(path: Path, only: list[float]) -> None:
    """One row a learning rate, a block per checkpoint and scope; all rates, or those in ``only``."""
    runs = [r for r in json.loads(path.read_text()) if not only or r["method"]["lr"] in only]
    print("| checkpoint | scope | lr | CNN | kNN | retain -ELBO | forget -ELBO | Frechet | step / weights |")
    print("|---|---|---|---|---|---|---|---|---|")
    for r in sorted(runs, key=lambda r: (r["checkpoint"], r["method"]["scope"], r["method"]["lr"])):
        head = [r["checkpoint"], r["method"]["scope"], f"{r['method']['lr']:g}"]
        if r["status"] != "done":
            print("| " + " | ".join([*head, f"{r['status']}: {r['error']}", "", "", "", "", ""]) + " |")
            continue
        c = changes(r)
        cells = [times(c[key]) for key in ("cnn", "knn", "retain", "forget", "fd")]
        print("| " + " | ".join([*head, *cells, f"{r['update']['relative_norm']:.2g}"]) + " |")


def methods(path: Path) -> None:
    """One row a method, sorted by the CNN's cut."""
    runs = [r for r in json.loads(path.read_text()) if r["status"] == "done"]
    print("| method | CNN | kNN | retain -ELBO | forget -ELBO | Frechet | unlearn stage, s |")
    print("|---|---|---|---|---|---|---|")
    for c, r in sorted(((changes(r), r) for r in runs), key=lambda pair: pair[0]["cnn"] or 0.0):
        cells = [times(c[key]) for key in ("cnn", "knn", "retain", "forget", "fd")]
        print("| " + " | ".join([r["update"]["method"], *cells, f"{r['seconds']['unlearn']:.1f}"]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["compact", "digits", "lr", "methods"])
    parser.add_argument("path", type=Path)
    parser.add_argument("target", type=Path, nargs="?")
    parser.add_argument("--only", type=float, nargs="*", default=[], help="lr: the rates to show")
    given = parser.parse_args()
    if given.what == "compact":
        compact(given.path, given.target)
    elif given.what == "lr":
        lr(given.path, given.only)
    else:
        {"digits": digits, "methods": methods}[given.what](given.path)


if __name__ == "__main__":
    main()
