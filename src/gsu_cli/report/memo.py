"""Within a report no record changes: what its tables, figures and pages ask again and again is found out once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

from gsu_cli.run.record import Record

F = TypeVar("F", bound=Callable[..., Any])
_answers: ContextVar[dict[Any, tuple[object, Any]] | None] = ContextVar("answers", default=None)


@contextmanager
def unchanged() -> Iterator[None]:
    """Within, records are read only, and so are answers; a block within a block shares what that one knows.

    Python's collector of cycles rests: what is found out stays to the end, and looking through it takes a fifth of the
    time.
    """
    if _answers.get() is not None:
        yield
        return
    token, collects = _answers.set({}), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        _answers.reset(token)
        if collects:
            gc.enable()


def memoised(function: F) -> F:
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


def memoised_of_all(function: F) -> F:
    """As `memoised`, of a function of several records; it gets them as a tuple."""

    @wraps(function)
    def asked(records: Iterable[Record], *more: Any) -> Any:
        kept, answers = tuple(records), _answers.get()
        if answers is None:
            return function(kept, *more)
        at = (function, tuple(map(id, kept)), *more)
        found = answers.get(at)
        if found is None:
            found = answers[at] = (kept, function(kept, *more))
        return found[1]

    return cast(F, asked)
