"""The one protocol: the same latents through every subject, the same judges and metrics on the same weights."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gsu_cli.checks import as_int
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import Checked, EvaluationContext, HasFloor, Metric
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.real_images import heldout_images
from gsu_cli.evaluation.samples import generate_samples, reconstructions
from gsu_cli.evaluation.trust import trust_report
from gsu_cli.judges.base import Judge, JudgeSpec, Unavailable, label_of
from gsu_cli.models.conditions import conditions_of
from gsu_cli.models.diffusion.guidance import check_guidance
from gsu_cli.models.generating import watching
from gsu_cli.models.model import reconstructs
from gsu_cli.models.protocols import HasGuidance
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.run.measured_cache import cache_in
from gsu_cli.run.own_names import check_name
from gsu_cli.run.record import Measurement
from gsu_cli.run.session import Session
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.build import build_several
from gsu_cli.verbs.judge_output import check_output
from gsu_cli.verbs.judging import build_judges, usual_label
from gsu_cli.verbs.metric_output import check_once, measured
from gsu_cli.verbs.references import note_judges

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How to measure: built from the config before anything is loaded, so that a slip costs no waiting.

    Attributes:
        samples: samples per subject.
        guidance: of conditional diffusion models while they are measured; None: their own.
        kept: folder of what recurs in other runs, see `cached_tensors`; None keeps nothing.
        metrics: by name, in the order of the table.
        judges: by name; what a yaml of the group ``judge`` builds.
    """

    samples: int
    metrics: Mapping[str, Metric]
    judges: Mapping[str, JudgeSpec]
    guidance: float | None = None
    kept: Path | None = None

    @classmethod
    def of(cls, cfg: DictConfig) -> Plan:
        """The plan in ``judge``, ``metric`` and ``evaluation`` of a config.

        Raises:
            UsageError: an option of these is wrong.
        """
        samples = as_int("evaluation.samples", cfg.evaluation.samples, 2)
        guidance = cfg.evaluation.get("guidance")
        if guidance is not None:
            check_guidance(guidance, 1, "evaluation.guidance")
        return cls(samples, build_several(cfg, "metric"), build_judges(cfg), guidance, _kept(cfg.paths.measured_dir))

    def check(self, model: object) -> None:
        """Before any work: whether ``model`` can be measured so.

        Raises:
            UsageError: guidance, of a model that knows none, or never met an image without its condition.
        """
        if self.guidance is not None:
            guidable = conditions_of(model) if isinstance(model, HasGuidance) else 0
            drop = getattr(model, "drop", None) if guidable else None
            check_guidance(self.guidance, guidable, "evaluation.guidance", drop=drop)

    def guide(self, model: Any) -> None:
        """Sets the guidance of a model that is about to be measured."""
        if self.guidance is not None:
            model.guidance = self.guidance

    def context(self, inputs: RunInputs) -> EvaluationContext:
        """Judges made ready for the data set; those that cannot be had are noted with the reason.

        Raises:
            UsageError: an option of a metric does not suit the data set.
        """
        split, session = inputs.measured_on, inputs.session
        for metric in self.metrics.values():
            if isinstance(metric, Checked):
                metric.check(split.dataset)
        ready: dict[str, Judge] = {}
        unavailable: dict[str, str] = {}
        labels = {name: label_of(spec, usual_label(spec, name)) for name, spec in self.judges.items()}
        seed = session.record.seeds["evaluate"]
        with session.stage("load"):
            for name, spec in self.judges.items():
                try:
                    ready[name] = spec.prepare(split.judged, seed=seed)
                    _check_judge(ready, name)
                    check_output(ready[name], name, split.judged)
                    labels[ready[name].name] = label_of(ready[name], labels[name])
                except Unavailable as e:
                    unavailable[name] = str(e)
        context = EvaluationContext(split, ready, unavailable, seed, labels=labels)
        note_judges(context, inputs.first, session)
        return context


def _kept(folder: object) -> Path | None:
    if folder is None:
        return None
    path = os.path.expanduser(str(folder))  # unlike Path's it never raises, nor do those of os.path below
    if os.path.exists(path) and not os.path.isdir(path):
        raise UsageError(
            "`paths.measured_dir` must be a folder",
            found=f"{path}, which is none",
            way_out="Name another one, or null, which keeps nothing.",
        )
    return Path(path)


