"""The trade-off curve: a method at several budgets in one process, each point measured as the run itself is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.protocol.trials import Known
from gsu_cli.report.curve_table import curve_table
from gsu_cli.report.figures.files import write_figure
from gsu_cli.report.formats.terminal import grid
from gsu_cli.report.tradeoff import tradeoff_figure
from gsu_cli.run.seeds import generator
from gsu_cli.run.session import Session
from gsu_cli.run.tensor_files import digest
from gsu_cli.unlearning.unlearn import unlearn
from gsu_cli.verbs import console
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.measure import Plan
from gsu_cli.verbs.protocol import Protocol

FILES = ("curve.png", "curve.svg")


def trace(inputs: RunInputs, protocol: Protocol, plan: Plan, context: EvaluationContext) -> None:
    """Adds a point per budget of ``protocol.curve`` to ``record.curve``.

    Every point starts from the original with the seed of the run, so its weights are those of the method at that
    strength. Budgets learn from each other where to look: the strength is that of a run with that ``protocol.budget``
    within the search's tolerance, and each point's cost counts its own trials alone.
    """
    record, known = inputs.session.record, Known()
    with console.work_bar("curve") as on_progress, inputs.session.stage("curve"):
        for k, budget in enumerate(protocol.curve):
            on_progress(k, len(protocol.curve), f"budget {budget:.3g}")
            model, update = unlearn(
                inputs.first.model,
                inputs.split,
                protocol.at(budget, known),
                generator=generator(record.seeds["unlearn"], "unlearn"),
                recipe=inputs.recipe,
                on_trial=console.say,
                trained_on=inputs.trained_on,
            )
            record.curve.append(_point(plan, context, model, update.details["calibration"]))


def _point(plan: Plan, context: EvaluationContext, model: Any, calibration: dict[str, Any]) -> dict[str, Any]:
    sha256 = digest(model.state_dict())
    plan.guide(model)
    subject = EvaluatedModel("unlearned", generate_samples(model, plan.samples, context.seed), model, sha256)
    found = [asdict(m) for metric in plan.metrics.values() for m in metric(subject, context)]
    return {**calibration, "sha256": sha256, "measurements": found}


def picture(session: Session) -> None:
    """``curve.png`` and ``curve.svg``, from the record."""
    figure = tradeoff_figure(session.record)
    for name in FILES:
        write_figure(session.folder / name, figure)
        session.record.outputs[name.replace(".", "_")] = {"path": name}


def show(session: Session) -> None:
    """The points, and where their picture lies."""
    console.console.print(grid(curve_table(session.record)))
    console.say("their picture is ", session.folder / FILES[0])
