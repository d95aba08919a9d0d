"""One verb through Hydra: compose, run or sweep, and let every exception reach the dispatcher.

A verb raises. In a single run the exception is kept and raised again once Hydra is done, so that Hydra prints nothing
of its own. In a sweep a failing cell says so and leaves ``.hydra/error.txt``; the other cells run, in this process or
in others, in this batch or the next, and the sweep fails at the end. A cell whose method does not apply is no failure.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gsu_cli.cli import lazy_help, torchrun
from gsu_cli.cli.app import App
from gsu_cli.cli.error_messages import complain, explain
from gsu_cli.cli.lost_workers import lost_worker
from gsu_cli.cli.mode import asked_where_it_matters
from gsu_cli.errors import GsuError, NotApplicableError, OutputError, UsageError, is_interrupt
from gsu_cli.run import folders
from gsu_cli.run.cells import Sweep, shared
from gsu_cli.run.files import write_text
from gsu_cli.run.interrupted import ends_its_cells, note_interrupted
from gsu_cli.run.memory import is_out_of_memory, memory_error
from gsu_cli.run.record import FILE, Record, write_record
from gsu_cli.run.refusals import discard_cells, refused_cells
from gsu_cli.run.typed_line import typed
from gsu_cli.verbs import console

log = logging.getLogger(__name__)
GRID_IS_OVER = "`Study.stop` is supposed to be invoked inside an objective function"  # optuna's words
NO_TRIAL = "No trials are completed yet"  # optuna's, where it is asked for the best of none
folders.register_resolvers()  # on import, since a worker of a sweep imports this module and nothing else of ours


@dataclass
class Task:
    """What Hydra calls with the composed config, here or in the worker of a sweep."""

    app: App
    failure: Exception | None = None

    def __call__(self, config: DictConfig) -> Any:
        job = HydraConfig.get().job
        in_sweep = not OmegaConf.is_missing(job, "num")
        if in_sweep and "basic" not in HydraConfig.get().launcher._target_:
            limit_threads()
        try:
            if in_sweep:
                refuse_shared_folder(config)
                self._announce(job.num)
            refuse_missing(config)
            torchrun.writes_to(Path(HydraConfig.get().runtime.output_dir))
            return self._call(config)
        except Exception as error:
            log.info("failed", exc_info=error)
            if is_interrupt(error):
                raise KeyboardInterrupt from error
            self._failed(error, in_sweep)
        except SystemExit as end:
            # it would end a whole sweep, and a run as if it had succeeded; verbs do not do this, one's own code may
            self._failed(_left(end), in_sweep)
        return None

    def _announce(self, number: int) -> None:
        """Which run of the sweep begins, where its runs follow each other on one terminal: its lines look like any."""
        ours = HydraConfig.get()
        if "basic" not in ours.launcher._target_:
            return
        of = f" of {Sweep.cells}" if "basic" in ours.sweeper._target_ and Sweep.cells else ""
        console.say(f"\nrun {number + 1}{of}: {' '.join(self._varied())}")

    def _varied(self) -> list[str]:
        """The words of this run that not all runs of its sweep have; all where none differs."""
        words = list(HydraConfig.get().overrides.task)
        alike = shared(self.app.overrides)
        return [word for word in words if word not in alike] or words

    def _failed(self, error: Exception, in_sweep: bool) -> None:
        if in_sweep:
            self._report_cell(error)
        else:
            self.failure = error

    def _call(self, config: DictConfig) -> Any:
        """The verb; where memory was not enough, its own settings of size are named."""
        try:
            return self.app.call_verb(config)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            plain = OmegaConf.to_container(config, resolve=True)
            raise memory_error(error, plain if isinstance(plain, dict) else None) from error  # type: ignore[arg-type]

    def _report_cell(self, error: Exception) -> None:
        complain(error, self.app, where=f"cell {' '.join(self._varied()) or 'without overrides'}")
        ours = HydraConfig.get()
        folder = Path(ours.runtime.output_dir) / ".hydra"
        if isinstance(error, NotApplicableError) and (folder.parent / FILE).exists():
            return  # the record says n/a, which is no failure
        sentence = explain(error, self.app).sentence
        try:
            if not (folder.parent / FILE).exists():  # refused before it began; the closing table reads records
                why = f"{type(error).__name__}: {error}"
                blank = Record(self.app.verb, status="failed", error=why, command=typed(self.app.verb))
                write_record(folder.parent, blank)  # first: a disk may have room for it alone
            write_text(folder / "error.txt", f"{sentence}\n\n{''.join(traceback.format_exception(error))}")
        except (OSError, OutputError):
            log.warning("the failure of this cell could not be noted in %s", folder)


def _left(end: SystemExit) -> GsuError:
    """The sentence for code that ended the process."""
    last = next((frame for frame, _ in reversed([*walk_tb(end.__traceback__)])), None)
    where = f", from {Path(last.f_code.co_filename).name}" if last else ""
    return GsuError(
        "code that a run calls must not end the process",
        found=f"sys.exit({end.code!r}){where}",
        way_out="Let it raise an error instead",
    )


def limit_threads() -> None:
    """One thread per worker of a parallel sweep, or as many cores as Slurm gave it; what is set already stays.

    Else each worker starts a thread per core of the machine, and they wait for each other.
    """
    threads = os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("SLURM_CPUS_PER_TASK", "1"))
    if "torch" in sys.modules:  # it has read the environment already
        sys.modules["torch"].set_num_threads(int(threads))


def refuse_missing(config: DictConfig) -> None:
    """All settings that have no value, at once.

    Raises:
        UsageError: naming them.
    """
    missing = sorted(missing_keys(config))
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise UsageError(f"{names} must be given", way_out=f"Type {' '.join(f'{name}=VALUE' for name in missing)}.")


def refuse_shared_folder(config: DictConfig) -> None:
    """Two cells in one folder would leave the results of the later one alone.

    Raises:
        UsageError: there is a record already, and nothing is resumed.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    if (folder / FILE).exists() and not config.get("resume"):
        raise UsageError(
            "each cell of a sweep must have a folder of its own",
            found=f"a record in {folder}",
            way_out="Let hydra.sweep.subdir name what differs, or leave it out.",
        )


