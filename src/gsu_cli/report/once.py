"""Within a report no record changes: what its tables, figures and pages ask again and again is found out once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

from gsu_cli.run.record import Record

F = TypeVar("F", bound=Callable[..., Any])
_answers: ContextVar[dict[Any, tuple[Record, Any]] | None] = ContextVar("answers", default=None)


@contextmanager
def unchanged() -> Iterator[None]:
    """Within, records are read only, and so are answers; a block within a block shares what that one knows."""
    if _answers.get() is not None:
        yield
        return
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)


def once(function: F) -> F:
    """Decorates a function of a record and of plain values: within `unchanged` it works out each answer once."""

    @wraps(function)
    def asked(record: Record, *more: Any) -> Any:
        answers = _answers.get()
        if answers is None:
            return function(record, *more)
        at = (function, id(record), *more)
        found = answers.get(at)
        if found is None:  # the record is kept with it, so that no other comes to have its id
            found = answers[at] = (record, function(record, *more))
        return found[1]

    return cast(F, asked)
