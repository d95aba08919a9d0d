"""Names that ship stand for what ships: one's own method, metric or judge of the same name would pass for it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from gsu_cli.errors import UsageError
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.groups import option_names
from gsu_cli.run.one_line import in_one_line

PACKAGE = __name__.partition(".")[0]
LONGEST = 80  # letters of a name


def is_ours(made: object) -> bool:
    """Whether ``made`` is of a class of this package, or a function of it."""
    found: Any = made if hasattr(made, "__qualname__") else type(made)
    return str(getattr(found, "__module__", "")).partition(".")[0] == PACKAGE


def is_plain(name: object) -> bool:
    r"""Whether tables and folders can be called so: one line of text that is no path.

    >>> [is_plain(name) for name in ("halfway", "lr 0.1 (mine)", None, 3, " ", "../../evil", "a\nb", "x" * 81)]
    [True, True, False, False, False, False, False, False]
    """
    if not isinstance(name, str) or len(name) > LONGEST or name != name.strip() or name.startswith("."):
        return False
    return bool(name) and name.isprintable() and not set(name) & set("/\\|")


def check_name(name: object, made: object, what: str, shipped: Container[object] | None = None) -> None:
    """Refuses what is no name, and one that ships for something else, unless ``made`` is what ships.

    Args:
        name: under which tables file it.
        made: whose name it is.
        what: "method", "measurement" or "judge".
        shipped: names that ship; None: the choices of the group ``what``.

    Raises:
        UsageError: naming the class of ``made``.
    """
    if is_ours(made):
        return
    kind = type(made)
    if not is_plain(name):
        raise UsageError(
            f"the name of a {what} of your own must be a line of text without slashes, of {LONGEST} letters at most",
            found=f"{in_one_line(repr(name)):.100} of {kind.__module__}.{kind.__qualname__}",
            way_out=_call_it(kind, what),
        )
    if name not in (option_names(conf_dir() / what) if shipped is None else shipped):
        return
    raise UsageError(
        f"a {what} of your own needs a name that gsu has not given yet, since tables file numbers by it",
        found=f"`{name}` of {kind.__module__}.{kind.__qualname__}",
        way_out=_call_it(kind, what),
    )


def _call_it(kind: type, what: str) -> str:
    if what == "measurement":
        return "Name it otherwise in its `Kind`"
    return f"Give the class another `name`, such as {kind.__name__.lower()}"
