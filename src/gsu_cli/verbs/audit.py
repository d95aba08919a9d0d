"""``gsu audit``: an earlier run of ``gsu unlearn`` under probes that say whether it forgot, too little or too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from gsu_cli.audit.base import RETRAINED, UNLEARNED, Audited, Case, Probe, Result, null
from gsu_cli.audit.differences import same_weights
from gsu_cli.audit.findings import findings, plain, write_findings
from gsu_cli.errors import NonFiniteError
from gsu_cli.report.audit import render
from gsu_cli.report.audit_doubts import doubts
from gsu_cli.report.figures.audit import figures
from gsu_cli.report.figures.files import write_figure
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.run.record import Record
from gsu_cli.run.session import Session
from gsu_cli.verbs import console, earlier_run, settings
from gsu_cli.verbs.audit_asked import Asked
from gsu_cli.verbs.design import check_design
from gsu_cli.verbs.finished_probes import FinishedProbes
from gsu_cli.verbs.judging import build_judges
from gsu_cli.verbs.measure import Plan
from gsu_cli.verbs.opening_session import open_session
from gsu_cli.verbs.retrained_siblings import siblings
from gsu_cli.verbs.unlearned_siblings import check_unlearned, unlearned_siblings

ALONE = "no retrained model is known to compare with: references=1 trains one"


def main(cfg: DictConfig) -> None:
    """Runs the verb."""
    settings.check(cfg, "audit")
    asked = Asked.of(cfg)
    with open_session(asked.cfg) as session:
        plan = Plan(2, {}, build_judges(asked.cfg), _guidance(asked.record))
        split = asked.split(session)
        inputs = earlier_run.inputs(asked.record, asked.folder, split, session)
        lacks = asked.lacks(inputs.first.model)
        inputs = earlier_run.with_references(inputs, asked.cfg, asked.record, asked.folder)
        check_unlearned(asked.numbers["unlearned"], asked.numbers["references"], asked.probes, inputs)
        context = plan.context(inputs)
        check_design(asked.design, asked.cfg.design, inputs)
        more = siblings(asked.cfg, inputs, asked.numbers["references"])
        others = unlearned_siblings(asked.cfg, asked.record, inputs, asked.numbers["unlearned"])
        if not more and RETRAINED not in inputs.subjects():
            console.note(ALONE, session.record)
        with console.work_bar("audit") as on_progress, session.stage("audit"):
            subjects = inputs.subjects()
            for c in [*subjects.values(), *more, *others]:
                plan.guide(c.model)
            if RETRAINED not in subjects and more:
                subjects[RETRAINED], *more = more  # of the run's own recipe and data: as good a goal as any
            case = Case(
                split=inputs.measured_on,
                models={name: _audited(name, c) for name, c in subjects.items()},
                references=[_audited(f"retrained {k + 2}", c) for k, c in enumerate(more)],
                unlearned=[_audited(f"unlearned {k + 2}", c) for k, c in enumerate(others)],
                context=context,
                repeats=asked.numbers["repeats"],
                most=asked.numbers["images"],
                on_progress=on_progress,
                design=asked.design,
            )
            for line in same_weights(case):
                console.note(line, session.record)
            finished = FinishedProbes.of(asked.cfg, case, asked.probes, session)
            results = _results(case, asked.probes, lacks, finished)
        found = _written(asked, case, results, split.dataset.note, session)
        session.complete()
        finished.remove()
        render(found, session.folder, console.console, console.said())


def _written(
    asked: Asked, case: Case, results: dict[str, dict[str, Any]], note: str, session: Session
) -> dict[str, Any]:
    """The findings, written beside the record with their pictures."""
    known = (note, *session.record.notes, *doubts(asked.record, results))
    about = [line for line in dict.fromkeys(known) if line]
    commands = {"run": asked.record.command, "audit": session.record.command}
    found = findings(case, results, commands, about)
    session.record.inputs["run"] = {"path": str(asked.folder.absolute()), "command": asked.record.command}
    session.record.outputs["audit"] = {"path": write_findings(session.folder, found).name}
    for name, figure in figures(found).items():
        path = session.folder / f"{name}.svg"
        write_figure(path, figure)
        session.record.outputs[f"figure_{name}"] = {"path": path.name}
    return found


def _results(
    case: Case, probes: Mapping[str, Probe], lacks: Mapping[str, list[str]], finished: FinishedProbes
) -> dict[str, dict[str, Any]]:
    """By probe, what it finds or has found before this audit was stopped; where the model ``lacks`` something, that."""
    results = {name: found for name in probes if (found := finished.read(name)) is not None}
    if results:
        console.say(f"{len(results)} of {len(probes)} probes were finished earlier: {', '.join(results)}")
    try:
        for k, (name, probe) in enumerate(probes.items()):
            case.on_progress(k, len(probes), name)
            if lacks[name]:
                results[name] = plain(Result([null(name, case.models[UNLEARNED], f"the model lacks {lacks[name][0]}")]))
            elif name not in results:
                results[name] = plain(_probed(probe, case))
                finished.write(name, results[name])
    except BaseException:
        if finished.used:
            console.say(f"{len(finished.used)} of {len(probes)} probes are finished; the same line goes on from there")
        raise
    return {name: results[name] for name in probes}


def _probed(probe: Probe, case: Case) -> Result:
    """What a probe finds; a model that a method has blown up is a finding, and the other probes count."""
    try:
        return probe(case)
    except NonFiniteError as e:
        return Result([null("probe", case.models[UNLEARNED], str(e).rstrip("."))])


def _guidance(record: Record) -> float | None:
    """At which guidance the run was measured: an audit generates as the run did."""
    found = (record.config.get("evaluation") or {}).get("guidance")
    return None if found is None else float(found)


def _audited(name: str, checkpoint: Checkpoint) -> Audited:
    return Audited(name, checkpoint.model, checkpoint.sha256)
