"""What a logger is: an ear of the ecosystem's tools. Off by default; one file and one yaml of ``logger`` each.

A logger never decides anything and is no source of a table: that is record.json alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from gsu_cli.errors import UsageError
from gsu_cli.run.record import Record

Point = tuple[str, float, int]  # name, value, step


class Logger(Protocol):
    """Hears of one run: once `start`, any number of times `log`, once `finish`."""

    def start(self, folder: Path, name: str, params: Mapping[str, str]) -> None:
        """The run begins: its folder, the verb, the resolved config as dotted keys."""

    def log(self, name: str, value: float, step: int) -> None:
        """One number: "train/loss", "update/retain", "unlearned/feature_ratio/cnn"; step counts epochs or batches."""

    def finish(self, status: str) -> None:
        """The run ended: "done", "failed" or "interrupted"."""


class Silent:
    """``logger=none``: hears and forgets."""

    def start(self, folder: Path, name: str, params: Mapping[str, str]) -> None:
        """Nothing."""

    def log(self, name: str, value: float, step: int) -> None:
        """Nothing."""

    def finish(self, status: str) -> None:
        """Nothing."""


def needed(module: str, extra: str) -> Any:
    """The module of an optional package.

    Raises:
        UsageError: it is not installed; the sentence says how.
    """
    try:
        return importlib.import_module(module)
    except ImportError as e:
        raise UsageError(
            f"`logger={extra}` needs a package that is optional",
            found=f"no {e.name or module}",
            way_out=f"Type pip install 'gsu-cli[{extra}]'",
        ) from e


def params_of(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A resolved config as dotted keys.

    >>> params_of({"seed": 1, "method": {"lr": 1e-3}, "judge": {}})
    {'seed': '1', 'method.lr': '0.001'}
    """
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= params_of(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = str(value)
    return found


def update_points(record: Record) -> Iterator[Point]:
    """What the method did: numbers of the update at step 0, and its trajectory, where it has one, by its own steps."""
    for name, value in params_of({k: v for k, v in record.update.items() if k != "details"}).items():
        number = _number(value)
        if number is not None:
            yield f"update/{name}", number, 0
    trajectory = (record.update.get("details") or {}).get("trajectory")
    if not isinstance(trajectory, Mapping) or not _are_numbers(steps := trajectory.get("step")):
        return  # a method of one's own may call something else so
    for name, values in trajectory.items():
        if name != "step" and _are_numbers(values) and len(values) == len(steps):
            yield from ((f"trajectory/{name}", float(v), int(k)) for k, v in zip(steps, values, strict=True))


def _are_numbers(values: object) -> TypeGuard[list[float]]:
    return isinstance(values, list) and all(isinstance(v, int | float) for v in values)


def final_points(record: Record) -> Iterator[Point]:
    """All measurements that have a value."""
    for m in record.measurements:
        if m.value is not None:
            yield "/".join(part for part in (m.subject, m.name, m.judge) if part), m.value, 0


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