def missing_keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    """Dotted names of the settings that have no value."""
    # not OmegaConf.missing_keys: that follows interpolations and stops at the first that leads to a missing value
    for key in (key for key in config if isinstance(key, str)):
        if OmegaConf.is_interpolation(config, key):
            continue
        if OmegaConf.is_missing(config, key):
            yield f"{prefix}{key}"
        elif isinstance(config[key], DictConfig):
            yield from missing_keys(config[key], f"{prefix}{key}.")


def run_verb(app: App, words: Sequence[str]) -> None:
    """Hand `words` to Hydra for the verb of `app`.

    Raises:
        GsuError: some cells of a sweep failed.
        Exception: whatever the verb or Hydra raised.
    """
    folders.forget_claims()
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # a class of one's own lies beside the line; last, so that it hides nothing
    task = Task(app)
    try:
        with as_command_line([f"gsu {app.verb}", *words]), asked_where_it_matters(app.conf_dir):
            hydra.main(config_path=str(app.conf_dir), config_name=app.verb, version_base="1.3")(task)()
    except folders.Stop as stop:
        raise stop.error from None
    except BaseException as error:
        if isinstance(error, Exception):  # of a sweeper that cannot do with what cells gave it
            refuse_if_all_are()
        # interrupted or stopped half-way: show what there is, and let nothing hide the reason
        failed, lost = 0, lost_worker(error)
        with suppress(Exception):
            if isinstance(error, KeyboardInterrupt) and ends_its_cells(words) and (sweep := folders.last_claim()):
                note_interrupted(sweep.path)
            if lost and (sweep := folders.last_claim()):
                lost.note(sweep.path)
            failed = _close_sweep(app)
        if lost:
            raise lost.error from error
        if NO_TRIAL in str(error) and failed:
            raise _failed(failed) from error
        if GRID_IS_OVER in str(error):  # optuna's grid ends the study itself, which it may not where a trial failed
            raise GsuError(
                "the last trial of hydra/sweeper/sampler=grid must not fail",
                found="a failure",
                way_out="See .hydra/error.txt in its folder, or take sampler=random, which goes on after a failure",
            ) from error
        raise
    refuse_if_all_are()
    failed = _close_sweep(app)
    if task.failure is not None:
        raise task.failure
    if failed:
        raise _failed(failed)


def _failed(n: int) -> GsuError:
    sweep = folders.last_claim()
    return GsuError(
        f"{n} cell{'s' * (n > 1)} of the sweep failed",
        way_out=f"See .hydra/error.txt in each cell's folder below {sweep.path if sweep else 'it'}",
    )


def refuse_if_all_are() -> None:
    """A sweep of which every cell was refused leaves no more behind than a single line does.

    Raises:
        GsuError: that is so; each cell has said why.
    """
    claimed = folders.last_claim()
    if claimed is None or not claimed.is_sweep or not (records := refused_cells(claimed)):
        return
    discard_cells(claimed)
    by_words = all((record.error or "").startswith(UsageError.__name__) for record in records)
    raise (UsageError if by_words else GsuError)(
        "one cell of a sweep at least must run",
        found=f"all {len(records)} refused" if len(records) > 1 else "the only one refused",
        way_out="Mend what the lines above say; nothing is left of them",
    )


def _close_sweep(app: App) -> int:
    """The closing table, also when the sweep was interrupted; how many cells failed."""
    claimed = folders.last_claim()
    if claimed is None or not claimed.is_sweep or not any(claimed.path.rglob(".hydra")):
        return 0
    noted = sum(1 for _ in claimed.path.rglob(".hydra/error.txt"))
    return max(noted, app.close_sweep(claimed.path))


@contextmanager
def as_command_line(words: list[str]) -> Iterator[None]:
    """The only way into `hydra.main`: `sys.argv`; and the only way to have its exceptions: the environment."""
    argv, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = words, "1"
    try:
        with lazy_help.unread():
            yield
    finally:
        sys.argv = argv
        os.environ.pop("HYDRA_FULL_ERROR")
        if full is not None:
            os.environ["HYDRA_FULL_ERROR"] = full
