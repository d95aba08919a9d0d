"""Records as `gsu unlearn` writes them, made without running anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from gsu_cli.report.quantities import Quantity
from gsu_cli.run.record import FILE, Record, write_record
from gsu_cli.run.record import Measurement as Plain
from gsu_cli.run.schema import about

JUDGES = [{"name": "cnn", "label": "CNN"}, {"name": "knn", "label": "kNN"}]


def Measurement(name: str, *args, **facts) -> Plain:  # stands in for the class
    """A measurement that says of itself what the metric of that name says."""
    return Plain(name, *args, **{**about(name), **facts})


def cut(judge: str, subject: str = "unlearned") -> Quantity:
    """The relative change of the feature ratio by one judge."""
    return Quantity("change", "feature_ratio", judge, subject, "lower", "share", role="forgetting", place="lead")


def run(
    digit: int = 1,
    seed: int = 1,
    ratio: float | None = 0.05,
    *,
    method: str = "ascent",
    status: str = "done",
    error: str | None = None,
    lr: float = 0.1,
    **more,
) -> Record:
    """A run whose original draws the digit at a ratio of 0.1."""

    def m(name, subject, value, judge=None, **facts):
        reason = None if value is not None else "no judge"
        return Measurement(name, subject, value, n=100, judge=judge, reason=reason, **facts)

    share = {"judge": "cnn", "unit": "share", "better": "lower"}
    measured = [
        m("feature_ratio", "original", 0.1, **share),
        m("feature_ratio", "unlearned", ratio, **share),
        m("identity", "unlearned", 0.25, unit="share", better="lower"),
    ]
    more.setdefault("judges", [*JUDGES])
    return Record(
        "unlearn",
        status=status,
        error=error,
        command=["gsu", "unlearn", f"forget.class={digit}", f"method={method}", f"method.lr={lr:g}", f"seed={seed}"],
        started=f"2026-01-31T12:00:{digit:02}",
        config={
            "dataset": {"name": "mnist"},
            "checkpoint": {"name": "vae", "path": None},
            "method": {"_target_": f"gsu_cli.methods.{method}.X", "lr": lr},
            "forget": {"class": digit, "attribute": None, "sample": None},
        },
        seeds={"train": seed, "unlearn": seed, "evaluate": seed},
        inputs={"dataset": {"name": "mnist", "sha256": "d"}},
        split={"forget": f"class {digit}", "slug": f"class_{digit}"} if status == "done" else {},
        update={"method": method, "details": {"cost": {"gradient_evaluations_per_image": 2.0}}},
        seconds={"unlearn": 3.0},
        measurements=measured if status == "done" else [],
        **more,
    )


def costly(cost: float, ratio: float, **more) -> Record:
    """A run with a retain -ELBO that rises from 100 by ``cost``, relative."""
    record = run(ratio=ratio, **more)
    for subject, value in (("original", 100.0), ("unlearned", 100.0 * (1 + cost))):
        record.measurements.append(
            Measurement("heldout_loss_retain", subject, value, unit="-ELBO, nats", better="lower")
        )
    return record


def lay_out(folder: Path, runs: dict[str, Record | str], *, pictures: bool = True) -> Path:
    """A folder of runs below ``folder``: records, or the text of broken ones; those that are done have a picture."""
    for i, (name, made) in enumerate(runs.items()):
        path = folder / name
        path.mkdir(parents=True)
        if isinstance(made, str):
            (path / FILE).write_text(made, encoding="utf-8")
            continue
        if pictures and made.status == "done":
            made.outputs["samples"] = {"path": "samples.png", "judge": "cnn"}
            pixels = np.random.default_rng(i).integers(0, 255, (40, 60), dtype=np.uint8)
            Image.fromarray(pixels).save(path / "samples.png")
        write_record(path, made)
    return folder
