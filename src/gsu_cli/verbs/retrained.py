"""The reference: a model of the same recipe that never saw what is to be forgotten, found and checked."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from omegaconf import DictConfig

from gsu_cli.data.split import Split
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.models.rebuild_check import check_weights_suffice
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint
from gsu_cli.run.files import sha256_of
from gsu_cli.run.lineage import Difference, Lineage, brief, differences, recipe, sentence, unknown
from gsu_cli.run.pretrained import retrained_reference, shipped
from gsu_cli.run.session import Session
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs import console
from gsu_cli.verbs.changed_code import note_between
from gsu_cli.verbs.opening_weights import describe, recipe_of, weights_file
from gsu_cli.verbs.references import is_chosen, reference_sha256


def open_reference(cfg: DictConfig, checkpoint: Checkpoint, split: Split, session: Session) -> Checkpoint | None:
    """The model of the same recipe that never saw the forget set: ``checkpoint.retrained``, or the one that ships.

    Args:
        cfg: of the line.
        checkpoint: the original, or what was made of it.
        split: that of `reference`.
        session: of the run.

    Raises:
        CheckpointError: it was made of other data, without other images, with another architecture or recipe.
    """
    path = weights_file("checkpoint.retrained", cfg.checkpoint.retrained)
    if path is None and is_shipped(checkpoint, split.dataset.name, cfg.checkpoint.name):
        path = retrained_reference(split.dataset.name, cfg.checkpoint.name, split.slug)
    if path is None:
        return None
    found = load_checkpoint(path, shape=split.dataset.shape, key="checkpoint.retrained")
    return taken_as_reference(found, checkpoint, split, session)


def taken_as_reference(found: Checkpoint, checkpoint: Checkpoint, split: Split, session: Session) -> Checkpoint:
    """The reference, checked, on the run's device and in its record."""
    check_reference(found, checkpoint, split, session)
    check_weights_suffice(found.model, split.dataset.shape, found.path)
    found.model.to(session.device)
    session.record.inputs["retrained"] = describe(found)
    return found


def note_retraining(method: object, reference: Checkpoint | None, session: Session) -> None:
    """Notes that what a run retrained and its reference saw other images: neither forgot more than the other by that.

    Args:
        method: of the run.
        reference: the retrained model beside it, if any.
        session: gets the note.
    """
    seen = None if reference is None else reference.about.get("dataset_sha256")
    if method != "retrain" or reference is None or seen in (None, session.record.inputs["dataset"]["sha256"]):
        return
    n = f"{reference.about['n']:,} images of " if isinstance(reference.about.get("n"), int) else "images of "
    console.note(
        f"method=retrain saw the loaded images alone, the retrained reference {n}{reference.about.get('dataset')}: "
        "what lies between the two comes from the data, too, and is neither over- nor under-forgetting",
        session.record,
    )


def is_shipped(checkpoint: Checkpoint, dataset: str, name: str) -> bool:
    """Whether the weights are those that ship under that name."""
    own = shipped(dataset, name)
    return own is not None and sha256_of(own) == checkpoint.sha256


def check_reference(found: Checkpoint, checkpoint: Checkpoint, split: Split, session: Session) -> None:
    """Refuses a reference that is not what retraining ``checkpoint`` without the forget set gives.

    Raises:
        CheckpointError: naming what differs, both values of each.
    """
    slug = found.about.get("forget")
    seed = session.record.split["seed"]
    draw = "" if seed is None else f", with seeds.unlearn={seed}"
    way_out = f"Make it with `gsu train` and the same forget, dataset, model and training options{draw}"
    if slug != split.slug:
        raise CheckpointError(
            f"`checkpoint.retrained` must have been trained without {split.words}",
            found=f"one trained without {slug or 'leaving anything out'}: {found.path}",
            way_out=way_out,
        )
    if "method" in found.about or found.sha256 == checkpoint.sha256:
        made = f"made by {found.about['method']}" if "method" in found.about else "the checkpoint itself"
        raise CheckpointError(
            "`checkpoint.retrained` must have been trained from scratch", found=f"{found.path}, {made}", way_out=way_out
        )
    expected, has, names = _accounts(found, checkpoint, split, session)
    wrong = differences(expected, has, names)
    own = checkpoint.about.get("dataset_sha256")
    loaded = reference_sha256(session)
    if is_chosen(split) and has.dataset_sha256 not in (None, loaded) and has.dataset_sha256 == own:
        wrong.append(Difference("dataset_sha256", loaded, has.dataset_sha256))  # whose indices the spec counts
    if wrong:
        raise CheckpointError(
            f"`checkpoint.retrained` must be what training the checkpoint without {split.words} gives",
            found=f"{sentence(wrong)} in {found.path}",
            way_out=way_out,
        )
    note_between(found.about, checkpoint.about, session)
    for who, missing in (
        ("retrained reference", unknown(expected, has, names)),
        ("checkpoint", unknown(has, expected, names)),
    ):
        if missing:
            console.note(
                f"the {who} does not say its {', '.join(missing)}, which could not be compared", session.record
            )


def _accounts(
    found: Checkpoint, checkpoint: Checkpoint, split: Split, session: Session
) -> tuple[Lineage, Lineage, list[str]]:
    """What is expected of a retrained reference, what it says, and the fields in which the two are to be compared."""
    has, own = (replace(Lineage.of(c), recipe=_whole(recipe_of(c))) for c in (found, checkpoint))
    known = session.record.split
    expected = replace(
        own,
        dataset_sha256=own.dataset_sha256 or reference_sha256(session),
        forget=split.slug,
        forget_sha256=split.digest(),
        forget_seed=known["seed"],
    )
    names = ["dataset_sha256", "architecture", "recipe"]
    if None in (expected.dataset_sha256, has.dataset_sha256):
        names.append("dataset")
    if has.dataset_sha256 in (None, reference_sha256(session)):  # else these are the indices of other data
        generated = split.fraction is not None
        told = has.forget_sha256 is not None
        names += ["forget_sha256"] * (generated or told) + ["forget_seed"] * (generated and not told)
        if told and has.forget_sha256 != expected.forget_sha256:
            names.append("forget_seed")
    return expected, has, names


def _whole(recipe: Recipe | None) -> dict[str, Any] | None:
    """With the options that came later than the file at what they were then: their defaults."""
    return None if recipe is None else asdict(recipe)


def check_retrain(checkpoint: Checkpoint, session: Session, asked: str = "retrain=true") -> None:
    """Refuses to retrain where that would give no reference.

    Args:
        checkpoint: the original.
        session: which says the data.
        asked: what was typed that asks for it.

    Raises:
        UsageError: nobody knows the recipe.
        CheckpointError: the data loaded are not those that the checkpoint was trained on.
    """
    way_out = (
        "Train one with `gsu train` and the forget options, and pass checkpoint.retrained=<folder>/model.safetensors"
    )
    key = asked.split("=")[0]
    if recipe(checkpoint.about) is None:
        typed = (checkpoint.about.get("imported") or {}).get("path", checkpoint.path)
        raise UsageError(
            f"`{asked}` needs the recipe of the checkpoint",
            found=f"none in {typed}",
            way_out=f"{way_out}, or leave out {key}",
        )
    own, here = checkpoint.about.get("dataset_sha256"), reference_sha256(session)
    if own not in (None, here):
        raise CheckpointError(
            f"`{asked}` needs the data that the checkpoint was trained on",
            found=f"sha256 {brief(here)} loaded, and {brief(own)} in {checkpoint.path}",
            way_out=f"Load the same data set with the same dataset options, or leave out {key}",
        )
