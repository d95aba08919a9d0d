"""The logger of a run, hooked in by verbs: it hears what the record says, and of epochs while they pass."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from omegaconf import DictConfig

from gsu_cli.errors import UsageError
from gsu_cli.loggers.base import Logger, Silent, final_points, params_of, update_points
from gsu_cli.run.session import Session
from gsu_cli.surgery.ranks import ranks
from gsu_cli.training.history import History, Progress
from gsu_cli.verbs import console
from gsu_cli.verbs.build import build

log = logging.getLogger(__name__)


class Listener:
    """A logger that no longer stops a run once this has begun: its first failure is noted, and it hears no more.

    Args:
        logger: the one chosen.
    """

    def __init__(self, logger: Logger) -> None:
        self._logger: Logger | None = logger

    def log(self, name: str, value: float, step: int) -> None:
        """One number; see `Logger`."""
        self._tell(lambda logger: logger.log(name, value, step))

    def finish(self, status: str) -> None:
        """The end; see `Logger`."""
        self._tell(lambda logger: logger.finish(status))

    def epochs(self, history: History, then: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """A callback for `fit` that logs each whole epoch as "train/loss" and calls ``then``."""
        heard = 0

        def on_progress(progress: Progress) -> None:
            nonlocal heard
            heard = max(heard, history.resumed_at_epoch)
            for epoch, loss in enumerate(history.losses[heard:], heard + 1):
                self.log("train/loss", loss, epoch)
                heard = epoch
            then(progress)

        return on_progress

    def _tell(self, what: Callable[[Logger], Any]) -> None:
        if self._logger is None:
            return
        try:
            what(self._logger)
        except Exception as e:  # whatever it is: hours of training are worth more than their echo
            log.warning("the logger failed", exc_info=e)
            console.note(f"the logger hears no more of this run: {type(e).__name__}: {e}")
            self._logger = None


@contextlib.contextmanager
def listening(cfg: DictConfig, session: Session) -> Iterator[Listener]:
    """Starts the logger of ``cfg.logger``, and tells it at the end what the record then holds.

    Raises:
        UsageError: its package is not installed, or it cannot start.
    """
    logger: Logger = Silent() if cfg.get("logger") is None or ranks().index else build(cfg.logger, key="logger")
    record = session.record
    try:
        logger.start(session.folder, record.verb, params_of(record.config))
    except UsageError:
        raise
    except Exception as e:
        raise UsageError("the logger must be able to start", found=f"{type(e).__name__}: {e}") from e
    listener = Listener(logger)
    status = "failed"
    try:
        yield listener
        status = "done"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        for point in (*update_points(record), *final_points(record)):
            listener.log(*point)
        listener.finish(status)
