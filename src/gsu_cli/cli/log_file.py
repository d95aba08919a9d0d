"""``gsu.log`` of a run: a file that a full disk, or a folder that is gone, does not turn into a traceback."""

from __future__ import annotations

import logging
import sys


class LogFile(logging.FileHandler):
    """What cannot be written to it is passed over: the record and the line's own sentence say what happened."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # opening it: torch logs a line at exit, when a run that made nothing has no folder any more
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # the name that logging calls
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        try:
            super().close()
        except OSError:  # what it had not written yet
            logging.Handler.close(self)
