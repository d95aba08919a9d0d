"""``gsu evaluate``: measures an earlier run again, or any checkpoint, with any metrics and judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gsu_cli.data.base import Dataset
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint
from gsu_cli.run.record import Record, read_record
from gsu_cli.run.session import Session
from gsu_cli.verbs import console, parts
from gsu_cli.verbs.listening import listening
from gsu_cli.verbs.measure import Plan, measure
from gsu_cli.verbs.unlearn import finish

OF_THE_RUN = ("dataset", "forget", "judge", "metric", "evaluation", "seed", "seeds")


def main(cfg: DictConfig) -> None:
    """Runs the verb."""
    if (cfg.run is None) == (cfg.checkpoint.path is None):
        raise UsageError(
            "exactly one of `run` and `checkpoint.path` must be set",
            found="both" if cfg.run is not None else "neither",
            way_out="For example `gsu evaluate run=outputs/unlearn/<date>/<time>`, see `gsu show runs`",
        )
    earlier = read_record(Path(str(cfg.run)).expanduser()) if cfg.run is not None else None
    if earlier is not None:
        cfg = _as_the_run_did(cfg, earlier)
    elif cfg.get("model") is None:
        _take_forget_options(cfg)
    with parts.open_session(cfg) as session, listening(cfg, session):
        spec, plan = parts.forget_spec(cfg.forget), Plan.of(cfg)
        dataset = parts.load_dataset(cfg, session)
        split = parts.resolve_split(spec, dataset, session) if spec else nothing_forgotten(dataset)
        if earlier is not None:
            subjects = _of_run(Path(str(cfg.run)).expanduser(), earlier, dataset, session)
        else:
            checkpoint = parts.open_checkpoint(cfg, dataset, session)
            name = "unlearned" if "method" in checkpoint.about else "original"
            subjects = {name: checkpoint}
            twin = parts.open_twin(cfg, checkpoint, split, session) if spec else None
            if twin is not None:
                subjects["retrained"] = twin
        scene = plan.scene(split, session)
        with console.work_bar("evaluate") as on_progress:
            drawn = measure(plan, scene, session, subjects, on_progress)
        finish(session, split, drawn)


def nothing_forgotten(dataset: Dataset) -> Split:
    """The split of a plain evaluation: everything is retained."""
    none = torch.empty(0, dtype=torch.int64)
    every, heldout = torch.arange(len(dataset.train)), torch.arange(len(dataset.heldout))
    return Split(dataset, ForgetSpec(), none, every, none, heldout)


def _as_the_run_did(cfg: DictConfig, earlier: Record) -> DictConfig:
    """The run's own config for all that decides a number; what was typed on this line wins, key by key."""
    typed = [str(word).lstrip("+~").split("=")[0].split("@")[0] for word in HydraConfig.get().overrides.task]
    whole = {key for key in typed if "." not in key}
    if "seed" in whole:
        whole.add("seeds")  # the run's seeds are values by now and would hide the one typed
    line = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    for key in OF_THE_RUN:
        if key not in whole and key in earlier.config:
            cfg[key] = earlier.config[key]
            for name in (name for name in typed if name.startswith(f"{key}.")):
                OmegaConf.update(cfg, name, OmegaConf.select(line, name))
    if "paths.data_dir" in typed and "data_dir" in cfg.dataset:
        cfg.dataset.data_dir = line.paths.data_dir  # the run's is a value by now
    return cfg


def _of_run(folder: Path, earlier: Record, dataset: Dataset, session: Session) -> dict[str, Checkpoint]:
    """The checkpoints that the run measured; refused when one has changed since."""
    folder = folder if folder.is_dir() else folder.parent
    subjects: dict[str, Checkpoint] = {}
    for name, key in (("original", "checkpoint"), ("unlearned", None), ("retrained", "retrained")):
        facts: dict[str, Any] | None = earlier.inputs.get(key) if key else earlier.outputs.get(name)
        if facts is None:
            continue
        path = Path(facts["path"])
        found = load_checkpoint(path if key and path.is_file() else folder / path.name, shape=dataset.shape)
        if found.sha256 != facts["sha256"]:
            raise CheckpointError(
                f"the {name} weights must be those that the run measured",
                found=f"other bytes in {found.path}",
                way_out="Evaluate the file itself with checkpoint.path=",
            )
        found.model.to(session.device)
        subjects[name] = found
        session.record.inputs[key or name] = parts.describe(found)
    if not subjects:
        raise UsageError(
            "`run` must be a run with weights to measure",
            found=f"{earlier.verb}, {earlier.status}",
            way_out="Measure a trained model with checkpoint.path=<folder>/model.safetensors",
        )
    return subjects


def _take_forget_options(cfg: DictConfig) -> None:
    """A checkpoint made by `gsu unlearn` knows what it was made to forget; used unless something is typed."""
    if parts.forget_spec(cfg.forget) is None:
        options = load_checkpoint(Path(str(cfg.checkpoint.path)).expanduser()).about.get("forget_options") or {}
        for key, value in options.items():
            if value is not None:
                cfg.forget[key] = value
