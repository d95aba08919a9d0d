"""A file of weights measured without the run that made it: what it was made to forget is asked of the file itself."""

from __future__ import annotations

from omegaconf import DictConfig

from gsu_cli.data.split import Split
from gsu_cli.errors import CheckpointError
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint
from gsu_cli.run.lineage import Difference, Lineage, differences, sentence
from gsu_cli.run.session import Session
from gsu_cli.verbs import console
from gsu_cli.verbs.line_keys import is_typed
from gsu_cli.verbs.opening_session import forget_spec
from gsu_cli.verbs.opening_weights import open_checkpoint, weights_file
from gsu_cli.verbs.references import is_chosen


def take_forget_options(cfg: DictConfig) -> None:
    """What the weights were made without is asked of them again, and the seed that chose it, unless typed.

    Raises:
        CheckpointError: of a random part no seed is known.
    """
    path = weights_file("checkpoint.path", cfg.checkpoint.path)
    assert path is not None  # noqa: S101  # the caller has seen to it
    about = load_checkpoint(path).about
    options = about.get("forget_options") or {}
    if forget_spec(cfg.forget) is None:
        for key, value in options.items():
            if value is not None:
                cfg.forget[key] = value
    fraction = options.get("fraction")
    if fraction is None or fraction != cfg.forget.fraction or is_typed("seeds.unlearn"):
        return
    seed = about.get("forget_seed", about.get("seed"))
    if seed is None:
        raise CheckpointError(
            "the seed that chose what the weights forgot must be known",
            found=f"none in {path}",
            way_out="Type seeds.unlearn=SEED",
        )
    cfg.seeds.unlearn = seed


def open_subject(cfg: DictConfig, split: Split, session: Session) -> dict[str, Checkpoint]:
    """The weights under the name of their subject.

    Raises:
        CheckpointError: they were made without other images, and nobody typed that.
    """
    checkpoint = open_checkpoint(cfg, split.dataset, session)
    taken = checkpoint.about.get("forget_options") and not is_typed("forget")
    if split.n_forget and (taken or checkpoint.about.get("forget") == split.slug):
        _check_forgotten(checkpoint, split, session)
    return {"unlearned" if "method" in checkpoint.about else "original": checkpoint}


def _check_forgotten(checkpoint: Checkpoint, split: Split, session: Session) -> None:
    about, known = checkpoint.about, session.record.split
    counted = about.get("forget_dataset_sha256")
    if counted is not None and counted != known["dataset_sha256"]:
        if not is_chosen(split):
            return  # the same class in other data, which is noted
        wrong = [Difference("dataset_sha256", counted, known["dataset_sha256"])]
    else:
        has = Lineage.of(checkpoint)
        here = Lineage(forget=split.slug, forget_sha256=split.digest(), forget_seed=known["seed"])
        names = ["forget", "forget_sha256"]
        wrong = differences(has, here, names) and differences(has, here, [*names, "forget_seed"])
        if has.forget_sha256 is None and split.fraction is not None:
            console.note(
                f"the weights do not say which images they were made without; seed {known['seed']} was taken to have "
                "chosen them",
                session.record,
            )
    if wrong and is_typed("forget", "seeds.unlearn"):
        console.note(
            f"other images are forgotten here than by the weights, as typed: {sentence(wrong)}", session.record
        )
    elif wrong:
        raise CheckpointError(
            "the images to forget must be those that the weights were made without",
            found=f"{sentence(wrong)}: {checkpoint.path}",
            way_out="Load the same data with the same options and list of samples, or type forget.* to measure others",
        )
