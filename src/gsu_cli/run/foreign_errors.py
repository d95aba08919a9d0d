"""The one place where code of somebody else may raise whatever it likes: a class that a user or a file names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gsu_cli.errors import GsuError, ProcessError
from gsu_cli.run.memory import is_out_of_memory


@contextmanager
def foreign_errors(sentence: Callable[[Exception], GsuError]) -> Iterator[None]:
    """Within runs code of anyone's, which can raise anything; it becomes one sentence, too little memory aside.

    Raises:
        GsuError: the sentence about what was raised.
    """
    try:
        yield
    except Exception as e:
        if is_out_of_memory(e) or isinstance(e, ProcessError):  # the other process is none of this code's doing
            raise
        raise sentence(e) from e
