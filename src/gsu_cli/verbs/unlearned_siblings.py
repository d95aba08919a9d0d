"""Further unlearned models for an audit: originals of seeds of their own, made to forget as the run's was."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gsu_cli.audit.base import RETRAINED
from gsu_cli.audit.klom_several import GROUP
from gsu_cli.errors import UsageError
from gsu_cli.run.checkpoints import Checkpoint, save_checkpoint
from gsu_cli.run.own_code import class_path, of_config
from gsu_cli.run.record import Record
from gsu_cli.run.seeds import derive, generator
from gsu_cli.unlearning.contract import method_name
from gsu_cli.unlearning.unlearn import unlearn
from gsu_cli.verbs import console
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.audit_models import MODEL, Wanted, joined, train_all, workers_of
from gsu_cli.verbs.forgetting import about_unlearned
from gsu_cli.verbs.model_cache import made_of, opened, place
from gsu_cli.verbs.protocol import Protocol
from gsu_cli.verbs.references import TRAINED, reference_sha256
from gsu_cli.verbs.retrained import check_retrain

READS = "klom"
"""The probe that compares several unlearned models."""


def unlearned_siblings(cfg: DictConfig, record: Record, inputs: RunInputs, n: int) -> list[Checkpoint]:
    """``n`` models that were trained by the original's recipe, each with a seed of its own, and made to forget.

    Originals lie in ``<output_dir>/originals/<key>/<k>/``, what was made of them below ``<output_dir>/unlearned/``,
    where the key is also of the method, its options and the forgotten images. What is there is taken; a training that
    was stopped goes on.

    Args:
        cfg: of the line.
        record: of the run, which says the method.
        inputs: of the audit.
        n: how many.

    Raises:
        UsageError: the original does not say its recipe.
        CheckpointError: the data are others, or a file that was kept is damaged.
    """
    if not n:
        return []
    check_retrain(inputs.first, inputs.session, f"unlearned={n}")
    config, whole = OmegaConf.create(record.config), made_of(inputs)
    protocol = Protocol.of(config)
    how = {key: record.config[key] for key in ("method", "protocol")}
    made = whole | {"forget": inputs.split.digest()} | how | of_config(how, class_path(inputs.first.model))
    shelves = place(cfg, "originals", whole), place(cfg, "unlearned", made)
    seeds = [derive(0, "sibling", k) for k in range(n)]
    places = [[shelf / str(k + 1) / MODEL for shelf in shelves] for k in range(n)]
    wanted = [
        Wanted(source, seed, _about(inputs, seed), f"original {k + 1} of {n}")
        for k, (seed, (source, path)) in enumerate(zip(seeds, places, strict=True))
        if not path.is_file()
    ]
    images = inputs.measured_on.dataset.train
    train_all(inputs, images, wanted, stage="originals", workers=workers_of(cfg.workers))
    found = []
    for k, (seed, (source, path)) in enumerate(zip(seeds, places, strict=True)):
        if not path.is_file():
            original = opened(source, "an original that was trained", inputs.split.dataset.shape)
            original.model.to(inputs.session.device)
            _unlearn(inputs, protocol.method(), original, seed=seed, path=path, what=f"unlearned {k + 1} of {n}")
        one = opened(path, "a model that was unlearned", inputs.split.dataset.shape)
        found.append(joined(inputs.session, f"unlearned {k + 1}", one))
    return found


def check_unlearned(n: int, references: int, probes: Collection[str], inputs: RunInputs) -> None:
    """Before anything is trained: whether something compares the models that ``unlearned=n`` makes.

    Raises:
        UsageError: nothing does.
    """
    if not n:
        return
    if READS not in probes:
        raise UsageError(
            f"`unlearned` must come with the probe {READS}, which compares several unlearned models",
            found=f"audit=[{','.join(probes)}]",
            way_out=f"Type audit=[{READS}], or leave out unlearned",
        )
    there = int(RETRAINED in inputs.subjects())
    if there + references < 2 * GROUP:
        raise UsageError(
            f"`unlearned` must come with at least {2 * GROUP} retrained models, for a distance and its floor",
            found=f"{there + references}",
            way_out=f"Type references={2 * GROUP - there}",
        )


def _about(inputs: RunInputs, seed: int) -> dict[str, Any]:
    """Facts of an original of a seed of its own."""
    assert inputs.recipe is not None  # noqa: S101  # `check_retrain` has seen to it
    return {
        **{k: v for k, v in inputs.first.about.items() if k in TRAINED},
        "dataset_sha256": reference_sha256(inputs.session),
        "recipe": inputs.recipe.facts(),
        "seed": seed,
        "n": len(inputs.measured_on.dataset.train),
    }


def _unlearn(inputs: RunInputs, method: Any, original: Checkpoint, *, seed: int, path: Path, what: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with console.work_bar(what) as on_progress, inputs.session.stage("unlearned"):
        model, _ = unlearn(
            original.model,
            inputs.split,
            method,
            generator=generator(seed, "unlearn"),
            recipe=inputs.recipe,
            on_progress=lambda done, total, loss: on_progress(done, total, "" if loss is None else f"loss {loss:.2f}"),
            trained_on=inputs.trained_on,
            diagnostics=False,
        )
    about = about_unlearned(original, inputs.split, inputs.session, method_name(method), seed)
    save_checkpoint(path, model, about=about)
