"""One run from start to record: stages are timed, and whatever happens, the record says how it ended."""

from __future__ import annotations

import contextlib
import datetime
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from gsu_cli.errors import NonFiniteError, NotApplicableError, ProcessError, is_interrupt
from gsu_cli.run import device as devices
from gsu_cli.run import provenance
from gsu_cli.run.files import write_text
from gsu_cli.run.record import FILE, Record, write_record
from gsu_cli.run.refusals import is_refusal
from gsu_cli.surgery.precision import samples_in
from gsu_cli.surgery.ranks import ranks

log = logging.getLogger(__name__)


class Session:
    """Context manager around a verb's work.

    On entry ``record.json`` appears with status "running"; on exit it says "done", "interrupted", or, with the error,
    "failed" or "n/a"; after `complete` it says "done" whatever comes. Exceptions pass through; a record that cannot be
    written either never hides them. Where the line was refused, a record that lay there before, of the run to be
    resumed, is put back.

    Args:
        folder: the run's own folder.
        verb: "train", "unlearn" ...
        config: the resolved config, plain values.
        command: the words that make this run again.
        seeds: by purpose.
        device: where it computes; the CPU when None.
        precision: of training and sampling.
    """

    def __init__(
        self,
        folder: Path,
        verb: str,
        *,
        config: dict[str, Any],
        command: list[str],
        seeds: dict[str, int],
        device: torch.device | None = None,
        precision: str = "float32",
    ) -> None:
        self.folder = folder
        self.device = torch.device("cpu") if device is None else device
        self.precision = precision
        devices.settle(self.device)
        self._started, self._within = time.perf_counter(), contextlib.ExitStack()
        self._before: str | None = None
        self._complete = False
        self.record = Record(
            verb=verb,
            command=command,
            started=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            config=config,
            config_hash=provenance.config_hash(config),
            seeds=seeds,
            git=provenance.git(),
            versions=provenance.versions(),
            device=devices.describe(self.device, precision),
        )

    def __enter__(self) -> Self:
        self._within.enter_context(samples_in(self.precision))
        self._started = time.perf_counter()
        with contextlib.suppress(OSError):
            self._before = (self.folder / FILE).read_text(encoding="utf-8")
        write_record(self.folder, self.record)
        return self

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the wall time inside to ``record.seconds[name]``, the device's own work included."""
        started = time.perf_counter()
        try:
            yield
            devices.synchronise(self.device)
        finally:
            spent = time.perf_counter() - started
            self.record.seconds[name] = round(self.record.seconds.get(name, 0.0) + spent, 4)
            log.info("%s: %.2f s", name, spent)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._within.close()
        r = self.record
        if error is None:
            r.status = "done"
            try:
                self.agree()
                self.save()
            except (NonFiniteError, ProcessError) as e:  # the run is not done: a number of it is none, or not sure
                self._fail(e)
                raise
        elif not self._complete:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if is_interrupt(error):
            self.record.status = "interrupted"
        else:
            self.record.status = "n/a" if isinstance(error, NotApplicableError) else "failed"
        self.record.error = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        try:
            if self._before is not None and is_refusal(self.record):
                write_text(self.folder / FILE, self._before)
            else:
                self.save(nan_as_null=True)
        except Exception as e:  # noqa: BLE001 - no other error may stand before the one that ended the run
            log.warning("record.json could not say how the run ended: %s", e)

    def complete(self) -> None:
        """Writes the record, "done": all results are in the folder, whoever reads what is printed (``| head``)."""
        self.record.status = "done"
        self.save()
        self._complete = True

    def agree(self) -> None:
        """Checks that all processes of this run have come to the same weights and numbers.

        Raises:
            ProcessError: they have not.
        """
        ranks().agree([self.record.outputs, self.record.measurements])

    def save(self, *, nan_as_null: bool = False) -> None:
        """Writes the record as it stands; see `write_record`."""
        self.record.seconds["total"] = round(time.perf_counter() - self._started, 4)
        self.record.peak_memory_mb = provenance.peak_memory_mb()
        self.record.device["peak_memory_mb"] = devices.peak_memory_mb(self.device)
        write_record(self.folder, self.record, nan_as_null=nan_as_null)
