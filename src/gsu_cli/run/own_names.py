"""Names that ship stand for what ships: one's own method, metric or judge of the same name would pass for it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from gsu_cli.errors import UsageError
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.groups import option_names

PACKAGE = __name__.partition(".")[0]


def is_ours(made: object) -> bool:
    """Whether ``made`` is of a class of this package, or a function of it."""
    found: Any = made if hasattr(made, "__qualname__") else type(made)
    return str(getattr(found, "__module__", "")).partition(".")[0] == PACKAGE


def check_name(name: object, made: object, what: str, shipped: Container[object] | None = None) -> None:
    """Refuses a name that ships for something else, unless ``made`` is what ships.

    Args:
        name: under which tables file it.
        made: whose name it is.
        what: "method", "measurement" or "judge".
        shipped: names that ship; None: the choices of the group ``what``.

    Raises:
        UsageError: naming the class of ``made``.
    """
    if is_ours(made) or name not in (option_names(conf_dir() / what) if shipped is None else shipped):
        return
    kind = type(made)
    raise UsageError(
        f"a {what} of your own needs a name that gsu has not given yet, since tables file numbers by it",
        found=f"`{name}` of {kind.__module__}.{kind.__qualname__}",
        way_out=f"Give the class another `name`, such as {kind.__name__.lower()}"
        if what != "measurement"
        else "Name it otherwise in its `Kind`",
    )
