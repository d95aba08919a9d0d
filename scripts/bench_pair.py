"""Is the code slower than it was? ``python scripts/bench_pair.py --before COMMIT``: `make bench` in pairs of figures.

Exports the commit beside this tree, and runs each figure of both in turn, in processes of their own, with the
interpreter and packages of this one. Of each tree the functions of its own ``scripts/bench.py`` are called. CPU time is
compared, which a busy machine moves less than a clock does; the ratio of wall times stands beside it. Medians of all
rounds; a ratio above 1.05, or above what is aimed at, is marked.

    python scripts/bench_pair.py --before b0de001 --runs 3 --json docs/results/bench/pairs.json
    python scripts/bench_pair.py --before b0de001 --runs 1 --only unlearning help   # a minute
    python scripts/bench_pair.py --before b0de001 --runs 1 --only cells             # a quarter of an hour

``cells`` are those of a table that every method runs in that runs on every attribute. They are not run unless named.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

BOUND = 1.05
TARGETS = {"cells": 1 / 4, "faces_epoch": 1 / 1.6}  # where more is wanted than to be no slower
HERE = Path(__file__).parents[1]
GIT = shutil.which("git") or "git"
START = """
import contextlib, json, os, sys, time, types
sys.path.insert(0, "scripts")
import torch, bench
from dataclasses import replace
clocks = []
def clock():
    clocks.append((time.process_time(), time.perf_counter()))
    return clocks[-1][0]
def within(work):
    clock(); work(); clock()
