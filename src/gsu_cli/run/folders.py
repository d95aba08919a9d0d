"""Where a run writes: one folder per run, claimed before anything is written into it.

The names come from ``conf/_session.yaml``. This module makes them exclusive: two runs started in the same second
both want ``outputs/unlearn/2026-01-31/12-00-00``, `os.mkdir` lets one of them have it, the other takes ``12-00-00-2``.
A folder is claimed when Hydra starts a run or a sweep, so ``--cfg``, ``--info`` and completion create nothing.
"""

from __future__ import annotations

import atexit
import itertools
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict, read_write

from gsu_cli.errors import GsuError, OutputError, UsageError
from gsu_cli.run.broken_links import reason
from gsu_cli.run.cells import Sweep, cell_name, refuse_odd_cells, swept, unasked_ends
from gsu_cli.run.configs import usual
from gsu_cli.run.folder_words import chosen_with
from gsu_cli.run.record import FILE
from gsu_cli.run.set_names import set_name
from gsu_cli.run.stopped import ANOTHER, was_stopped, who_lies_there
from gsu_cli.run.typed_line import quoted

DEFAULT = "paths.output_dir"  # the setting below which folders lie that nobody named
# endings of what runs write: a file of somebody else with one of them could be overwritten or taken for a result
WRITTEN = (".safetensors", ".json", ".md", ".png", ".svg", ".csv", ".html", ".yaml", ".log", ".tex")


@dataclass(frozen=True)
class Claim:
    """A folder that belongs to this run or sweep alone.

    Attributes:
        path: of the folder.
        is_sweep: or a single run.
        before: names of what lay there; None where the folder was created.
        above: folders that were created to hold it, the innermost first.
    """

    path: Path
    is_sweep: bool
    before: frozenset[str] | None
    above: tuple[Path, ...] = ()


class Stop(BaseException):
    """Carries an error out of a Hydra callback; Hydra turns an `Exception` raised there into a mere warning."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


_claims: list[Claim] = []  # of this process, newest last; the dispatcher asks for it after the run


def last_claim() -> Claim | None:
    """The folder claimed most recently by this process, if any."""
    return _claims[-1] if _claims else None


def forget_claims() -> None:
    """Start afresh; for several runs in one process."""
    _claims.clear()


def claim(wanted: Path) -> Path:
    """Create `wanted`, or ``wanted-2``, ``wanted-3``, ...: the first that nobody else has.

    Raises:
        OutputError: the folder cannot be created.
    """
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        for k in itertools.count(2):
            candidate = wanted if k == 2 else wanted.with_name(f"{wanted.name}-{k - 1}")
            try:
                os.mkdir(candidate)
            except FileExistsError:
                continue
            return candidate
    except OSError as error:
        raise unwritable(wanted, error, DEFAULT) from error
    raise AssertionError("itertools.count ended")


def take(explicit: Path, marker: str, key: str, *, continuing: bool = False) -> frozenset[str] | None:
    """Claim exactly the folder the user named; the names of what is there, None if it had to be created.

    Args:
        explicit: the folder.
        marker: what Hydra writes there first (``.hydra`` or ``multirun.yaml``); creating it is the exclusive step.
        key: the setting that named it.
        continuing: whether the run resumes the one that is there, or is the same line, which was stopped.

    Raises:
        UsageError: it already holds a run, a sweep or files that a run may write, and `continuing` is false.
        OutputError: it cannot be created.
    """
    try:
        before = frozenset(path.name for path in explicit.iterdir()) if explicit.exists() else None
        try:
            explicit.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:  # a file, or a link that leads nowhere
            raise unwritable(explicit, error, key) from error
        if not continuing:
            if {FILE, "multirun.yaml", ".hydra"} & (before or set()):
                raise FileExistsError
            _refuse_strangers(explicit, before or frozenset())
            if marker == ".hydra":
                os.mkdir(explicit / marker)
            else:
                (explicit / marker).touch(exist_ok=False)
    except FileExistsError:
        who, way_out = who_lies_there(explicit)
        raise UsageError(
            "the output folder must not hold another run", found=f"{explicit}{who}", way_out=way_out
        ) from None
    except OSError as error:
        raise unwritable(explicit, error, key) from error
    return before


def _refuse_strangers(folder: Path, names: frozenset[str]) -> None:
    """Files that no run has left may be somebody's only copy."""
    if found := sorted(name for name in names if name.lower().endswith(WRITTEN)):
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise UsageError(
            "the output folder must hold no files that a run may overwrite",
            found=f"{found[0]}{more} in {folder}",
            way_out=ANOTHER,
        )


def unwritable(folder: Path | str, error: OSError, key: str) -> GsuError:
    """The sentence for results that cannot be written into the folder that the setting ``key`` named."""
    return OutputError(
        "the output folder must be writable",
        found=f"{folder} ({reason(Path(folder), error)})",
        way_out=f"Choose another with {key}=FOLDER.",
    )


