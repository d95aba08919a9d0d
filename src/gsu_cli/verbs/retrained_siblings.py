"""Further retrained models for an audit: trained once by the original's recipe, found again by what decides them."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from gsu_cli.data.split import Split
from gsu_cli.errors import CheckpointError
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.run.seeds import derive
from gsu_cli.run.session import Session
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.audit_models import MODEL, Wanted, joined, train_all, workers_of
from gsu_cli.verbs.model_cache import again, made_of, opened, place
from gsu_cli.verbs.references import about_retrained
from gsu_cli.verbs.retrained import check_reference, check_retrain


def siblings(cfg: DictConfig, inputs: RunInputs, n: int) -> list[Checkpoint]:
    """``n`` models trained from scratch without the forget set, each with a seed of its own.

    They lie in ``<output_dir>/references/<key>/<seed>/``, where the key is of the data, the forgotten images, the
    architecture and the recipe. What is there is taken; a training that was stopped goes on.

    Args:
        cfg: of the line.
        inputs: of the audit: whose recipe and architecture they have, and what is retained; its record names them.
        n: how many.

    Raises:
        UsageError: the original does not say its recipe.
        CheckpointError: the data are others, or a file that was kept is damaged.
    """
    if not n:
        return []
    session, original, split, recipe = inputs.session, inputs.first, inputs.measured_on, inputs.recipe
    check_retrain(original, session, f"references={n}")
    assert recipe is not None  # noqa: S101  # or it was refused
    shelf = place(cfg, "references", made_of(inputs) | {"forget": split.digest()})
    wanted = []
    for k in range(n):
        seed = derive(0, "reference", k)
        about = about_retrained(original, split, session, recipe=recipe, seed=seed, loss=0.0)
        wanted.append(Wanted(shelf / str(k + 1) / MODEL, seed, about, f"reference {k + 1} of {n}"))
    train_all(inputs, split.retain_images, wanted, stage="references", workers=workers_of(cfg.workers))
    found = []
    for k, one in enumerate(wanted):
        found.append(joined(session, f"reference {k + 1}", _opened(one.path, original, split, session)))
    return found


def _opened(path: Path, original: Checkpoint, split: Split, session: Session) -> Checkpoint:
    found = opened(path, "a reference that was trained", split.dataset.shape)
    try:
        check_reference(found, original, split, session)
    except CheckpointError as e:  # which is about an option that nobody typed
        what = f"what training the original without {split.words} gives"
        rule = f"a reference that was trained earlier must be {what}"
        raise CheckpointError(rule, found=e.found, way_out=again(path)) from e
    return found
