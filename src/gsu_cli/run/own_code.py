"""Code that is not gsu's, by its content: a class of one's own may change while its name stays.

Of a module of one's own these are its file, the packages that it lies in, and whatever of one's own they import. Of one
that is installed it is the version.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from gsu_cli.run.provenance import CODE

INSTALLED = {"site-packages", "dist-packages"}  # folders of pip and of Debian
PACKAGE = __name__.partition(".")[0]


def targets(config: object) -> list[str]:
    """Class paths that a config names, ``_target_`` by ``_target_``."""
    if isinstance(config, Mapping):
        here = config.get("_target_")
        inside = [name for value in config.values() for name in targets(value)]
        return [*([here] if isinstance(here, str) else []), *inside]
    return [name for value in config for name in targets(value)] if isinstance(config, list | tuple) else []


def class_path(thing: object) -> str:
    """Where the class of ``thing`` stands, as a config would name it."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def classes_in(paths: Iterable[str]) -> list[str]:
    """Class paths that files of gsu's weights carry, or those in folders; of other files none."""
    found = []
    for path in (Path(path).expanduser() for path in paths):
        for file in sorted(path.glob("*.safetensors")) if path.is_dir() else [path]:
            foreign = contextlib.suppress(SafetensorError, OSError, ValueError, KeyError, TypeError)
            with foreign, safe_open(file, framework="pt") as opened:
                found.append(str(json.loads(opened.metadata()["gsu"])["target"]))
    return found


def own_code(names: Iterable[str]) -> dict[str, str]:
    """What decides what classes of one's own do, by file: sha256 of its bytes, or the version of an installed package.

    Args:
        names: class paths; those of gsu need none, and what is not found here will be refused where it is built.

    >>> own_code(["gsu_cli.methods.ascent.Ascent", "nowhere_to_be_found.Method"])
    {}
    """
    found: dict[str, str] = {}
    asked = list(dict.fromkeys(names))
    todo, seen = [*asked], set[str]()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        top = name.partition(".")[0]
        if top == PACKAGE or top in sys.stdlib_module_names:
            continue
        spec = _spec(top)
        if spec is None:
            continue
        places = [Path(place) for place in (spec.submodule_search_locations or [])]
        origin = Path(spec.origin) if spec.has_location and spec.origin else None
        if any(INSTALLED & set(path.parts) for path in (*places, *([origin] if origin else []))):
            if name in asked:  # what one's own code imports from there is of its surroundings
                found[top] = _version(top)
            continue
        for path, module in _files(name, places, origin):
            source = path.read_bytes()
            found[f"{module} ({path.name})"] = hashlib.sha256(source).hexdigest()
            todo += _imported(source, module if path.name == "__init__.py" else module.rpartition(".")[0])
    return dict(sorted(found.items()))


def _spec(top: str) -> ModuleSpec | None:
    try:
        return find_spec(top)
    except (ImportError, ValueError):  # what was started as a script has none
        return None


def _version(top: str) -> str:
    for name in importlib.metadata.packages_distributions().get(top, ()):
        return f"{name} {importlib.metadata.version(name)}"
    return "unknown"


def _files(name: str, places: list[Path], origin: Path | None) -> Iterator[tuple[Path, str]]:
    """The files of ``top.inner.Name``: of each package on the way, and of the module."""
    top, *inner = name.split(".")
    if not places:
        if origin is not None and origin.suffix == ".py":
            yield origin, top
        return
    for place in places:
        for depth in range(len(inner) + 1):
            path, module = place.joinpath(*inner[:depth]), ".".join([top, *inner[:depth]])
            for file in (path / "__init__.py", path.with_suffix(".py")):
                if file.is_file() and (depth or file.name == "__init__.py"):
                    yield file, module


@functools.lru_cache(maxsize=1_000)  # a table asks for each of its cells
def _imported(source: bytes, package: str) -> tuple[str, ...]:
    """Names that a source imports, those after ``from`` among them, since they may be modules."""
    try:
        return tuple(_names(ast.parse(source), package))
    except (SyntaxError, ValueError):  # whoever builds the class will say so
        return ()


def _names(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def of_config(config: Mapping[str, Any], *more: str) -> dict[str, Any]:
    """``{"code": ...}`` of the classes that a config names and of ``more``, for a key; empty where all are gsu's."""
    found = own_code([*targets(config), *more])
    return {"code": found} if found else {}


def versions(names: Iterable[str]) -> dict[str, str]:
    """What stands for a version of each package of one's own: `CODE` and the first digits of a digest of its files.

    >>> versions(["gsu_cli.methods.ascent.Ascent"])
    {}
    """
    by_top: dict[str, list[tuple[str, str]]] = {}
    for file, digest in own_code(names).items():
        by_top.setdefault(file.partition(" ")[0].partition(".")[0], []).append((file, digest))
    return {
        top: f"{CODE}{hashlib.sha256(json.dumps(found).encode()).hexdigest()[:12]}" for top, found in by_top.items()
    }