def _params(config: DictConfig) -> list[str]:
    """The words of ``hydra.sweeper.params`` that the line does not replace."""
    params = OmegaConf.select(config, "hydra.sweeper.params")
    typed = {str(word).lstrip("+").partition("=")[0] for word in config.hydra.overrides.task}
    return [f"{key}={value}" for key, value in (params or {}).items() if key not in typed]


class ClaimFolder(Callback):
    """Hydra callback: before a run or a sweep starts, claim its folder and write the result into the config."""

    def __init__(self, swept: Sequence[str] = ()) -> None:
        self.swept = list(swept)  # filled in below for the names of cells, which other processes look up

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._claim(config, "run")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        words = [*map(str, config.hydra.overrides.task), *_params(config)]
        try:
            loader = GlobalHydra.instance().config_loader()
            refuse_odd_cells(words, loader)
            lists = list(swept(words, loader))
            keys = [str(override.key_or_group) for override, _ in lists]
            Sweep.cells = math.prod(len(values) for _, values in lists)
        except GsuError as error:
            raise Stop(error) from error
        for remark in unasked_ends(words):
            sys.stderr.write(f"NOTE  {remark}\n")
        self._claim(config, "sweep")
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.overrides.hydra.append(f"hydra.callbacks.folder.swept=[{','.join(map(quoted, keys))}]")

    def _claim(self, config: DictConfig, kind: str) -> None:
        key = f"hydra.{kind}.dir"
        try:
            _refuse_blank(config, key)
            wanted = Path(str(OmegaConf.select(config, key)))
            above = tuple(folder for folder in wanted.parents if not folder.exists())
            if any(line.lstrip("+").startswith(f"{key}=") for line in config.hydra.overrides.hydra):
                marker = ".hydra" if kind == "run" else "multirun.yaml"
                again = kind == "run" and was_stopped(
                    wanted, str(config.hydra.job.config_name), [str(word) for word in config.hydra.overrides.task]
                )
                folder = wanted
                before = take(wanted, marker, key, continuing=again or bool(config.get("resume")))
                chosen_with(folder, f"{key}=FOLDER")
            elif kind == "run" and _writes_elsewhere(config):
                folder, before, above = Path(tempfile.mkdtemp(prefix="gsu-")), None, ()
                atexit.register(shutil.rmtree, folder, ignore_errors=True)
            else:
                folder, before = claim(wanted), None
                chosen_with(folder, f"{DEFAULT}=FOLDER")
        except Exception as error:
            raise Stop(error) from error
        _claims.append(Claim(folder, kind == "sweep", before, above))
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra[kind].dir = str(folder)
            if kind == "sweep":
                # each cell composes its config again, perhaps in another process: it must find the same folder
                config.hydra.overrides.hydra.append(f"{key}={quoted(str(folder))}")


def _writes_elsewhere(config: DictConfig) -> bool:
    """Whether a report leaves nothing in a folder of its own: Hydra's notes alone want a place, for a moment."""
    if config.hydra.job.config_name != "report":
        return False
    formats = config.format if isinstance(config.format, ListConfig) else [config.format]
    return config.output is not None or config.columns == "list" or list(formats) == ["terminal"]


def _refuse_blank(config: DictConfig, key: str) -> None:
    """A name without letters would mean the folder that the line was typed in, or the top of the disk.

    Raises:
        UsageError: naming the setting.
    """
    subdir = OmegaConf.to_container(config.hydra.sweep)["subdir"]  # type: ignore[call-overload, index]
    values = {name: OmegaConf.select(config, name) for name in ("paths.output_dir", key)}
    for name, value in {**values, **({"hydra.sweep.subdir": subdir} if key == "hydra.sweep.dir" else {})}.items():
        if not str("" if value is None else value).strip():
            raise UsageError(
                f"`{name}` must name a folder",
                found="null" if value is None else repr(value),
                way_out="Leave it out, and gsu names one",
            )


def cache_dir() -> str:
    """Where data sets are kept between runs: ``$XDG_CACHE_HOME/gsu``, else ``~/.cache/gsu``."""
    return str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gsu")


def measured_dir() -> str | None:
    """Where what recurs in measurements is kept: ``$GSU_MEASURED_DIR``, nowhere if it is empty, else in the cache."""
    return os.environ.get("GSU_MEASURED_DIR", str(Path(cache_dir()) / "measured")).strip() or None


def register_resolvers() -> None:
    """Teach OmegaConf ``${gsu.cell:...}``, ``${gsu.cache_dir:}`` and their like."""
    OmegaConf.register_new_resolver("gsu.cell", cell_name, replace=True)
    OmegaConf.register_new_resolver("gsu.cache_dir", cache_dir, replace=True)
    OmegaConf.register_new_resolver("gsu.measured_dir", measured_dir, replace=True)
    OmegaConf.register_new_resolver("gsu.usual", usual, replace=True)
    OmegaConf.register_new_resolver("gsu.set_name", set_name, replace=True)