DATA = os.environ.get("GSU_DATA_DIR", "")
digits = lambda: bench.Mnist(DATA or "/nonexistent", download=False).load()
"""
END = """
print(json.dumps({"cpu": clocks[-1][0] - clocks[0][0], "wall": clocks[-1][1] - clocks[0][1]}))
"""
FACES = """
before = hasattr(bench, "faces")  # of builds whose faces are no script of their own
module = bench if before else bench.bench_faces
module.time = types.SimpleNamespace(perf_counter=clock)
module.tempfile = types.SimpleNamespace(TemporaryDirectory=lambda: contextlib.nullcontext(os.environ["BENCH_FACES"]))
module.faces(*([{what!r}] if before else [{what!r}, os.environ["BENCH_FACES"], None]))
"""
INSIDE = {  # figures of a process that is warm; imports and data are not in them
    "training": "d = digits(); images = d.train[torch.arange(60_000) % len(d.train)]; model = bench.fresh()\n"
    "within(lambda: bench.fit(model, images, replace(bench.RECIPE, epochs=1), seed=0))",
    "unlearning": "d = digits(); bench.one_unlearning(d); bench.time = types.SimpleNamespace(perf_counter=clock)\n"
    "bench.one_unlearning(d)",
    "report": "bench.time = types.SimpleNamespace(perf_counter=clock); bench.reporting()",
    "faces_fisher": FACES.format(what="fisher"),
    "faces_least_squares": FACES.format(what="least_squares"),
    "faces_gauss_newton": FACES.format(what="gauss_newton"),
    "faces_epoch": FACES.format(what="epoch"),
}
DEMO = ["unlearn", "dataset=mnist", "dataset.download=false", "forget.class=1"]
CELL = [
    "unlearn",
    "dataset=avatars",
    "protocol.budget=0.01",
    "protocol.images=4000",
    "protocol.latents=2",
    "evaluation.samples=4000",
    "seed=1",
    "forget.attribute=hat",
]  # as conf/table/leaderboard_avatars.yaml has it
METHODS = ("finetune", "fisher_surgery", "neggrad_plus", "newton", "retain_surgery")  # that run on every attribute
LINES = {  # as whole processes
    "demo": [DEMO],
    "help": [["--help"]] * 5,
    "cells": [[*CELL, f"method={method}"] for method in METHODS],
}
FACES_MADE = """
import sys
from gsu_cli.data.avatars import Avatars
Avatars(sys.argv[1]).load()
"""
TITLES = {
    "training": "training, an epoch of 60,000 digits",
    "unlearning": "unlearn stage of the default method",
    "report": "200 records as tables and page",
    "faces_fisher": "K-FAC of 4,000 faces",
    "faces_least_squares": "glasses unlearned, least_squares",
    "faces_gauss_newton": "glasses unlearned, gauss_newton",
    "faces_epoch": "an epoch of 7,000 faces",
    "demo": "gsu unlearn as a process, with evaluation",
    "help": "gsu --help, five times",
    "cells": "the five cells of hats in leaderboard_avatars",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="a commit")
    parser.add_argument("--runs", type=int, default=3, help="rounds; medians are compared")
    parser.add_argument("--only", nargs="*", choices=TITLES, default=[t for t in TITLES if t != "cells"])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    found: dict[str, dict[str, list[dict[str, float]]]] = {name: {"before": [], "after": []} for name in given.only}
    with tempfile.TemporaryDirectory() as folder:
        trees = {"before": exported(given.before, Path(folder) / "before"), "after": HERE}
        for k in range(given.runs):
            for name in given.only:
                for which in ("before", "after") if k % 2 == 0 else ("after", "before"):
                    found[name][which].append(measured(name, trees[which], Path(folder) / which))
                print(f"round {k + 1}: {TITLES[name]}: {both(found[name])}", file=sys.stderr, flush=True)
    rows = [figure(name, pair) for name, pair in found.items()]
    for row in rows:
        print(f"{row['name']:50} {row['value']:6.3f} {'' if row['kept'] else 'MISSED':7} {row['from']}")
    if given.json is not None:
        facts = {"threads": threads(), "torch": torch.__version__, "before": commit(given.before), "runs": given.runs}
        facts["only"] = given.only
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps({**facts, "after": commit("HEAD"), "figures": rows}, indent=1) + "\n")


def exported(name: str, folder: Path) -> Path:
    """The tree of a commit, in a folder."""
    packed = subprocess.check_output([GIT, "-C", str(HERE), "archive", "--format=tar", commit(name)])
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def commit(name: str) -> str:
    """The whole hash of a commit."""
    words = [GIT, "-C", str(HERE), "rev-parse", "--verify", f"{name}^{{commit}}"]
    return subprocess.check_output(words, text=True).strip()


def threads() -> int:
    """Of each process: one, unless the environment says more."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def measured(name: str, tree: Path, cache: Path) -> dict[str, float]:
    """Seconds of CPU and of wall that a figure of a tree takes; ``cache`` keeps its faces."""
    cache.mkdir(exist_ok=True)
    faces = cache / "faces"
    faces.mkdir(exist_ok=True)
    more = {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": str(threads()), "BENCH_FACES": str(faces)}
    environment = {**os.environ, **more}
    if name in INSIDE:
        line = [sys.executable, "-c", START + INSIDE[name] + END]
        out = subprocess.run(line, cwd=tree, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds: dict[str, float] = json.loads(out.splitlines()[-1])
        return seconds
    if name == "cells":  # what recurs between them is kept, from none at first; faces are made before
        with tempfile.TemporaryDirectory() as home:
            made = [sys.executable, "-c", FACES_MADE, f"{home}/gsu/arrays"]
            subprocess.run(made, env=environment, check=True)
            return processes(
                LINES[name], {**environment, "XDG_CACHE_HOME": home, "GSU_MEASURED_DIR": f"{home}/measured"}
            )
    return processes(LINES[name], environment)


def processes(lines: list[list[str]], environment: dict[str, str]) -> dict[str, float]:
    """Seconds of CPU and of wall that whole lines take, one after the other."""
    before, started = os.times(), time.perf_counter()
    for words in lines:
        with tempfile.TemporaryDirectory() as folder:
            to = [f"hydra.run.dir={folder}/run"] if words[0] == "unlearn" else []
            line = [sys.executable, "-m", "gsu_cli.cli", *words, *to]
            subprocess.run(line, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"cpu": cpu, "wall": time.perf_counter() - started}


def medians(pair: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {w: {c: statistics.median(run[c] for run in runs) for c in ("cpu", "wall")} for w, runs in pair.items()}


def both(pair: dict[str, list[dict[str, float]]]) -> str:
    before, after = medians(pair)["before"], medians(pair)["after"]
    clock = f"{after['wall']:.2f} s against {before['wall']:.2f} s by the clock"
    return f"{after['cpu']:.2f} s against {before['cpu']:.2f} s of CPU, {clock}"


def figure(name: str, pair: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """A figure in the form of bench.json: the ratio of CPU times, after to before."""
    before, after = medians(pair)["before"], medians(pair)["after"]
    wall = after["wall"] / before["wall"]
    note = f"{after['cpu']:.2f} s against {before['cpu']:.2f} s; x {wall:.2f} by the clock{spread(pair)}"
    ratio, bound = after["cpu"] / before["cpu"], TARGETS.get(name, BOUND)
    return {"name": TITLES[name], "value": ratio, "bound": f"<= {bound}", "from": note, "kept": ratio <= bound}


def spread(pair: dict[str, list[dict[str, float]]]) -> str:
    """Of the ratios of single rounds, where there are several."""
    ratios = [a["cpu"] / b["cpu"] for a, b in zip(pair["after"], pair["before"], strict=True)]
    return f"; rounds {min(ratios):.2f} to {max(ratios):.2f}" if len(ratios) > 1 else ""


if __name__ == "__main__":
    main()
