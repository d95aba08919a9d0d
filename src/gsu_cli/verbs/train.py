"""``gsu train``: fits a generator or a judge, on all of a data set or, with a forget spec, on the retain set alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.text import Text

from gsu_cli.data.base import Images
from gsu_cli.errors import CheckpointError, NonFiniteError, UsageError
from gsu_cli.models.classifiers.attribute_cnn import AttributeCnn
from gsu_cli.models.classifiers.judge_cnn import JudgeCnn
from gsu_cli.models.protocols import FitsExactly, Samples
from gsu_cli.models.rebuild_check import check_weights_suffice
from gsu_cli.report.numbers import seconds
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint
from gsu_cli.run.lineage import architecture
from gsu_cli.run.session import Session
from gsu_cli.run.stopped import STATE
from gsu_cli.training.closed_form import train_or_solve
from gsu_cli.training.fresh import constructing, initialise
from gsu_cli.training.history import History
from gsu_cli.training.recipe import Recipe
from gsu_cli.training.state import codes_of
from gsu_cli.verbs import console, leave_out, limits, settings
from gsu_cli.verbs.build import build_choice
from gsu_cli.verbs.changed_code import code_of, noted_codes
from gsu_cli.verbs.default_model import suited
from gsu_cli.verbs.judge_skill import undertrained
from gsu_cli.verbs.leave_out_options import Options
from gsu_cli.verbs.line_keys import is_typed, typed
from gsu_cli.verbs.models import build_model
from gsu_cli.verbs.opening_data import load_dataset, resolve_split
from gsu_cli.verbs.opening_session import forget_spec, open_session
from gsu_cli.verbs.pipeline_folder import write_folder
from gsu_cli.verbs.progress import Listener, listening
from gsu_cli.verbs.references import forgotten
from gsu_cli.verbs.training_end import ended

IDENTITY = ("dataset_sha256", "forget", "forget_sha256", "forget_seed")  # of the metadata, what a state goes on with


def main(cfg: DictConfig) -> None:
    """Runs the verb."""
    settings.check(cfg, "train")
    with open_session(cfg) as session, listening(cfg, session) as listener:
        recipe: Recipe = build_choice(cfg, "training")
        design = Options.of(cfg)
        spec, resumed = forget_spec(cfg.forget), _resume(cfg.resume)
        dataset = load_dataset(cfg, session)
        images, left_out = dataset.train, dict[str, Any](forget=None, forget_options=session.record.config["forget"])
        if spec is not None:
            split = resolve_split(spec, dataset, session)
            images, left_out = split.retain_images, forgotten(split, session)
            console.say(f"without {split.words}: {split.describe_sizes()}")
        cfg = suited(cfg, dataset, session)
        recipe = replace(build_choice(cfg, "training"), precision=session.precision)
        seed = session.record.seeds["train"]
        with constructing(seed):
            model = build_model(cfg.model, dataset)
        if isinstance(model, FitsExactly) and is_typed("training", "resume"):
            raise UsageError(
                f"`training` and `resume` must be left out for {type(model).__name__}: its weights have a closed form",
                found=", ".join(key for key in typed() if key.startswith(("training", "resume"))),
                way_out="Leave them out",
            )
        if (said := limits.of_canaries(model, dataset)) and not is_judge(model):
            console.note(said, session.record)
        if design.models:
            return leave_out.train_design(cfg, session, model=model, dataset=dataset, recipe=recipe, options=design)
        initialise(model, seed)
        model.to(session.device)
        about = {
            "dataset": dataset.name,
            "dataset_sha256": session.record.inputs["dataset"]["sha256"],
            "classes": sorted(dataset.class_names),
            "attributes": list(dataset.attribute_names),
            **left_out,
            **code_of(model),
            "seed": seed,
            "recipe": recipe.facts(),
            "n": len(images),
        }
        unseen = dataset.heldout if spec is None else dataset.heldout[slice(0)]  # of what was left out it cannot know
        return _train(session, listener, model, images, unseen, recipe=recipe, about=about, resumed=resumed)


def _train(
    session: Session,
    listener: Listener,
    model: Any,
    images: Images,
    unseen: Images,
    *,
    recipe: Recipe,
    about: dict[str, Any],
    resumed: Path | None,
) -> None:
    state = session.folder / STATE
    identity = {k: about.get(k) for k in IDENTITY} | {"architecture": architecture(model)}
    identity |= noted_codes(codes_of(resumed or state), about, session)
    history = History()
    try:
        with console.training_bar(type(model).__name__) as on_progress, session.stage("train"):
            history = train_or_solve(
                model,
                images,
                recipe,
                seed=about["seed"],
                state=state,
                resume=resumed,
                identity=identity,
                on_progress=listener.epochs(history, on_progress),
                history=history,
            )
    except BaseException as error:
        if history.losses:
            _export(session, model, history, recipe, {**about, "interrupted_after_epoch": len(history.losses)})
            if state.exists() and not isinstance(error, NonFiniteError):  # the same recipe would end there again
                console.say(f"the state after epoch {len(history.losses)} is kept; go on with resume=", session.folder)
        raise
    path = _export(session, model, history, recipe, about)
    found = load_checkpoint(path)
    check_weights_suffice(found.model, images.pixels.shape[1:], path, trained=model)
    write_folder(session, found.model, "model")
    session.agree()
    if said := undertrained(found.model, unseen, recipe):
        console.note(said, session.record)
    state.unlink(missing_ok=True)
    session.complete()
    judge = is_judge(found.model)
    said = f"trained {type(found.model).__name__} in {seconds(history.seconds)}: "
    console.console.print(Text(said + ended(found.model, history.losses, is_judge=judge), style="bold"))
    option = "judge.cnn.path" if judge else "checkpoint.path"
    console.say(f"use it with {option}=", path)


def is_judge(model: Any) -> bool:
    """Whether it names what images show; a generator makes them."""
    return isinstance(model, JudgeCnn | AttributeCnn) or not isinstance(model, Samples)


def _export(session: Session, model: Any, history: History, recipe: Recipe, about: dict[str, Any]) -> Path:
    path = session.folder / "model.safetensors"
    sha256 = save_checkpoint(path, model, about={**about, "loss": history.losses[-1]})
    rate = (len(history.losses) - history.resumed_at_epoch) * about["n"] / max(history.seconds, 1e-9)
    session.record.training = {
        "losses": history.losses,
        "epochs": recipe.epochs,
        "resumed_at_epoch": history.resumed_at_epoch,
        "images_per_second": round(rate, 1),
    }
    kind = "judge" if is_judge(model) else "generator"
    session.record.outputs["model"] = {"path": path.name, "sha256": sha256, "class": type(model).__name__, "kind": kind}
    return path


def _resume(value: object) -> Path | None:
    if value is None:
        return None
    path = Path(str(value)).expanduser()
    path = path / STATE if path.is_dir() else path
    if not path.is_file():
        raise CheckpointError(
            f"`resume` must be the folder of an unfinished `gsu train` run, with its {STATE}",
            found=value,
            way_out="Start anew without resume: finished runs and those killed in their first epoch have no state",
        )
    return path
