"""The criterion of ``solver=chosen`` on every run of ``table=robustness``, and its rank correlation with each judge.

python scripts/own_shares.py outputs/reproduce/robustness docs/results/robustness/own_shares.json   # after the table

A script, as only this repository asks whether the criterion is one. Each original and each unlearned model generates
2,000 samples of the same noise, and a discriminant of training images, fitted once a row, says how many show what was
to be forgotten. `python scripts/results.py robustness` shows the correlations, and who forgets as far as the others.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from scipy.stats import spearmanr

import faces
from gsu_cli.report.compact import read_compact
from gsu_cli.report.numbers import change
from gsu_cli.run.difference_of_shares import newcombe
from gsu_cli.run.record import Measurement, Record, read_record
from gsu_cli.run.signed import signed

JUDGES = {"cnn": "CNN", "knn": "kNN"}
DEVELOPMENT = ("shipped", "batch norm")
OTHERS = ("newton", "finetune", "moon", "neggrad_plus")
OURS = ("Fisher surgery", "the step alone", "chosen", "joint_redirect")
SEED = 0


def measure(folder: Path) -> list[dict[str, Any]]:
    """The share before and after each run of the table in ``folder``."""
    from gsu_cli.data.forget import ForgetSpec
    from gsu_cli.objectives.discriminant import FITTED_TO, fit_discriminant
    from gsu_cli.run.checkpoints import load_checkpoint
    from gsu_cli.run.seeds import generator
    from gsu_cli.solvers.own_share import SAMPLES
    from gsu_cli.surgery.devices import share_of
    from gsu_cli.unlearning.images import draw_images
    from gsu_cli.verbs.build import build

    def share(path: Path, eye: Any) -> float:
        with torch.no_grad():
            return share_of(eye.shows(load_checkpoint(path).model.eval().sample(SAMPLES, generator(SEED))))

    data, eyes, found = dict[str, Any](), dict[str, Any](), list[dict[str, Any]]()
    for cell in json.loads((folder / "cells.json").read_text("utf-8")):
        if cell["status"] != "done":
            continue
        place = folder / cell["folder"]
        record = read_record(place)
        options = record.config["dataset"]
        if (name := str(options)) not in data:
            data[name] = build(OmegaConf.create(options), key="dataset").load()
        if cell["row"] not in eyes:
            forget = {k if k != "class" else "class_": v for k, v in record.config["forget"].items()}
            split = ForgetSpec.from_values(**forget).resolve(data[name], generator=generator(SEED))
            gone = draw_images(split, "forget", FITTED_TO, seed=SEED)
            eye = fit_discriminant(gone, draw_images(split, "retain", 2 * FITTED_TO, seed=SEED), generator(SEED))
            eyes[cell["row"]] = eye, share(Path(record.inputs["checkpoint"]["path"]), eye)
        eye, before = eyes[cell["row"]]
        sha256 = record.outputs["unlearned"]["sha256"]
        found.append(
            {"row": cell["row"], "column": cell["column"], "seed": cell["seed"], "sha256": sha256, "samples": SAMPLES,
             "before": before, "after": share(place / "unlearned.safetensors", eye), "floor": eye.false_alarms}
        )  # fmt: skip
    return found


def changes(record: Record) -> list[float]:
    """Of the feature ratio, by each judge; a ratio of nothing has none."""
    found = [
        change(record.find("feature_ratio", "original", j), record.find("feature_ratio", "unlearned", j))
        for j in JUDGES
    ]
    return [c.value for c in found if c is not None]


def section(folder: Path) -> str:
    """Rank correlations, and the cells in which Fisher surgery goes as far as the best of the others."""
    rows = json.loads((folder / "own_shares.json").read_text("utf-8"))
    by_digest, measured = dict[str, list[float]](), dict[str, Record]()
    for record in read_compact(folder / "records.json"):
        if "unlearned" in record.outputs:
            digest = record.outputs["unlearned"]["sha256"]
            by_digest[digest], measured[digest] = changes(record), record
    rows = [r for r in rows if len(by_digest.get(r["sha256"], [])) == len(JUDGES)]
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["row"].rsplit(" ", 1)[0]].append(row)
    parts = {
        "development": [r for r in rows if r["row"].startswith(DEVELOPMENT)],
        "test": [r for r in rows if not r["row"].startswith(DEVELOPMENT)],
        "all": rows,
    }
    ranks = [
        [name, str(len(found)), *(f"{_rank(found, by_digest, j):.2f}" for j in range(len(JUDGES)))]
        for name, found in {**groups, **parts}.items()
    ]
    made = "By `python scripts/own_shares.py`, [shares](own_shares.json): Spearman's correlation of the relative "
    made += "change of the share that the method's discriminant sees with that of each judge's feature ratio, all runs."
    return "\n\n".join(
        [
            f"## The criterion and the judges\n\n{made}",
            faces.grid(("runs of", "n", *(f"with the {label}" for label in JUDGES.values())), ranks),
            _as_far(rows, by_digest, measured),
        ]
    )


def _rank(found: Sequence[dict[str, Any]], changes_of: dict[str, list[float]], judge: int) -> float:
    own = [r["after"] / r["before"] - 1 for r in found]
    return float(spearmanr(own, [changes_of[r["sha256"]][judge] for r in found]).statistic)


def _as_far(rows: Sequence[dict[str, Any]], changes_of: dict[str, list[float]], measured: dict[str, Record]) -> str:
    """By both judges at least as far as whichever of the others forgets most, by the sum of both, or level with it."""
    cells: dict[str, dict[str, str]] = defaultdict(dict)
    for r in rows:
        cells[r["row"]][r["column"]] = r["sha256"]
    lines = list[list[str]]()
    won = {part: {who: [0, 0, 0] for who in OURS} for part in ("development", "test")}  # as far, or level, of how many
    for row, by in cells.items():
        others = {name: by[name] for name in OTHERS if name in by}
        if not others:
            continue
        part = "development" if row.startswith(DEVELOPMENT) else "test"
        best = min(others, key=lambda name: sum(changes_of[others[name]]))
        line = [row, part, f"{best} {_both(changes_of[others[best]])}"]
        for who in OURS:
            if who not in by:
                line.append("-")
                continue
            mine, theirs = changes_of[by[who]], changes_of[others[best]]
            as_far = all(a <= b for a, b in zip(mine, theirs, strict=True))
            level = all(not _behind(measured[by[who]], measured[others[best]], judge) for judge in JUDGES)
            for k, counts in enumerate((as_far, as_far or level, True)):
                won[part][who][k] += counts
            line.append(f"{_both(mine)}{' yes' if as_far else ' level' if level else ''}")
        lines.append(line)
    said = "; ".join(
        f"{part}: " + ", ".join(f"{who} in {far} (or level in {near}) of {n}" for who, (far, near, n) in by.items())
        for part, by in won.items()
    )
    return (
        "## As far as the best of the others\n\nChanges by the CNN and the kNN. *Yes*: at least as far as whichever of "
        "newton, finetune, moon and neggrad_plus forgets most, by both. *Level*: by no judge are more samples left "
        "than after that one, with the whole 95 % interval of the difference (Newcombe's, as if the samples were not "
        f"of the same noise). {said[0].upper()}{said[1:]}.\n\n"
        + faces.grid(("row", "for", "best of the others", *OURS), lines)
    )


def _behind(mine: Record, other: Record, judge: str) -> bool:
    """Whether ``mine`` leaves more of it than ``other``, beyond what so many samples leave open."""
    a, b = (r.find("feature_ratio", "unlearned", judge) for r in (mine, other))
    return isinstance(a, Measurement) and isinstance(b, Measurement) and newcombe(a, b)[0] > 0


def _both(values: Sequence[float]) -> str:
    return " / ".join(signed(value) for value in values)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(
        "[\n" + ",\n".join(json.dumps(row) for row in measure(Path(sys.argv[1]))) + "\n]\n", encoding="utf-8"
    )
