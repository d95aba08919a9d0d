"""Tables of the docs from records: compact the records of a sweep, then render.

gsu unlearn -m dataset=mnist forget.class=0,1,2,3,4,5,6,7,8,9 seed=1,2,3
python scripts/tables.py compact outputs/unlearn/sweeps/DATE/TIME docs/results/digits.json
python scripts/tables.py digits docs/results/digits.json
python scripts/tables.py lr docs/results/lr_sweep.json

`gsu report runs=docs/results/digits.json` makes tables of any shape from the same files.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from gsu_cli.report.aggregate import Group, group
from gsu_cli.report.compact import read_compact, write_compact
from gsu_cli.report.numbers import factor
from gsu_cli.report.quantities import Quantity, cut
from gsu_cli.report.runs import find_runs
from gsu_cli.report.table import HOLE, Cell, text
from gsu_cli.run.record import Record


def quantities(subject: str = "unlearned") -> dict[str, Quantity]:
    """The columns that the tables of the docs share: relative changes from the original."""
    return {
        "cnn": cut("cnn", subject),
        "knn": cut("knn", subject),
        "retain": Quantity("change", "neg_elbo_retain", None, subject),
        "forget": Quantity("change", "neg_elbo_forget", None, subject),
        "fd": Quantity("change", "frechet_distance", "cnn", subject),
    }


OWN, TWIN = quantities(), quantities("retrained")


def compact(folder: Path, target: Path) -> None:
    """Keeps of each record what a table needs; failed runs stay, as failed."""
    runs, broken = find_runs(folder)
    if broken:
        raise SystemExit(f"unreadable: {broken}")
    write_compact(target, [record for _, record in runs])
    print(f"{len(runs)} records, {sum(record.status != 'done' for _, record in runs)} failed -> {target}")


def spread(g: Group, quantity: Quantity) -> str:
    """Mean with Student's 95 % interval over seeds: "-91.2% ± 0.8"."""
    found = g.statistic(quantity)
    if found.mean is None:
        return HOLE
    return text(Cell(value=found.mean, low=found.low, high=found.high), quantity.column())


def digits(path: Path) -> None:
    """One row a digit: mean over seeds and interval; retrained twin beside; the mean and the worst at the end."""
    done = [record for record in read_compact(path) if record.status == "done"]
    heads = ("forget", "CNN", "kNN", "retrained: CNN / kNN", "retain -ELBO", "forget -ELBO", "retrained", "Frechet")
    print("| " + " | ".join([*heads, "seeds"]) + " |")
    print("|---|---|---|---|---|---|---|---|---|")
    for g in group(done, ["forget"]):
        cells = [
            g.values[0].removeprefix("class "),
            spread(g, OWN["cnn"]),
            spread(g, OWN["knn"]),
            f"{spread(g, TWIN['cnn'])} / {spread(g, TWIN['knn'])}",
            spread(g, OWN["retain"]),
            spread(g, OWN["forget"]),
            spread(g, TWIN["forget"]),
            spread(g, OWN["fd"]),
            str(len(g.done)),
        ]
        print("| " + " | ".join(cells) + " |")
    means = {k: [g.statistic(q).mean for g in group(done, ["forget"])] for k, q in OWN.items()}
    kept = {k: [v for v in values if v is not None] for k, values in means.items()}
    row = {k: f"{statistics.fmean(v):+.1%}" if v else HOLE for k, v in kept.items()}
    print(f"| mean | {row['cnn']} | {row['knn']} | | {row['retain']} | {row['forget']} | | {row['fd']} | |")
    worst = {k: f"{max(v):+.1%}" if v else HOLE for k, v in kept.items()}
    print(f"| worst | {worst['cnn']} | {worst['knn']} | | {worst['retain']} | | | {worst['fd']} | |")


def moved(record: Record) -> list[str]:
    """The changes of one run; as factors where more than tenfold."""
    readings = [q.read(record) for q in OWN.values()]
    return [HOLE if r.value is None else factor(r.value) for r in readings]


def lr(path: Path, only: list[float]) -> None:
    """One row a learning rate, a block per checkpoint and scope; all rates, or those in ``only``."""
    runs = [r for r in read_compact(path) if not only or r.config["method"]["lr"] in only]
    print("| checkpoint | scope | lr | CNN | kNN | retain -ELBO | forget -ELBO | Frechet | step / weights |")
    print("|---|---|---|---|---|---|---|---|---|")
    heads = [(r.config["checkpoint"]["name"], r.config["method"]["scope"], r.config["method"]["lr"]) for r in runs]
    for (checkpoint, scope, rate), r in sorted(zip(heads, runs, strict=True), key=lambda pair: pair[0]):
        head = [checkpoint, scope, f"{rate:g}"]
        if r.status != "done":
            print("| " + " | ".join([*head, f"{r.status}: {r.error}", "", "", "", "", ""]) + " |")
            continue
        print("| " + " | ".join([*head, *moved(r), f"{r.update['relative_norm']:.2g}"]) + " |")


def methods(path: Path) -> None:
    """One row a method, sorted by the CNN's cut."""
    done = [record for record in read_compact(path) if record.status == "done"]
    print("| method | CNN | kNN | retain -ELBO | forget -ELBO | Frechet | unlearn stage, s |")
    print("|---|---|---|---|---|---|---|")
    for r in sorted(done, key=lambda r: OWN["cnn"].read(r).value or 0.0):
        print("| " + " | ".join([r.update["method"], *moved(r), f"{r.seconds['unlearn']:.1f}"]) + " |")


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
