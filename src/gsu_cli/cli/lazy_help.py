"""Python 3.14 looks at the help of an option when it is made; one of Hydra 1.3.8 is no text until it is printed."""

from __future__ import annotations

from argparse import Action, ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHECK = "_check_help"  # of parsers since Python 3.14


@contextmanager
def unread() -> Iterator[None]:
    """Within, parsers check help that is text alone; other help ended every line with "badly formed help string"."""
    check: Any = getattr(ArgumentParser, CHECK, None)
    if check is None:
        yield
        return

    def of_text(parser: ArgumentParser, action: Action) -> None:
        if isinstance(action.help, str):
            check(parser, action)

    setattr(ArgumentParser, CHECK, of_text)
    try:
        yield
    finally:
        setattr(ArgumentParser, CHECK, check)
