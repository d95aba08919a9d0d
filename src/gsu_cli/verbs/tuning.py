"""``tune=``: what a run returns to a sweeper that looks for good options. Training quantities alone, no judge's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.run.record import Record
from gsu_cli.verbs import console

ALLOWED = ("update.", "seconds.")  # parts of the record that no judge and no held-out image has a say in


def quantities(value: Any) -> tuple[str, ...]:
    """The names in ``tune``; empty where nothing is tuned.

    Raises:
        UsageError: a name is not one of a training quantity.
    """
    names = () if value is None else (value,) if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(n, str) and n.startswith(ALLOWED) for n in names):
        raise UsageError(
            "`tune` must name numbers of the record below update or seconds, which no judge has a say in",
            found=value,
            way_out="For example tune=update.realised.forget or tune=[update.realised.forget,update.realised.retain]",
        )
    return tuple(names)


def answer(record: Record, names: Sequence[str]) -> float | tuple[float, ...]:
    """The numbers of these names, said and returned; one alone as itself.

    Raises:
        UsageError: the record has no such number.
    """
    values = tuple(_number(record, name) for name in names)
    for name, value in zip(names, values, strict=True):
        console.say(f"{name} = {value:.6g}")
    return values[0] if len(values) == 1 else values


def _number(record: Record, name: str) -> float:
    section, *rest = name.split(".")
    here: Any = getattr(record, section)
    for part in rest:
        here = here.get(part) if isinstance(here, Mapping) else None
    if isinstance(here, bool) or not isinstance(here, int | float):
        known = sorted(_numbers({"update": record.update, "seconds": record.seconds}))
        usual = [k for k in known if k.startswith("update.") and not k.startswith("update.details.")]
        way_out = f"{did_you_mean(name, known)}Choose one of {', '.join(usual)}, or any other number of record.json"
        raise UsageError("`tune` must name a number that the run has", found=name, way_out=way_out)
    return float(here)


def _numbers(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, value in values.items():
        if isinstance(value, Mapping) and key != "movement_per_layer":  # a number per layer: a long list
            found += _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append(f"{prefix}{key}")
    return found
