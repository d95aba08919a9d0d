"""``gsu train leave_out.models=50``: a leave-out design, its models trained in processes of their own, found again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from gsu_cli.audit.bounds import Noise
from gsu_cli.audit.leave_out import FILE, IWAE, LOSS, LeaveOut, masks, read_design, write_design
from gsu_cli.checks import as_int
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.canaries import units
from gsu_cli.errors import CheckpointError, GsuError, ProcessError, UsageError
from gsu_cli.methods.retrain import initialise
from gsu_cli.models.protocols import HasLoss, Samples
from gsu_cli.report.pictures import Block, Line, sheet
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.lineage import architecture
from gsu_cli.run.seeds import derive
from gsu_cli.run.session import Session
from gsu_cli.run.tensor_files import read_tensors, write_tensors
from gsu_cli.surgery.ranks import ranks
from gsu_cli.tables.pool import cores, in_processes
from gsu_cli.training.closed_form import train_or_solve
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs import console

PICTURE = "memorised.png"
SHOWN, SAID = 16, 10  # images in a row of the picture, and in the line below
PLAN, INITIAL, IMAGES = "plan.json", "initial.safetensors", "images.safetensors"


@dataclass(frozen=True)
class Options:
    """``leave_out.*`` of a line.

    Attributes:
        models: how many are trained; 0: no design.
        folds: into how many parts the images are dealt; each model leaves one out.
        repeats: of noise, over which each image's loss is averaged.
        latents: of each image for the importance-weighted bound of a VAE; 0 leaves it out.
        workers: processes at a time; None: one a core.
    """

    models: int
    folds: int
    repeats: int
    latents: int
    workers: int | None

    @classmethod
    def of(cls, cfg: DictConfig) -> Options:
        """As typed.

        Raises:
            UsageError: a number is none, or another setting does not go with it.
        """
        o = cfg.leave_out
        workers = None if o.workers is None else as_int("leave_out.workers", o.workers, 1)
        numbers = {key: as_int(f"leave_out.{key}", o[key], least) for key, least in LEAST.items()}
        found = cls(**numbers, workers=workers)
        if not found.models:
            return found
        masks(found.folds, found.models, found.folds, 0)  # the numbers, before the data are loaded
        if any(value is not None for value in cfg.forget.values()):
            raise UsageError(
                "`leave_out.models` must stand without forget: the design says which images are left out",
                found="forget.*",
                way_out="Leave out one of them",
            )
        if cfg.resume is not None:
            raise UsageError(
                "`leave_out.models` must stand without resume: what was trained is found again",
                found=f"resume={cfg.resume}",
                way_out="Type the same line without resume",
            )
        if ranks().size > 1:
            raise UsageError(
                "`leave_out.models` must be typed without torchrun: its models are trained beside each other",
                found=f"{ranks().size} processes",
                way_out="Type the line of `gsu train` alone, with leave_out.workers",
            )
        return found


LEAST = {"models": 0, "folds": 2, "repeats": 1, "latents": 0}


def train_design(
    cfg: DictConfig, session: Session, model: Any, dataset: Dataset, recipe: Recipe, options: Options
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
    trained_on = masks(len(dataset.train), options.models, options.folds, seed, units(dataset))
    about = {
        "dataset": dataset.name,
        "dataset_sha256": session.record.inputs["dataset"]["sha256"],
        "architecture": architecture(model),
        "recipe": recipe.facts(),
        "seed": seed,
        "folds": options.folds,
        "noise": asdict(Noise(derive(seed, "leave out", "noise"), options.repeats, options.latents)),
    }
    key = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:16]
    place = Path(str(cfg.paths.output_dir)).expanduser() / "leave_out" / key
    _prepare(place, about, model, dataset)
    missing = [k for k in range(options.models) if not _path(place, k).is_file()]
    if len(missing) < options.models:
        console.say(f"{options.models - len(missing)} of {options.models} models were trained earlier: ", place)
    jobs = [(str(place), k, trained_on[k], str(session.device)) for k in missing]
    with session.stage("train"), console.work_bar("leave-out design") as on_progress:
        workers = 1 if session.device.type != "cpu" else options.workers or cores()
        if workers == 1:
            for done, job in enumerate(jobs):
                on_progress(done, len(jobs), f"model {job[1] + 1} of {options.models}")
                train_one(*job)
        else:
            given = [(place, k, mask.tolist(), device) for place, k, mask, device in jobs]
            ended = in_processes(train_one, given, workers=min(workers, max(len(jobs), 1)), preload=__name__)
            for done, (index, code) in enumerate(ended):
                on_progress(done + 1, len(jobs), f"model {given[index][1] + 1} of {options.models}")
                if code:
                    raise _failed(place, int(given[index][1]), code)
    found = [_read(_path(place, k)) for k in range(options.models)]
    losses = {bound: torch.stack([f[bound] for f in found]) for bound in found[0]}
    path = session.folder / FILE
    sha256 = write_design(path, trained_on, losses, {**about, "models": options.models})
    session.record.outputs["leave_out"] = {"path": path.name, "sha256": sha256, "models": options.models}
    order = _show(session, dataset, read_design(path))
    session.save()
    console.say(f"{options.models} models, each trained without one of {options.folds} parts of the images")
    console.say(f"the most memorised images: forget.sample=[{','.join(map(str, order[:SAID].tolist()))}]")
    console.say("use it with design=", path)


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
        texts = [f"#{i} {value[i]:+.0f}" for i in some.tolist()]
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
