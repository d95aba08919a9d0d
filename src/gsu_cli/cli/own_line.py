"""Whose code raised: gsu's or a library's that it needs, or that of a class of one's own."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTION = "gsu-cli"
INSTALLED = ("site-packages", "dist-packages")
NAME = re.compile(r"[\w.-]+")
CALL = re.compile(r"(\w+)\.(\w+)\(\) (?:takes|missing|got)\b")  # Python's words for arguments that do not fit


@dataclass(frozen=True)
class Own:
    """A line that is neither gsu's nor of a library that gsu needs.

    Attributes:
        place: file and line, as part of a sentence.
        package: that was installed and holds it; empty for a file of the user's.
    """

    place: str
    package: str = ""


def own_line(error: BaseException) -> Own | None:
    """Where code that is nobody's whom gsu needs was when the error came, of code that gsu called; else None.

    A package counts as one that gsu needs by what is installed, not by its folder: a class of one's own may be
    installed beside torch, and torch may lie in a working copy.
    """
    package, inside = Path(__file__).parents[1], False
    found: Own | None = None
    needed: Collection[str] = ()
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if path.is_relative_to(package):
            inside = inside or not path.is_relative_to(package / "cli")
        elif inside and path.suffix == ".py" and path.is_file():
            top = module.partition(".")[0]
            needed = needed or _needed()
            if top not in sys.stdlib_module_names and top not in needed:
                found = _own(path, trace.tb_lineno, top)
        trace = trace.tb_next
    return found or _called(error)


def _called(error: BaseException) -> Own | None:
    """A function of one's own that does not take what it is called with: the error comes before it has begun."""
    if not isinstance(error, TypeError) or (call := CALL.match(str(error))) is None:
        return None
    kind, name = call.groups()
    needed = _needed()
    for module in list(sys.modules.values()):
        top = str(getattr(module, "__name__", "")).partition(".")[0]
        if top in (__name__.partition(".")[0], "__main__") or top in sys.stdlib_module_names or top in needed:
            continue
        function = getattr(vars(module).get(kind), name, None)
        code = getattr(function, "__code__", None)
        if code is not None and getattr(function, "__module__", None) == module.__name__:
            return _own(Path(code.co_filename), code.co_firstlineno, top)
    return None


def _own(path: Path, line: int, top: str) -> Own:
    root = next((p for p in path.parents if p.name in INSTALLED), None)
    where = path.name if root is None else path.relative_to(root).as_posix()
    return Own(f"{where}, line {line}", "" if root is None else top)


def _needed() -> set[str]:
    """Names as which the packages that gsu needs are imported, with those that these need."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, requires

    found: set[str] = set()
    ahead = [DISTRIBUTION]
    while ahead:
        name = _normal(ahead.pop())
        if name in found:
            continue
        found.add(name)
        try:
            wanted = requires(name) or []
        except PackageNotFoundError:
            continue  # an extra that is not installed
        ahead += [m[0] for r in wanted if (m := NAME.match(r)) and (name == DISTRIBUTION or "extra ==" not in r)]
    return _imported(packages_distributions(), found)


def _imported(distributions: Mapping[str, Collection[str]], names: Collection[str]) -> set[str]:
    """Modules of distributions with these names; of all of them where gsu's own needs are not known.

    >>> sorted(_imported({"torch": ["torch"], "mine": ["Mine"]}, {"gsu-cli", "torch"}))
    ['torch']
    """
    everything = len(names) == 1  # gsu is not installed, only on the path
    return {top for top, owners in distributions.items() if everything or {_normal(o) for o in owners} & set(names)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
