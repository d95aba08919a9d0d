"""The one protocol: the same latents through every subject, the same judges and metrics on the same weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import torch
from omegaconf import DictConfig

from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.judges.base import Judge
from gsu_cli.metrics.base import Metric, Scene, Subject, data_subject, draw
from gsu_cli.metrics.trust import trust_report
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.run.session import Session
from gsu_cli.verbs.parts import build, prepare_judges

FLOORS = ("feature_ratio", "frechet_distance", "inception_score", "fid")  # what real held-out retain images score


def measure(
    cfg: DictConfig,
    session: Session,
    split: Split,
    checkpoints: Mapping[str, Checkpoint],
    on_progress: Callable[[int, int, str], None],
) -> dict[str, Subject]:
    """Measures each checkpoint (keys: "original", "unlearned", "retrained") and real data, into the record.

    Args:
        cfg: needs ``judge``, ``metric`` and ``evaluation``.
        session: gets the measurements and the judges' trust reports.
        split: forget, retain, held-out.
        checkpoints: subjects by name, in the order of the table.
        on_progress: called with (done, all, what).

    Returns:
        The subjects, for pictures.
    """
    with session.stage("evaluate"):
        return _measure(cfg, session, split, checkpoints, on_progress)


def _measure(
    cfg: DictConfig,
    session: Session,
    split: Split,
    checkpoints: Mapping[str, Checkpoint],
    on_progress: Callable[[int, int, str], None],
) -> dict[str, Subject]:
    record, seed = session.record, session.record.seeds["evaluate"]
    samples = cfg.evaluation.samples
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 2:
        raise UsageError("`evaluation.samples` must be an integer >= 2", found=samples)
    metrics: dict[str, Metric] = {str(name): build(sub) for name, sub in (cfg.get("metric") or {}).items()}
    judges, unavailable = prepare_judges(cfg, split.dataset, session)
    scene = Scene(split, judges, unavailable, seed)
    steps = (len(checkpoints) + 1) * max(len(metrics), 1) + len(checkpoints) + 1
    done = 0

    def tick(what: str) -> None:
        nonlocal done
        done += 1
        on_progress(done, steps, what)

    subjects: dict[str, Subject] = {}
    for name, c in checkpoints.items():
        subjects[name] = Subject(name, draw(c.model, samples, seed), c.model, c.sha256)
        tick(f"drew {samples:,} samples of {name}")
    record.judges = _trust(judges, unavailable, split, next(iter(subjects.values())))
    tick("judges checked")
    real = data_subject(split.heldout_retain_images)
    record.measurements = []
    for subject in (*subjects.values(), real):
        for name, metric in metrics.items():
            if subject is not real or name in FLOORS:
                record.measurements += metric(subject, scene)
            tick(f"{name} of {subject.name}")
    return subjects


def _trust(
    judges: Mapping[str, Judge], unavailable: Mapping[str, str], split: Split, first: Subject
) -> list[dict[str, Any]]:
    heldout = split.dataset.heldout
    drawn = reconstructions(first.model, heldout.floats()) if hasattr(first.model, "posterior") else None
    rows: list[dict[str, Any]] = [{"name": name, "unavailable": why} for name, why in unavailable.items()]
    for judge in judges.values():
        report = {k: None if m is None else asdict(m) for k, m in trust_report(judge, heldout, drawn, first).items()}
        rows.append({**judge.provenance(), "trust": report})
    return rows


@torch.no_grad()
def reconstructions(model: Any, x: torch.Tensor) -> torch.Tensor:
    """Decodings of posterior means, uint8: generated images whose class is known."""
    parts = [model.decode(model.posterior(chunk)[0]) for chunk in x.split(2000)]
    return (torch.cat(parts).clamp(0, 1) * 255).round_().to(torch.uint8)
