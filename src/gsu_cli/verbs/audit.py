"""``gsu audit``: an earlier run of ``gsu unlearn`` under probes that say whether it forgot, too little or too much."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gsu_cli.audit.base import RETRAINED, UNLEARNED, Audited, Case, Probe, Result, null
from gsu_cli.audit.findings import findings, plain, write_findings
from gsu_cli.audit.leave_out import read_design
from gsu_cli.checks import as_int
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.models.protocols import HasLatents, HasLoss, HasNoise, lacking
from gsu_cli.report.audit import render
from gsu_cli.report.doubts import doubts
from gsu_cli.report.figures.audit import figures
from gsu_cli.report.figures.files import write_figure
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.run.record import Record, read_record
from gsu_cli.verbs import console, earlier_run, settings
from gsu_cli.verbs.build import build_several, chosen
from gsu_cli.verbs.design import check_design
from gsu_cli.verbs.evaluate import as_the_run_did
from gsu_cli.verbs.finished_probes import FinishedProbes
from gsu_cli.verbs.judging import build_judges
from gsu_cli.verbs.made_once import workers_of
from gsu_cli.verbs.measure import Plan
from gsu_cli.verbs.opening_data import resolve_split
from gsu_cli.verbs.opening_session import forget_spec, open_session
from gsu_cli.verbs.opening_weights import check_files
from gsu_cli.verbs.siblings import siblings
from gsu_cli.verbs.unlearned_siblings import check_unlearned, unlearned_siblings

LEAST = {"images": 2, "repeats": 1, "references": 0, "unlearned": 0}


def main(cfg: DictConfig) -> None:
    """Runs the verb."""
    settings.check(cfg, "audit")
    run = _run(cfg)
    record = read_record(run)
    _check_run(record)
    numbers = {key: as_int(key, cfg[key], least) for key, least in LEAST.items()}
    workers_of(cfg.workers)
    cfg = as_the_run_did(cfg, record)
    chosen(cfg, "dataset")
    earlier_run.find_judges(cfg, record)
    check_files(cfg)
    design = None if cfg.design is None else read_design(Path(str(cfg.design)).expanduser())
    probes = build_several(cfg, "audit")
    if not probes:
        raise UsageError("`audit` must name at least one probe", found="none", way_out="See `gsu show probes`")
    folder = run if run.is_dir() else run.parent
    with open_session(cfg) as session:
        plan = Plan(2, {}, build_judges(cfg), _guidance(record))
        spec = forget_spec(cfg.forget)
        if spec is None:
            raise UsageError(
                "`gsu audit` must know what was forgotten",
                found="no forget.*",
                way_out="Leave out forget: the run says it",
            )
        split = resolve_split(spec, earlier_run.load_data(cfg, record, session), session)
        inputs = earlier_run.inputs(record, folder, split, session)
        lacks = {
            name: lacking(inputs.first.model, getattr(probe, "needs", (HasLoss,))) for name, probe in probes.items()
        }
        if all(lacks.values()):
            raise UsageError(
                f"a probe of `gsu audit` must suit the model: {(name := next(iter(lacks)))} needs {lacks[name][0]}",
                found=type(inputs.first.model).__name__,
                way_out=_remaining(inputs.first.model, run),
            )
        inputs = earlier_run.with_references(inputs, cfg, record, folder)
        check_unlearned(numbers["unlearned"], numbers["references"], probes, inputs)
        context = plan.context(inputs)
        check_design(design, cfg.design, inputs)
        more = siblings(cfg, inputs, numbers["references"])
        others = unlearned_siblings(cfg, record, inputs, numbers["unlearned"])
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
                repeats=numbers["repeats"],
                most=numbers["images"],
                on_progress=on_progress,
                design=design,
            )
            finished = FinishedProbes.of(cfg, case, probes, session)
            results = _results(case, probes, lacks, finished)
        known = (split.dataset.note, *session.record.notes, *doubts(record, results))
        about = [note for note in dict.fromkeys(known) if note]
        found = findings(case, results, {"run": record.command, "audit": session.record.command}, about)
        session.record.inputs["run"] = {"path": str(folder.absolute()), "command": record.command}
        session.record.outputs["audit"] = {"path": write_findings(session.folder, found).name}
        for name, figure in figures(found).items():
            path = session.folder / f"{name}.svg"
            write_figure(path, figure)
            session.record.outputs[f"figure_{name}"] = {"path": path.name}
        session.record.status = "done"
        session.save()
        finished.remove()
        render(found, session.folder, console.console, console.said())


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


def _remaining(model: object, run: Path) -> str:
    """What can be typed instead for a model without a loss."""
    if isinstance(model, HasLatents | HasNoise):
        return "Type audit=[search], which searches its noise and needs no loss"
    return f"Measure what it generates with `gsu evaluate run={run}`"


def _run(cfg: DictConfig) -> Path:
    if cfg.run is None:
        raise UsageError(
            "`run` must name the folder of an unlearn run",
            found="null",
            way_out="For example `gsu audit run=outputs/unlearn/<date>/<time>`, see `gsu show runs`",
        )
    return Path(str(cfg.run)).expanduser()


def _check_run(record: Record) -> None:
    if record.verb == "audit" and (of := (record.inputs.get("run") or {}).get("path")):
        raise UsageError(
            "`run` must be a run of `gsu unlearn`",
            found="an audit of one",
            way_out=f"Type run={of} to audit that run again, or read this audit with `gsu report`",
        )
    if record.verb != "unlearn" or record.status != "done" or UNLEARNED not in record.outputs:
        raise UsageError(
            "`run` must be a finished run of `gsu unlearn` with weights",
            found=f"one of `gsu {record.verb}` ({record.status})",
            way_out="See `gsu show runs filter.verb=unlearn`",
        )


def _guidance(record: Record) -> float | None:
    """At which guidance the run was measured: an audit generates as the run did."""
    found = (record.config.get("evaluation") or {}).get("guidance")
    return None if found is None else float(found)


def _audited(name: str, checkpoint: Checkpoint) -> Audited:
    return Audited(name, checkpoint.model, checkpoint.sha256)
