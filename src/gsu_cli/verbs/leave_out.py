"""``gsu train leave_out.models=50``: a leave-out design, its models trained in processes of their own, found again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from gsu_cli.audit.bounds import Noise
from gsu_cli.audit.leave_out import FILE, IWAE, LOSS, LeaveOut, read_design, write_design
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.canaries import units
from gsu_cli.errors import CheckpointError, GsuError, ProcessError, UsageError
from gsu_cli.models.protocols import HasLoss, Samples
from gsu_cli.report.pictures import Block, Line, sheet
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.lineage import architecture
from gsu_cli.run.own_code import class_path, of_config
from gsu_cli.run.seeds import derive
from gsu_cli.run.session import Session
from gsu_cli.run.signed import signed
from gsu_cli.run.tensor_files import read_tensors, write_tensors
from gsu_cli.tables.pool import cores, in_processes
from gsu_cli.training.closed_form import train_or_solve
from gsu_cli.training.fresh import initialise
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs import console, model_cache
from gsu_cli.verbs.leave_out_options import Options

PICTURE = "memorised.png"
SHOWN, SAID = 16, 10  # images in a row of the picture, and in the line below
PLAN, INITIAL, IMAGES = "plan.json", "initial.safetensors", "images.safetensors"


def train_design(
    cfg: DictConfig, session: Session, *, model: Any, dataset: Dataset, recipe: Recipe, options: Options
) -> None:
    """Trains what of the design is not there yet, and writes `FILE` into the run's folder.

    Models lie in ``<output_dir>/leave_out/<key>``, by number; the key is of the data, the architecture, the recipe, the
    seed, the folds and the noise. More models of the same design train only the further ones.

    Raises:
        UsageError: the model has no loss of each image.
        ProcessError: a model could not be trained; the others are kept.
    """
    if not (isinstance(model, HasLoss) and isinstance(model, Samples)):
        raise UsageError(
            "`leave_out.models` needs a generator with a training loss of each image",
            found=type(model).__name__,
            way_out="Leave out leave_out.models, or choose a model with a loss(): see `gsu show models`",
        )
    seed = session.record.seeds["train"]
    trained_on = options.masks(units(dataset), seed)
    about = {
        "dataset": dataset.name,
        "dataset_sha256": session.record.inputs["dataset"]["sha256"],
        "architecture": architecture(model),
        "recipe": recipe.facts(),
        "seed": seed,
        **({"fractions": list(options.fractions)} if options.fractions else {"folds": options.folds}),
        "noise": asdict(Noise(derive(seed, "leave out", "noise"), options.repeats, options.latents)),
    }
    place = model_cache.place(cfg, "leave_out", about | of_config({}, class_path(model)))
    _prepare(place, about, model, dataset)
    missing = [k for k in range(options.models) if not _path(place, k).is_file()]
    if len(missing) < options.models:
        console.say(f"{options.models - len(missing)} of {options.models} models were trained earlier: ", place)
    with session.stage("train"), console.work_bar("leave-out design") as on_progress:
        _train(place, missing, trained_on, options=options, device=session.device, on_progress=on_progress)
    found = [_read(_path(place, k)) for k in range(options.models)]
    losses = {bound: torch.stack([f[bound] for f in found]) for bound in found[0]}
    path = session.folder / FILE
    sha256 = write_design(path, trained_on, losses, {**about, "models": options.models})
    session.record.outputs["leave_out"] = {"path": path.name, "sha256": sha256, "models": options.models}
    design = None if options.fractions else read_design(path)
    order = None if design is None else _show(session, dataset, design)
    session.complete()
    if design is None or order is None:  # some images are never left out, and nothing is known of their memorisation
        fractions = ", ".join(f"{f:.4g}" for f in options.fractions)
        console.say(f"{options.models} models, trained without random fractions of the images: {fractions}")
    else:
        console.say(f"{options.models} models, each trained without one of {options.folds} parts of the images")
        console.say(f"the most memorised images: forget.sample=[{','.join(map(str, order[:SAID].tolist()))}]")
        value, half = design.memorisation()
        shown = f"{float((value > half).double().mean()):.1%} of the images; chance alone gives 2.5%"
        console.say(f"by its own interval memorisation is shown of {shown}")
    console.say("use it with design=", path)


def _train(
    place: Path,
    missing: Sequence[int],
    trained_on: Tensor,
    *,
    options: Options,
    device: torch.device,
    on_progress: Callable[[int, int, str], None],
) -> None:
    """Trains some models of a design: on the CPU several at a time, each in a process of its own."""
    workers = 1 if device.type != "cpu" else options.workers or cores()
    if workers == 1:
        for done, k in enumerate(missing):
            on_progress(done, len(missing), f"model {k + 1} of {options.models}")
            train_one(str(place), k, trained_on[k], str(device))
        return
    jobs = [(str(place), k, trained_on[k].tolist(), str(device)) for k in missing]
    ended = in_processes(train_one, jobs, workers=min(workers, max(len(jobs), 1)), preload=__name__)
    for done, (index, code) in enumerate(ended):
        on_progress(done + 1, len(jobs), f"model {missing[index] + 1} of {options.models}")
        if code:
            raise _failed(place, missing[index], code)


def _show(session: Session, dataset: Dataset, design: LeaveOut) -> Tensor:
    """``memorised.png``: the most memorised images and those in the middle; returns all, the most memorised first."""
    value, _ = design.memorisation()
    order = value.argsort(descending=True, stable=True)
    order = order[units(dataset)[order] == order]  # one of the copies of a canary
    middle = max((len(order) - SHOWN) // 2, 0)
    blocks = []
    for title, index in (
        ("the most memorised training images: mean loss of models without each, minus that of models with it", order),
        ("in the middle", order[middle:]),
    ):
        some = index[:SHOWN]
        texts = [f"#{i} {signed(float(value[i]), '.0f')}" for i in some.tolist()]
        blocks.append(Block(title, [Line("image", dataset.train.pixels[some], texts, [False] * len(some))]))
    sheet(session.folder / PICTURE, blocks)
    session.record.outputs["memorised"] = {"path": PICTURE}
    return order


def train_one(place: str, k: int, trained_on: Any, device: str) -> None:
    """Trains model ``k`` of a design and keeps its losses; for a process of its own.

    Args:
        place: of the design.
        k: which model.
        trained_on: ``(n,)`` bool.
        device: where.
    """
    folder = Path(place)
    plan, images = json.loads((folder / PLAN).read_text(encoding="utf-8")), _images(folder)
    failed = folder / f"{k}.failed.txt"
    try:
        model = load_checkpoint(folder / INITIAL).model
        seed = derive(plan["seed"], "leave out", "train", k)
        initialise(model, seed)
        model.to(device)
        inside = images["train"][torch.as_tensor(trained_on).nonzero()[:, 0]]
        train_or_solve(model, inside, Recipe(**plan["recipe"]), seed=seed)
        noise = Noise.of(plan)
        parts = [noise.losses(model, images[part], part) for part in ("train", "heldout") if len(images[part])]
    except GsuError as e:
        write_text(failed, str(e))
        raise
    losses = {bound: torch.cat([part[bound] for part in parts]).float() for bound in parts[0]}
    write_tensors(_path(folder, k), losses, {"model": k})
    failed.unlink(missing_ok=True)


def _prepare(place: Path, about: dict[str, Any], model: Any, dataset: Dataset) -> None:
    """What each process reads."""
    if (place / PLAN).is_file():
        return
    tensors: dict[str, Tensor] = {}
    for part, images in (("train", dataset.train), ("heldout", dataset.heldout)):
        given = {"pixels": images.pixels, "labels": images.labels, "attributes": images.attributes}
        tensors |= {f"{part}/{name}": t for name, t in given.items() if t is not None}
    write_tensors(place / IMAGES, tensors, {})
    save_checkpoint(place / INITIAL, model, about={})
    write_text(place / PLAN, json.dumps(about, indent=1))


def _images(folder: Path) -> dict[str, Images]:
    _, t = read_tensors(folder / IMAGES)
    return {
        part: Images(t[f"{part}/pixels"], t[f"{part}/labels"], t.get(f"{part}/attributes"))
        for part in ("train", "heldout")
    }


def _path(place: Path, k: int) -> Path:
    return place / f"{k}.safetensors"


def _read(path: Path) -> dict[str, Tensor]:
    try:
        _, tensors = read_tensors(path)
    except CheckpointError as e:
        raise CheckpointError(
            "the losses of a model that was trained earlier must be whole",
            found=str(e).rstrip("."),
            way_out=f"Remove {path} to have it trained again",
        ) from e
    return {bound: tensors[bound] for bound in (LOSS, IWAE) if bound in tensors}


def _failed(place: Path, k: int, code: int) -> ProcessError:
    text = place / f"{k}.failed.txt"
    why = text.read_text(encoding="utf-8").rstrip(".") if text.is_file() else f"one that ended with code {code}"
    return ProcessError(
        "each model of a leave-out design must be trained",
        found=f"model {k + 1}: {why}",
        way_out="Type the same line again: what was trained is found again",
    )
