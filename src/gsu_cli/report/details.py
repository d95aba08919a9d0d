"""What a method noted in its `details`, as far as sentences and verdicts read it.

Names are free there: a method of one's own may call ``encoder`` what is no mapping, and other hands cut records. An
entry without the shape that gsu's methods give it is to its readers as if it were not there; a report's page shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from gsu_cli.run.record import Record

Shape = Callable[[Any], bool]
LARGEST = 1e300  # whole numbers have no bound in JSON


def number(value: object) -> TypeGuard[float]:
    """Whether it is one that can be printed."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def text(value: object) -> bool:
    """Whether it is one."""
    return isinstance(value, str)


def nothing(value: object) -> bool:
    """Whether it is None."""
    return value is None


def either(*shapes: Shape) -> Shape:
    """Of one of several shapes."""
    return lambda value: any(shape(value) for shape in shapes)


def mapping(fields: Mapping[str, Shape], **perhaps: Shape) -> Shape:
    """A mapping that has ``fields``, and of ``perhaps`` what it has in that shape; others are free.

    >>> mapping({"n": number}, unit=text)({"n": 3}), mapping({"n": number}, unit=text)({"n": 3, "unit": 4})
    (True, False)
    """

    def fits(value: object) -> bool:
        return (
            isinstance(value, Mapping)
            and all(name in value and shape(value[name]) for name, shape in fields.items())
            and all(shape(value[name]) for name, shape in perhaps.items() if name in value)
        )

    return fits


def numbers(value: object) -> bool:
    """Whether it is a mapping to numbers."""
    return isinstance(value, Mapping) and all(map(number, value.values()))


def shots(value: object) -> bool:
    """Whether it is a list of mappings."""
    return isinstance(value, list) and all(isinstance(shot, Mapping) for shot in value)


LEVEL = mapping({"expected_increase": number, "increase": number, "loss_before": number})
TURNED = mapping({"retained": number, "gained": number, "dealt": number, "at_most": number})
STRENGTH: Mapping[str, Shape] = {
    "option": text, "strength": either(number, nothing), "reason": either(text, nothing),
    "relative_increase": number, "budget": number, "images": number,
}  # fmt: skip
SHAPES: Mapping[str, Shape] = {
    "budget": number,
    "budget_spent": number,
    "calibration": either(
        mapping({"option": nothing, "reason": text}, budget=either(number, nothing)),
        mapping(STRENGTH, words=text, latents=number, rate=numbers, trials=shots),
    ),
    "class_level": LEVEL,
    "encoder": either(
        mapping({"moved": lambda value: value is False}),
        mapping({"moved": lambda value: value is True, "longer": number, "spent_before": number}),
    ),
    "finish": mapping({"taken": number, "share": number}),
    "images": mapping({}, budget=number),
    "loss_unit": text,
    "no_bound": text,
    "own_drift": mapping({"spent": number, "budget": number, "unit": text, "transitions": TURNED}),
    "own_samples": either(
        mapping({"taken": lambda value: value == "ascent", "step": number, "before": number, "ascent": number}),
        mapping({}, taken=lambda value: value != "ascent"),
    ),
    "retain_cost": mapping(
        {"words": text, "unit": text}, fresh=either(nothing, mapping({"value": number, "images": number}))
    ),
    "sample_bound": LEVEL,
    "shots": shots,
    "target": mapping({"kind": text, "retained_there": mapping({"images": number, "share": number})}),
}


TRUST = mapping({"value": either(number, nothing)}, n=number)


def trusted(judge: Mapping[str, Any], of: str) -> Mapping[str, Any]:
    """An entry of a judge's trust report, which may be one's own judge's; empty where it is none."""
    report = judge.get("trust")
    found = report.get(of) if isinstance(report, Mapping) else None
    return found if isinstance(found, Mapping) and TRUST(found) else {}


def detail(record: Record, *names: str) -> Any:
    """What stands at a path of names below the details; None where there is none."""
    here: Any = record.update.get("details")
    for name in names:
        here = here.get(name) if isinstance(here, Mapping) else None
    return here


def noted(record: Record) -> dict[str, Any]:
    """The details that have the shapes that their readers know."""
    details = record.update.get("details")
    found = details if isinstance(details, Mapping) else {}
    return {name: found[name] for name, shape in SHAPES.items() if name in found and shape(found[name])}


def bare(reason: str) -> str:
    """Why a judge is not there, without how one is trained: the line of the judge says that, and once is enough.

    >>> bare("no CNN judge ships for pets: train one with `gsu train` and pass its path"), bare("the file is damaged")
    ('no CNN judge ships for pets', 'the file is damaged')
    """
    return reason.split(": train one with ")[0]
