"""``gsu unlearn``: data set + checkpoint + forget spec + method -> an unlearned checkpoint, measured and pictured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig

from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.methods.retrain import train_from_scratch
from gsu_cli.models.model import copied
from gsu_cli.report.headline import block
from gsu_cli.report.summary import render, summary_markdown
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.seeds import generator
from gsu_cli.run.session import Session
from gsu_cli.unlearning.unlearn import check_needs, unlearn
from gsu_cli.verbs import assemble, console, curve, references, settings, tuning
from gsu_cli.verbs.measure import Plan, measure
from gsu_cli.verbs.picture import draw_picture
from gsu_cli.verbs.progress import listening
from gsu_cli.verbs.protocol import Protocol


def main(cfg: DictConfig) -> float | tuple[float, ...] | None:
    """Runs the verb; with ``tune``, what a sweeper looks at."""
    settings.check(cfg, "unlearn")
    with assemble.open_session(cfg) as session, listening(cfg, session):
        spec = assemble.forget_spec(cfg.forget)
        if spec is None:
            raise UsageError("something must be forgotten", found="no forget.*", way_out="For example forget.class=1")
        protocol, tuned = Protocol.of(cfg), tuning.quantities(assemble.plain(cfg)["tune"])
        plan, may_retrain = Plan.of(cfg), assemble.flag(cfg, "retrain")
        if (early := assemble.peek(cfg)) is not None:
            check_needs(protocol.method(), early)  # before the data
        dataset = assemble.load_dataset(cfg, session)
        split = assemble.resolve_split(spec, dataset, session)
        console.say(split.describe_sizes())
        original = assemble.open_checkpoint(cfg, dataset, session)
        check_needs(protocol.method(), original.model)
        plan.check(original.model)
        if tuned:
            _unlearn(session, protocol.method(), original, split)
            return tuning.answer(session.record, tuned)
        seen = references.reference(split, original, session)
        reference = references.open_reference(cfg, original, seen, session)
        if reference is None and may_retrain:
            references.check_retrain(original, session)
        context = plan.context(seen, session)  # before the work: a judge that cannot be had is known at once
        references.note_judges(context, original, session)
        subjects = {"original": original, "unlearned": _unlearn(session, protocol.method(), original, split)}
        if remark := protocol.remark(session.record.update["method"]):
            session.record.update["details"]["calibration"] = remark
        if reference is None and may_retrain:
            reference = _retrain(session, original, seen)
        if reference is not None:
            subjects["retrained"] = reference
        with console.work_bar("evaluate") as on_progress:
            generated = measure(plan, context, session, subjects, on_progress)
        if protocol.curve:
            curve.trace(session, protocol, plan, context, original, split)
            curve.picture(session)
        finish(session, seen, generated)
        if protocol.curve:
            curve.show(session)
    return None


def _unlearn(session: Session, method: Any, original: Checkpoint, split: Split) -> Checkpoint:
    record = session.record
    name = str(getattr(method, "name", type(method).__name__))
    with console.work_bar(name) as on_progress:
        model, update = unlearn(
            original.model,
            split,
            method,
            generator=generator(record.seeds["unlearn"], "unlearn"),
            recipe=assemble.recipe_of(original),
            stage=session.stage,
            on_progress=lambda done, total, loss: on_progress(done, total, f"loss {loss:.2f}"),
            on_trial=console.say,
        )
    record.update = asdict(update)
    about = {
        **{k: v for k, v in original.about.items() if k in references.TRAINED},
        **references.forgotten(split, session),
        "method": name,
        "parent": original.sha256,
        "seed": record.seeds["unlearn"],
    }
    path = session.folder / "unlearned.safetensors"
    sha256 = save_checkpoint(path, model, about=about)
    record.outputs["unlearned"] = {"path": path.name, "sha256": sha256}
    found = load_checkpoint(path)  # what is measured is what lies on disk
    found.model.to(session.device)
    return found


def _retrain(session: Session, original: Checkpoint, split: Split) -> Checkpoint:
    recipe = assemble.recipe_of(original)
    assert recipe is not None  # noqa: S101  # `check_retrain` has seen to it
    path = session.folder / "retrained.safetensors"
    with console.training_bar("retrain") as on_progress, session.stage("retrain"):
        seed = session.record.seeds["train"]
        model = copied(original.model)
        history = train_from_scratch(model, split, recipe, seed=seed, on_progress=on_progress)
    about = {
        **{k: v for k, v in original.about.items() if k in references.TRAINED},
        **references.forgotten(split, session, of=references.reference_sha256(session)),
        "dataset_sha256": references.reference_sha256(session),
        "recipe": recipe.facts(),
        "seed": seed,
        "n": split.n_retain,
        "loss": history.losses[-1],
    }
    save_checkpoint(path, model, about=about)
    found = load_checkpoint(path)
    found.model.to(session.device)
    session.record.outputs["retrained"] = {"path": path.name, "sha256": found.sha256}
    session.record.inputs["retrained"] = assemble.describe(found)
    return found


def finish(session: Session, split: Split, subjects: Mapping[str, EvaluatedModel]) -> None:
    """Picture, summary and closing table, all from the record and the samples in memory."""
    with session.stage("report"):
        draw_picture(session, split, subjects)
    session.agree()
    session.record.verdict = block(session.record)
    session.record.status = "done"
    session.save()
    write_text(session.folder / "summary.md", summary_markdown(session.record))
    render(session.record, session.folder, console.console)