def measure(
    plan: Plan,
    context: EvaluationContext,
    session: Session,
    checkpoints: Mapping[str, Checkpoint],
    on_progress: Callable[[int, int, str], None],
) -> dict[str, EvaluatedModel]:
    """Measures each checkpoint (keys: "original", "unlearned", "retrained") and real data, into the record.

    Args:
        plan: samples and metrics.
        context: split and judges, from the same plan.
        session: gets the measurements and the judges' trust reports.
        checkpoints: subjects by name, in the order of the table.
        on_progress: called with (done, all, what).

    Returns:
        The subjects, for pictures.
    """
    steps = (len(checkpoints) + 1) * max(len(plan.metrics), 1) + len(checkpoints) + 1
    done = 0

    def tick(what: str) -> None:
        nonlocal done
        done += 1
        on_progress(done, steps, what)

    with session.stage("evaluate"), cache_in(plan.kept) as cache:
        subjects: dict[str, EvaluatedModel] = {}
        for name, c in checkpoints.items():
            plan.guide(c.model)
            with watching(_rate(name, plan.samples, lambda what: on_progress(done, steps, what))):
                pixels = generate_samples(c.model, plan.samples, context.seed)
            subjects[name] = EvaluatedModel(name, pixels, c.model, c.sha256)
            tick(f"generated {plan.samples:,} samples of {name}")
        context.original, context.retrained = subjects.get("original"), subjects.get("retrained")
        everything, real = heldout_images(context.split)
        context.heldout = everything
        session.record.judges = _trust(context, everything, next(iter(subjects.values())))
        tick("judges checked")
        found: list[Measurement] = []
        for subject in (*subjects.values(), real):
            for name, metric in plan.metrics.items():
                if subject is not real or (isinstance(metric, HasFloor) and metric.of_real_images):
                    more = measured(metric, name, subject, context)
                    check_once(found, more, name)
                    found += more
                tick(f"{name} of {subject.name}")
        session.record.measurements = found
        session.record.transitions = context.notes.get("transitions", {})
    if cache.folder is not None:
        log.info(
            "%d parts of the measurements were read from %s, %d worked out", cache.read, cache.folder, cache.worked_out
        )
        session.record.inputs["measured"] = {
            "folder": str(cache.folder.absolute()),
            "read": cache.read,
            "worked_out": cache.worked_out,
        }
    return subjects


def _check_judge(ready: Mapping[str, Judge], key: str) -> None:
    """Whether the judge at ``key`` has a name of its own: by it is remembered what it said of the images.

    Raises:
        UsageError: another one of the line has the name, or it is the name of one that ships.
    """
    name = ready[key].name
    if other := next((k for k, judge in ready.items() if k != key and judge.name == name), None):
        raise UsageError(
            "each judge needs a name of its own, since tables file numbers by it",
            found=f"`{name}` of judge.{other} and of judge.{key}",
            way_out=f"Leave one of them out, for example with ~judge.{key}, and measure again with the other",
        )
    if name != key:  # in the place of one that ships it was put by the line
        check_name(name, ready[key], "judge")


def _rate(name: str, samples: int, say: Callable[[str], None]) -> Callable[[float], None]:
    """For `watching`: how many samples there are of a model that makes them step by step, and how many a second."""
    started = time.perf_counter()

    def heard(images: float) -> None:
        rate = images / max(time.perf_counter() - started, 1e-9)
        say(f"{images:,.0f} of {samples:,} samples of {name}, {rate:,.0f} images/s")

    return heard


def _trust(context: EvaluationContext, everything: EvaluatedModel, first: EvaluatedModel) -> list[dict[str, Any]]:
    heldout = context.split.dataset.heldout
    generated = reconstructions(first.model, heldout) if reconstructs(first.model) else None
    rows: list[dict[str, Any]] = [
        {"name": name, "label": context.labels.get(name, name), "unavailable": why}
        for name, why in context.unavailable.items()
    ]
    for judge in context.judges.values():
        report = trust_report(judge, context.split, generated, first, real=everything)
        trust = {k: None if m is None else asdict(m) for k, m in report.items()}
        data = context.split.judged
        among = {} if data.attribute_names else {"classes": len(data.class_names)}  # what a guess would be right on
        label = {"label": context.labels.get(judge.name, judge.name)}
        rows.append({**judge.provenance(), **label, **among, "trust": trust})
    return rows
