"""``gsu unlearn``: data set + checkpoint + forget spec + method -> an unlearned checkpoint, measured and pictured."""

from __future__ import annotations

from collections.abc import Mapping

from omegaconf import DictConfig

from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.report.headline import block
from gsu_cli.report.summary import render, summary_markdown
from gsu_cli.run.files import write_text
from gsu_cli.unlearning.unlearn import check_needs
from gsu_cli.verbs import console, curve, settings, tuning
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.forgetting import made_to_forget, retrained
from gsu_cli.verbs.measure import Plan, measure
from gsu_cli.verbs.opening_session import flag, forget_spec, open_session, plain
from gsu_cli.verbs.opening_weights import check_files
from gsu_cli.verbs.picture import draw_picture
from gsu_cli.verbs.progress import listening
from gsu_cli.verbs.protocol import Protocol
from gsu_cli.verbs.retrained import note_retraining


def main(cfg: DictConfig) -> float | tuple[float, ...] | None:
    """Runs the verb; with ``tune``, what a sweeper looks at."""
    settings.check(cfg, "unlearn")
    check_files(cfg)
    with open_session(cfg) as session, listening(cfg, session):
        spec = forget_spec(cfg.forget)
        if spec is None:
            raise UsageError("something must be forgotten", found="no forget.*", way_out="For example forget.class=1")
        protocol, tuned = Protocol.of(cfg), tuning.quantities(plain(cfg)["tune"])
        plan, may_retrain = Plan.of(cfg), flag(cfg, "retrain")

        def check(model: object, split: Split | None) -> None:
            check_needs(protocol.method(), model, split)
            plan.check(model)

        inputs = RunInputs.of(cfg, spec, session, check)
        if tuned:
            made_to_forget(inputs, protocol.method())
            return tuning.answer(session.record, tuned)
        inputs = inputs.with_references(cfg, may_retrain=may_retrain)
        context = plan.context(inputs)  # before the work: a judge that cannot be had is known at once
        unlearned = made_to_forget(inputs, protocol.method())
        note_retraining(session.record.update["method"], inputs.retrained, session)
        if remark := protocol.remark(session.record.update["method"]):
            session.record.update["details"]["calibration"] = remark
        own = retrained(inputs) if inputs.retrained is None and may_retrain else None
        subjects = inputs.subjects(unlearned=unlearned, retrained=own)
        with console.work_bar("evaluate") as on_progress:
            generated = measure(plan, context, session, subjects, on_progress)
        if protocol.curve:
            curve.trace(inputs, protocol, plan, context)
            curve.picture(session)
        finish(inputs, generated)
        if protocol.curve:
            curve.show(session)
    return None


def finish(inputs: RunInputs, subjects: Mapping[str, EvaluatedModel]) -> None:
    """Picture, summary and closing table, all from the record and the samples in memory."""
    session = inputs.session
    with session.stage("report"):
        draw_picture(session, inputs.measured_on, subjects)
    session.agree()
    session.record.verdict = block(session.record)
    session.record.status = "done"
    session.save()
    write_text(session.folder / "summary.md", summary_markdown(session.record))
    session.complete()
    render(session.record, session.folder, console.console, console.said())
