"""What stands beside a run: the data that the checkpoint was trained on, and the reference retrained without some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gsu_cli.data.labels import choices
from gsu_cli.data.reference import over_classes
from gsu_cli.data.split import Split
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.run.lineage import brief
from gsu_cli.run.session import Session
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs import console
from gsu_cli.verbs.changed_code import code_of

TRAINED = ("dataset", "dataset_sha256", "classes", "attributes", "recipe", "n", "interrupted_after_epoch")
"""Of the metadata of a checkpoint: how it was trained; what is made of it by unlearning carries it on."""


def forgotten(split: Split, session: Session, *, of: str | None = None) -> dict[str, Any]:
    """Which images, for the metadata of weights made without them.

    Args:
        split: that was left out.
        session: of the run.
        of: sha256 of the data set whose indices they are; None takes that of the one loaded.
    """
    known = session.record.split
    return {
        "forget": split.slug,
        "forget_options": dict(session.record.config["forget"]),
        "forget_sha256": split.digest(),
        "forget_seed": known["seed"],
        "forget_dataset_sha256": of or known["dataset_sha256"],
    }


def about_retrained(
    original: Checkpoint, split: Split, session: Session, *, recipe: Recipe, seed: int, loss: float
) -> dict[str, Any]:
    """The metadata of a model retrained by ``recipe`` without what ``split`` forgets."""
    return {
        **{k: v for k, v in original.about.items() if k in TRAINED},
        **forgotten(split, session, of=reference_sha256(session)),
        **code_of(original.model),
        "dataset_sha256": reference_sha256(session),
        "recipe": recipe.facts(),
        "seed": seed,
        "n": split.n_retain,
        "loss": loss,
    }


def is_chosen(split: Split) -> bool:
    """Whether it counts images, so that it means nothing for other data: samples, or a fraction."""
    return split.by_index or split.fraction is not None


def reference(split: Split, checkpoint: Checkpoint, session: Session) -> Split:
    """The split for measuring: retained is what the checkpoint was trained on, where that is known.

    Whatever of it is not what was loaded becomes a note of the record.
    """
    about, loaded = checkpoint.about, session.record.inputs["dataset"]
    its_own = about.get("dataset_sha256")
    slug = about.get("forget")
    if slug is not None and split.n_forget and slug != split.slug:
        made = "made to forget" if "method" in about else "trained without"
        console.note(
            f"the checkpoint was {made} {slug}; here {split.words} is to be forgotten, and all else counts as retained",
            session.record,
        )
    elif slug is not None and split.n_forget and session.record.verb == "unlearn":
        same = not is_chosen(split) or about.get("forget_sha256") in (None, split.digest())
        what = split.words if same else f"{split.words}, other images than here"
        made = (
            f"{about['method']} made the checkpoint forget"
            if "method" in about
            else "the checkpoint was trained without"
        )
        console.note(
            f"{made} {what}: `original` is not what training on all images gives, and its numbers are no baseline",
            session.record,
        )
    if its_own == loaded["sha256"]:
        return split
    if its_own is None:
        console.note(
            "the checkpoint does not say on which data it was trained, so they could not be compared with those loaded",
            session.record,
        )
    seen = over_classes(split, about.get("classes") or ()) if _of_these(about, split) else split
    if seen is not split:
        session.record.split["reference"] = {
            "classes": sorted(seen.dataset.class_names),
            "dataset_sha256": seen.dataset.digest(),
            "n_retain": seen.n_retain,
            "n_heldout_retain": len(seen.heldout_retain),
        }
    if its_own is None:
        return seen
    console.note(_other_data(seen, split, checkpoint, session), session.record)
    return seen if reference_sha256(session) == its_own else replace(seen, trained_elsewhere=_may_have_seen(about))


def reference_sha256(session: Session) -> str:
    """Digest of the data set that `reference` gave."""
    found = session.record.split.get("reference") or session.record.inputs["dataset"]
    return str(found.get("dataset_sha256") or found["sha256"])


def _of_these(about: Mapping[str, Any], split: Split) -> bool:
    """Whether the classes that a checkpoint names are those of the data set, and not of one with the same labels."""
    whole = split.dataset.whole
    same = whole is not None and about.get("dataset_sha256") == whole.digest()
    return bool(about.get("classes")) and (same or about.get("dataset") == split.dataset.name)


def _may_have_seen(about: Mapping[str, Any]) -> str:
    """Why no held-out image counts as unseen."""
    n = f"{about['n']:,} images of " if isinstance(about.get("n"), int) else "images of "
    return (
        f"needs images that the original was not trained on: the held-out ones here may be among the {n}"
        f"{about.get('dataset')} that it was trained on. Load those data"
    )


def _other_data(seen: Split, split: Split, checkpoint: Checkpoint, session: Session) -> str:
    about, loaded = checkpoint.about, session.record.inputs["dataset"]
    here, there = set(split.dataset.class_names), set(about.get("classes") or ())
    words = []
    if reference_sha256(session) != about["dataset_sha256"]:
        n = f"{about['n']:,} images of " if isinstance(about.get("n"), int) else ""
        words.append(
            f"the checkpoint was trained on other data ({n}{about.get('dataset')}, sha256 "
            f"{brief(about['dataset_sha256'])}) than were loaded ({len(split.dataset.train):,} images of "
            f"{split.dataset.name}, sha256 {brief(loaded['sha256'])})"
        )
    if seen is not split:
        names = {**seen.dataset.class_names, **split.dataset.class_names}
        missing, more = ({k: names[k] for k in sorted(ks) if k in names} for ks in (there - here, here - there))
        if missing:
            words.append(
                f"`dataset.classes` leaves out {choices(missing)}, on which the checkpoint was trained: the method "
                "sees the loaded classes alone, and what is retained is measured on all that it was trained on"
            )
        if more:
            words.append(
                f"the checkpoint was not trained on {choices(more)}: what is retained is measured without them"
            )
    return "; ".join(words)


def note_judges(context: EvaluationContext, checkpoint: Checkpoint, session: Session) -> None:
    """Notes judges that were trained on neither the data loaded nor those of the checkpoint."""
    known = {
        session.record.inputs["dataset"]["sha256"],
        reference_sha256(session),
        checkpoint.about.get("dataset_sha256"),
    }
    for name, judge in context.judges.items():
        its_own = judge.provenance().get("dataset_sha256")
        if its_own is not None and its_own not in known:
            console.note(
                f"judge {name} was trained on other data (sha256 {brief(its_own)}) than were loaded "
                f"(sha256 {brief(session.record.inputs['dataset']['sha256'])})",
                session.record,
            )
