"""Verbs for the tests of the command line; importable by name, so that workers of a sweep find them too."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from gsu_cli.errors import DataError, NotApplicableError, UsageError
from gsu_cli.run.record import Record, write_record


class Thing:
    """Something that a config can build."""

    def __init__(self, lr: float = 0.0) -> None:
        self.lr = lr


def unlearn(config: DictConfig) -> None:
    """Do what `do` says, then leave a record."""
    match config.do:
        case "nothing":
            pass
        case "bad_data":
            raise DataError("`dataset.path` must hold images", found="nothing", way_out="Choose another.")
        case "wrapped":
            try:
                raise DataError("`dataset.path` must hold images", found="nothing")
            except DataError as error:
                raise InstantiationException("Error in call to target") from error
        case "defect":
            raise ZeroDivisionError("a mistake of ours")
        case "bad_target":
            instantiate({"_target_": "nowhere.Method"})
        case "bad_argument":
            instantiate({"_target_": "fake_verbs.Thing", "lrr": 1})
        case "exit":
            sys.exit(3)
        case "no_such_key":
            print(config.not_a_key)
        case "disk_full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "unlearned.safetensors")
        case "full_somewhere":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        case "full_below":
            below = Path(HydraConfig.get().runtime.output_dir) / "unlearned.safetensors"
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(below))
        case "refused" | "refused_with_results" | "failed" | "inapplicable":
            _end_after_a_record(str(config.do))
        case "disk_full_in_rust":
            raise RuntimeError("I/O error: No space left on device (os error 28)")
        case "interrupt":
            raise KeyboardInterrupt
        case "interrupt_hidden":
            try:
                raise KeyboardInterrupt
            finally:
                raise UnboundLocalError("of a library that tidies up")
        case "swallowed":
            with suppress(KeyboardInterrupt):  # as numpy's import does
                signal.raise_signal(signal.SIGTERM)
            raise ImportError("cannot load module more than once per process")
        case "wait":
            (Path(HydraConfig.get().runtime.output_dir) / "record.json").write_text("{}", encoding="utf-8")
            print("waiting", flush=True)
            time.sleep(30)
        case "killed":  # as by a system that lacks memory
            write_record(Path(HydraConfig.get().runtime.output_dir), Record("unlearn"))
            os.kill(os.getpid(), signal.SIGKILL)
        case "pages":
            for k in range(100_000):
                print("line", k)
    folder = Path(HydraConfig.get().runtime.output_dir)
    threads = os.environ.get("OMP_NUM_THREADS")
    (folder / "record.json").write_text(json.dumps({"pid": os.getpid(), "threads": threads}), encoding="utf-8")


def _end_after_a_record(how: str) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / "record.json").write_text("{}", encoding="utf-8")
    if how == "refused_with_results":
        (folder / "model.safetensors").touch()
    kind = {"failed": DataError, "inapplicable": NotApplicableError}.get(how, UsageError)
    raise kind("`lr` must be > 0", found=-1)


def train(config: DictConfig) -> None:
    """Leave a record."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / "record.json").write_text("{}", encoding="utf-8")


def evaluate(config: DictConfig) -> None:
    """Read a setting that leads nowhere."""
    print(config.to)


def show(config: DictConfig) -> None:
    """Print one line."""
    print("methods: ascent")


def print_sweep(folder: Path) -> int:
    """A closing table of one line; leaves counting failures to the dispatcher."""
    print(f"sweep of {sum(1 for _ in folder.rglob('seed=*'))} cells")
    return 0
