"""Why a class named on the line cannot be had: no such module, a module that fails, or no such name in it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

from gsu_cli.errors import UsageError, did_you_mean

SHOWN = 6  # names in a message


def why_not(target: str, key: str) -> UsageError | None:
    """The sentence, or None where the target is there.

    Args:
        target: what stands in ``_target_``, "my_vae.MyVae".
        key: whose, "model".
    """
    parts = target.split(".")
    if len(parts) < 2 or not all(parts):
        near = [p.stem for p in Path().glob("*.py") if f"class {parts[0]}" in p.read_text("utf-8", "replace")]
        return UsageError(
            f"`{key}._target_` must be module.Class",
            found=target,
            way_out=f"Type {key}._target_={near[0] if near else 'my_file'}.{parts[-1] or 'MyClass'}",
        )
    module: ModuleType | None = None
    for k, part in enumerate(parts):
        name = ".".join(parts[: k + 1])
        if module is not None and hasattr(module, part):
            found = getattr(module, part)
            if not isinstance(found, ModuleType):
                return None  # the class, or what holds it
            module = found
            continue
        try:
            if importlib.util.find_spec(name) is not None:
                module = importlib.import_module(name)
                continue
        except ModuleNotFoundError as e:
            if e.name not in (name, ".".join(parts[:k])):
                return _fails(key, name, e)
        except Exception as e:  # noqa: BLE001  # a module of anyone's can raise anything
            return _fails(key, name, e)
        return _no_module(key, name, part, parts) if module is None else _no_name(key, module, part)
    return None


def _fails(key: str, name: str, error: Exception) -> UsageError:
    where = f" ({Path(error.filename or name).name}, line {error.lineno})" if isinstance(error, SyntaxError) else ""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return UsageError(
        f"the module of `{key}._target_` must be importable",
        found=f"{type(error).__name__} in {name}: {' '.join(text.split())[:160]}{where}",
        way_out=f"Try it alone: python -c 'import {name}'",
    )


def _no_module(key: str, name: str, part: str, parts: list[str]) -> UsageError:
    here = sorted(p.stem for p in Path().glob("*.py"))
    near = did_you_mean(part, here)
    return UsageError(
        f"the module of `{key}._target_` must be in the working directory or installed",
        found=f"no {name} in {Path.cwd()}, which has {', '.join(f'{h}.py' for h in here[:SHOWN]) or 'no .py files'}",
        way_out=near or f"Start gsu in the folder of {parts[0]}.py, or add it with PYTHONPATH",
    )


def _no_name(key: str, module: ModuleType, part: str) -> UsageError:
    own = [k for k, v in vars(module).items() if inspect.isclass(v) and v.__module__ == module.__name__]
    return UsageError(
        f"`{key}._target_` must name a class in {module.__name__}",
        found=f"{part}, among {', '.join(own[:SHOWN]) or 'no classes'}",
        way_out=did_you_mean(part, own).strip(),
    )
