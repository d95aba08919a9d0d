"""Weights that an older record names by their digest alone, under the name that newer records give to the same ones.

A newer record says how a checkpoint was made, so that seeds of one recipe are one setting. Without that, runs of one
checkpoint by two builds would be runs of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gsu_cli.run.record import Record


def in_one_name(records: Sequence[Record]) -> list[Record]:
    """The records, each with how its checkpoint was made where one of them says so of the same bytes.

    >>> old, new, other = ({"sha256": "a"}, {"sha256": "a", "making": "m"}, {"sha256": "b"})
    >>> found = in_one_name([Record("unlearn", inputs={"checkpoint": facts}) for facts in (old, new, other)])
    >>> [record.inputs["checkpoint"].get("making") for record in found]
    ['m', 'm', None]
    """
    made = {facts["sha256"]: facts["making"] for facts in map(_checkpoint, records) if facts.get("making")}
    return [_named(record, made) for record in records]


def _checkpoint(record: Record) -> dict[str, Any]:
    facts = record.inputs.get("checkpoint")
    return facts if isinstance(facts, dict) and isinstance(facts.get("sha256"), str) else {}


def _named(record: Record, made: dict[str, Any]) -> Record:
    facts = _checkpoint(record)
    making = made.get(facts.get("sha256", ""))
    if making is None or facts.get("making"):
        return record
    return replace(record, inputs={**record.inputs, "checkpoint": {**facts, "making": making}})
