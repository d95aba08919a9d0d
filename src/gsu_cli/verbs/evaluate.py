"""``gsu evaluate``: measures an earlier run again, or any checkpoint, with any metrics and judges."""

from __future__ import annotations

from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from gsu_cli.data.base import Dataset
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.report.validate import validated
from gsu_cli.run.record import Record, read_record
from gsu_cli.verbs import console, earlier_run, settings, weights_file
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.build import chosen
from gsu_cli.verbs.line_keys import PLANTED, is_typed, taken_away, typed
from gsu_cli.verbs.measure import Plan, measure
from gsu_cli.verbs.opening_data import load_dataset, resolve_split
from gsu_cli.verbs.opening_session import forget_spec, open_session
from gsu_cli.verbs.opening_weights import check_files
from gsu_cli.verbs.pipeline_folder import is_pipeline_folder
from gsu_cli.verbs.progress import listening
from gsu_cli.verbs.unlearn import finish

OF_THE_RUN = ("dataset", "forget", "judge", "metric", "evaluation", "seed", "seeds")


def main(cfg: DictConfig) -> None:
    """Runs the verb."""
    settings.check(cfg, "evaluate")
    if (cfg.run is None) == (cfg.checkpoint.path is None):
        raise UsageError(
            "exactly one of `run` and `checkpoint.path` must be set",
            found="both" if cfg.run is not None else "neither",
            way_out="For example `gsu evaluate run=outputs/unlearn/<date>/<time>`, see `gsu show runs`",
        )
    run = None if cfg.run is None else Path(str(cfg.run)).expanduser()
    if run is not None:
        record = validated(read_record(run), run)
        cfg = as_the_run_did(cfg, record)
        chosen(cfg, "dataset")
        earlier_run.find_judges(cfg, record)
    elif cfg.get("model") is None and not is_pipeline_folder(cfg.checkpoint):
        weights_file.take_forget_options(cfg)
    check_files(cfg)
    with open_session(cfg) as session, listening(cfg, session):
        spec, plan = forget_spec(cfg.forget), Plan.of(cfg)
        dataset = load_dataset(cfg, session) if run is None else earlier_run.load_data(cfg, record, session)
        split = resolve_split(spec, dataset, session) if spec else nothing_forgotten(dataset)
        if run is None:
            inputs = RunInputs(session, split, weights_file.open_subject(cfg, split, session), split)
        else:
            inputs = earlier_run.inputs(record, run if run.is_dir() else run.parent, split, session)
        plan.check(inputs.first.model)
        if run is None:
            inputs = inputs.with_references(cfg if spec else None)
        else:
            inputs = earlier_run.with_references(inputs, cfg, record, run if run.is_dir() else run.parent)
        context = plan.context(inputs)
        if run is not None:
            earlier_run.check_judges(context, record)
        with console.work_bar("evaluate") as on_progress:
            generated = measure(plan, context, session, inputs.subjects(), on_progress)
        finish(inputs, generated)


def nothing_forgotten(dataset: Dataset) -> Split:
    """The split of a plain evaluation: everything is retained."""
    none = torch.empty(0, dtype=torch.int64)
    every, heldout = torch.arange(len(dataset.train)), torch.arange(len(dataset.heldout))
    return Split(dataset, none, every, none, heldout)


def as_the_run_did(cfg: DictConfig, record: Record) -> DictConfig:
    """The run's own config for all that decides a number; what was typed on this line wins, key by key."""
    words = typed()
    if other := [
        name for name in words if name.split(".")[0] in ("checkpoint", "model") and name != "checkpoint.retrained"
    ]:
        raise UsageError(
            "`run` names the weights, so the line may not",
            found=other[0],
            way_out=f"Leave {other[0]}= out, or measure other weights with `gsu evaluate checkpoint.path=...`",
        )
    whole = {key for key in words if "." not in key}
    if not isinstance(record.config.get("dataset"), dict) and "dataset" not in whole:
        raise UsageError(
            "the record of `run` must hold the config that it ran with",
            found="no `config.dataset` in it",
            way_out="Take the one that the run wrote, or measure weights with `gsu evaluate checkpoint.path=FILE`",
        )
    gone = taken_away()
    if "seed" in whole:
        whole.add("seeds")  # the run's seeds are values by now and would hide the one typed
    line = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    for key in OF_THE_RUN:
        if key not in whole and key in record.config:
            cfg[key] = record.config[key]
            if key == "dataset":  # records name no options of canaries where none are planted
                cfg[key] = {**{name: line[key][name] for name in PLANTED if name in line[key]}, **cfg[key]}
            for name in (name for name in words if name.startswith(f"{key}.")):
                if name in gone:
                    _take_away(cfg, name)
                else:
                    OmegaConf.update(cfg, name, OmegaConf.select(line, name))
    then = record.config.get("seeds") or {}
    for name in (name for name in ("train", "unlearn") if name in then and not is_typed(f"seeds.{name}")):
        cfg.seeds[name] = then[name]  # what was chosen to be forgotten stays so under a new seed of the latents
    return cfg


def _take_away(cfg: DictConfig, name: str) -> None:
    """Without one key, where it is there: ``~metric.identity``."""
    section, _, key = name.rpartition(".")
    found = OmegaConf.select(cfg, section)
    if isinstance(found, DictConfig):
        found.pop(key, None)
