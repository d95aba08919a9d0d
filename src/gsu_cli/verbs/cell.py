"""One cell of a table: its config composed, its identity, and its run in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import run_job
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from gsu_cli import __version__
from gsu_cli.audit.findings import FILE as FINDINGS
from gsu_cli.data.base import Dataset
from gsu_cli.errors import CheckpointError, GsuError, UsageError
from gsu_cli.run.checkpoints import missing
from gsu_cli.run.device import choose
from gsu_cli.run.files import sha256_of
from gsu_cli.run.folder_words import chosen_with
from gsu_cli.run.own_code import classes_in, of_config
from gsu_cli.run.pretrained import shipped
from gsu_cli.run.record import FILE, Measurement, Record, read_record, write_record
from gsu_cli.run.seeds import generator
from gsu_cli.run.typed_line import quoted
from gsu_cli.tables.cell import Cell
from gsu_cli.tables.store import Store, content_key, files_in
from gsu_cli.verbs import audit, settings, train, unlearn
from gsu_cli.verbs.composing import Composer, configs
from gsu_cli.verbs.line_keys import planted
from gsu_cli.verbs.measure import Plan
from gsu_cli.verbs.opening_data import sources
from gsu_cli.verbs.opening_session import forget_spec, plain
from gsu_cli.verbs.opening_weights import named_files
from gsu_cli.verbs.protocol import Protocol

VERB, AUDIT = "unlearn", "audit"
VERBS = {VERB: unlearn.main, AUDIT: audit.main, "train": train.main}
TRAINED, MODEL = "=trained:", "model.safetensors"  # of a word that names what the table trains
PRINTED = "printed.txt"  # what the cell would have shown


class Identities:
    """Content keys of cells; each data set is loaded and each config composed once.

    Args:
        shared: words that every cell gets and that say where things lie: ``paths.*``, ``hydra.searchpath``.
        models: lines of ``gsu train`` by name, whose files words of cells may name.
        folder: of what they trained.
    """

    def __init__(
        self, shared: Sequence[str], models: Mapping[str, Sequence[str]] | None = None, folder: Path = Path()
    ) -> None:
        self.shared, self.models, self.folder = list(shared), models or {}, folder
        self._compose = Composer(VERB)
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self._digests: dict[str, str | GsuError] = {}
        self._keys: dict[str, str] = {}
        self._datasets: dict[str, Dataset] = {}
        self._planned: set[str] = set()

    def check(self, cell: Cell) -> None:
        """Builds what the run of a cell would build before its work; its data set is known from `key`.

        Raises:
            GsuError: an option or a file with which the cell cannot run.
        """
        config = self._config(cell)
        settings.check(config, VERB)
        spec = forget_spec(config.forget)
        if spec is None:
            raise UsageError("something must be forgotten", found="no forget.*")
        Protocol.of(config)
        here = plain(config)
        self._check_plan(config, here)
        for key, value in named_files(here).items():
            waits = Path(value).is_relative_to(self.folder) and bool(self.models)
            if not (waits or Path(value).expanduser().exists()):
                raise missing(value, key)
        dataset = self._datasets[str(OmegaConf.create(here["dataset"]))]
        spec.resolve(dataset, generator=generator(0))

    def _check_plan(self, config: DictConfig, here: Mapping[str, Any]) -> None:
        """Builds judges and metrics, which most cells of a table share, once."""
        asked = repr([here["judge"], here["metric"], here["evaluation"], here["paths"]])
        if asked not in self._planned:
            Plan.of(config)
            self._planned.add(asked)

    def key(self, cell: Cell) -> str:
        """The content key of a cell.

        Raises:
            GsuError: its line does not compose, or its data set cannot be had.
        """
        here = plain(self._config(cell))
        inputs = {
            "gsu": __version__,
            "dataset": self._digest(OmegaConf.create(here["dataset"])),
            "files": files_in(_neutral(_without(here, self.folder) if self.models else here)),
            "checkpoint": _shipped(here),
            **({} if cell.audit is None else {"audit": list(cell.audit)}),
            **of_config(here, *classes_in(named_files(here).values())),
        }
        return self._key(_without(here, self.folder) if self.models else here, inputs)

    def model_key(self, name: str) -> str:
        """The content key of what a line of ``gsu train`` makes.

        Raises:
            GsuError: the line does not compose, or its data set cannot be had.
        """
        if name not in self._keys:
            here = plain(compose("train", [*self.models[name], *self.shared]))
            dataset = self._digest(OmegaConf.create(here["dataset"]))
            self._keys[name] = self._key(
                here,
                {"gsu": __version__, "dataset": dataset, "files": files_in(_neutral(here)), **of_config(here)},
            )
        return self._keys[name]

    def _key(self, here: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
        chosen = {key: value for key, value in here.items() if key not in ("logger", "device", "precision")}
        chosen["dataset"] = planted(chosen["dataset"])
        chosen["forget"] = {k: v for k, v in chosen["forget"].items() if k != "canary" or v is not None}
        device = choose(here["device"]).type
        if device != "cpu":  # kept cells of before are the CPU's
            chosen["device"] = device
        if here["precision"] != "float32":
            chosen["precision"] = here["precision"]
        return content_key(_neutral(chosen), inputs)

    def resolved(self, cell: Cell) -> Cell:
        """The cell with files in place of the names of what is trained for it.

        Raises:
            UsageError: a name that the table does not train.
            GsuError: the data set of one that it does cannot be had.
        """
        return replace(cell, words=tuple(self._resolved(word) for word in cell.words))

    def trained_for(self, cell: Cell) -> list[str]:
        """Names of what is trained for a cell."""
        return [name for word in cell.words if (name := word.partition(TRAINED)[2])]

    def _resolved(self, word: str) -> str:
        key, names, name = word.partition(TRAINED)
        if not names:
            return word
        if name not in self.models:
            known = ", ".join(self.models) or "none"
            raise UsageError(f"`{key}` must name one of `table.models`: {known}", found=name)
        return f"{key}={quoted(str(self.folder / self.model_key(name) / MODEL))}"

    def _config(self, cell: Cell) -> DictConfig:
        if cell.words not in self._composed:
            self._composed[cell.words] = self._compose([*self.resolved(cell).words, *self.shared])
        config = self._composed[cell.words].copy()
        config.seed = cell.seed
        return config

    def _digest(self, dataset: DictConfig) -> str:
        name = str(dataset)
        if name not in self._digests:
            try:
                planting, source = sources(dataset)
                found = self._datasets[name] = planting.into(source.load())
                whole = "" if found.whole is None else f" of {found.whole.digest()}"  # retained may rest on all of it
                self._digests[name] = f"{found.digest()}{whole}"
            except GsuError as e:
                self._digests[name] = e
        digest = self._digests[name]
        if isinstance(digest, GsuError):
            raise digest
        return digest


def _without(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """With the key of what is trained, which is known before its file is, in place of the file below ``folder``."""
    return {
        key: _without(value, folder)
        if isinstance(value, Mapping)
        else Path(value).parent.name
        if isinstance(value, str) and key == "path" and Path(value).is_relative_to(folder)
        else value
        for key, value in config.items()
    }


def _neutral(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without the folders: where data and caches lie does not change what they are."""
    return {
        key: _neutral(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if not key.endswith("_dir")
    }


def _shipped(here: Mapping[str, Any]) -> str | None:
    """sha256 of the checkpoint that ships for the config; None where it names a file of its own."""
    if here["checkpoint"]["path"] is not None:
        return None
    dataset, name = str(here["dataset"].get("name")), str(here["checkpoint"]["name"])
    path = shipped(dataset, name)
    if path is None:
        raise CheckpointError(
            f"a checkpoint is needed for {dataset}",
            found=f"none that ships under the name {name!r}",
            way_out=f"Train one with `gsu train dataset={dataset}`, and give the row a checkpoint.path=",
        )
    return sha256_of(path)


def run_model(words: Sequence[str], shared: list[str], store_folder: Path, key: str) -> None:
    """Runs ``gsu train`` with the words of a model of the table into the store; for a process of its own."""
    _run_into(store_folder, key, "train", words=words, shared=shared, audited=None)


def run_cell(cell: Cell, shared: list[str], store_folder: Path, key: str) -> None:
    """Runs ``gsu unlearn`` with a cell's words into the store, and its audit; for a process of its own."""
    _run_into(store_folder, key, VERB, words=cell.overrides, shared=shared, audited=cell.audit)


def _run_into(
    store_folder: Path, key: str, verb: str, *, words: Sequence[str], shared: list[str], audited: Sequence[str] | None
) -> None:
    """Whatever it raises is in the record; another process may have done it in the meantime."""
    store = Store(store_folder)
    chosen_with(store_folder, "paths.output_dir=FOLDER")
    with store.working_on(key) as part:
        if store.is_done(key):
            return
        _print_into(part / PRINTED)
        try:
            _run(verb, words, shared, part)
            if audited is not None:
                references = f"paths.output_dir={quoted(str(store_folder.parent.parent))}"
                _audit([references, "workers=1", *audited], shared, part)
        except Exception as e:  # noqa: BLE001 - any failure is a hole in the table, and the others go on
            if not (part / FILE).exists():  # refused before it began
                write_record(part, failure(words, f"{type(e).__name__}: {e}", verb))
        store.keep(key, part)


def failure(overrides: Sequence[str], why: str, verb: str = VERB) -> Record:
    """The record of a run that could not write one."""
    return Record(verb, status="failed", error=why, command=["gsu", verb, *map(shlex.quote, overrides)])


def _run(verb: str, overrides: Sequence[str], shared: list[str], folder: Path) -> Any:
    with configs():
        words = [*overrides, *shared, f"hydra.run.dir={quoted(str(folder))}"]
        config = compose(verb, words, return_hydra_config=True)
        context = HydraContext(config_loader=GlobalHydra.instance().config_loader(), callbacks=Callbacks())
        # the folder is ours already, so no callback of ours claims one
        return run_job(VERBS[verb], config, "hydra.run.dir", None, context).return_value


def _audit(words: Sequence[str], shared: list[str], folder: Path) -> None:
    """Puts the run in ``folder`` under its audit, whose findings join the record; its error fails the cell."""
    record, place = read_record(folder), folder / AUDIT
    try:
        _run(AUDIT, [f"run={quoted(str(folder))}", *words], shared, place)
    except GsuError as e:
        record.status, record.error = "failed", f"audit: {e}"
        write_record(folder, record)
        raise
    found = json.loads((place / FINDINGS).read_text(encoding="utf-8"))
    rows = [m for probe in found["probes"].values() for m in probe["measurements"]]
    record.measurements += [Measurement(**m) for m in rows]
    record.outputs[AUDIT] = {"path": f"{AUDIT}/{FINDINGS}"}
    write_record(folder, record)


def _print_into(path: Path) -> None:
    with path.open("w") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
