"""What a run is filed under: method, forget spec, data set, checkpoint, or any dotted key of its config.

A run that was refused before it began has no config in its record; the words of its command say what was typed.
"""

from __future__ import annotations

import datetime
import math
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gsu_cli.errors import UsageError, did_you_mean, renamed
from gsu_cli.report.memo import memoised, memoised_of_all
from gsu_cli.report.settings import SEARCHED, chosen, data, is_free, needed, searched, weights
from gsu_cli.run.record import Record

NAMED = ("method", "forget", "slug", "dataset", "data", "checkpoint", "weights", "status", "verb")
CLASSES = ("method._target_",)  # stands as `method`
NOT_RECORDED = "not recorded"
ABSENT = "-"
BUDGET = "protocol.budget"


@memoised
def key(record: Record, name: str) -> str:
    """The value of ``name`` for this run, as a reader would write it.

    Args:
        record: of the run.
        name: one of `NAMED`, ``seed``, or a dotted key such as ``method.lr`` or ``seeds.evaluate``.

    Returns:
        The value; "-" where the config has no such key, "not recorded" where neither record nor command say.
    """
    if name == "method":
        target = str(_lookup(record.config, "method._target_") or "").split(".")
        module = target[-2] if len(target) > 1 else ""
        return str(record.update.get("method") or module or _typed(record, "method") or NOT_RECORDED)
    if name == "forget":
        return str(record.split.get("forget") or _forget(record))
    if name == "slug":
        return str(record.split.get("slug") or _forget(record).replace(" ", "_"))
    if name == "dataset":
        named = record.inputs.get("dataset", {}).get("name") or _lookup(record.config, "dataset.name")
        return str(named or _typed(record, "dataset") or NOT_RECORDED)
    if name == "checkpoint":
        path = _lookup(record.config, "checkpoint.path")
        return str(path or _lookup(record.config, "checkpoint.name") or NOT_RECORDED)
    if name in ("data", "weights"):
        return (data if name == "data" else weights)(record) or NOT_RECORDED
    if name in ("status", "verb"):
        return str(getattr(record, name))
    if name == "seed" and record.seeds:
        return "/".join(map(str, sorted(set(record.seeds.values()))))
    if name.startswith("seeds.") and record.seeds:
        return as_text(record.seeds.get(name.removeprefix("seeds."), ABSENT))
    found = SEARCHED if name == searched(record) else _lookup(record.config, name)
    if found is None and name == BUDGET:  # kept records of before have no `protocol`
        found = _lookup(record.update, "details.calibration.budget")
    if found is None and (name.endswith(".sha256") or name.startswith("code.")):
        found = chosen(record).get(name)  # of a judge's weights the config holds the place, of one's own code nothing
    if found is None and (now := renamed(name)) != name:  # as an earlier version called it
        return key(record, now)
    if found is None and record.config:
        return ABSENT  # this method, say, has no such option
    return as_text(_typed(record, name) or NOT_RECORDED if found is None else found)


def check_keys(names: list[str]) -> None:
    """Refuses what cannot be a key.

    Raises:
        UsageError: a name is neither one of `NAMED` nor a dotted key, ``seed`` or ``seeds.*`` among them.
    """
    for name in names:
        plain = name in NAMED or name == "seed" or re.fullmatch(r"\w+(\.\w+)+", name)
        if not plain:
            choices = ", ".join(NAMED)
            rule = f"`by` must hold {choices} or dotted keys of the config such as method.lr"
            raise UsageError(rule, found=name, way_out=did_you_mean(name, NAMED).strip())
    if len(set(names)) < len(names):
        raise UsageError("the keys of `by` must differ", found=", ".join(names))


def check_recorded(names: Sequence[str], records: Sequence[Record]) -> None:
    """Refuses a key that no run has, of which a table would be all dashes.

    Raises:
        UsageError: naming the nearest that one has.
    """
    for name in names:
        if all(key(record, name) in (ABSENT, NOT_RECORDED) for record in records):
            known = sorted({dotted for record in records for dotted in _dotted(record.config)})
            near = did_you_mean(name, [*NAMED, *known])
            way_out = f"{near}The `config` of a record.json holds them"
            raise UsageError("each key of `by` must be one that a run has", found=name, way_out=way_out)


def _dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def as_text(value: object) -> str:
    """A setting as it would be typed; numbers short.

    >>> as_text(5e-4), as_text([1, 7]), as_text(None), as_text(True)
    ('0.0005', '[1,7]', 'null', 'true')
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(as_text, value))}]"
    return str(value)


def natural(text: str) -> list[tuple[int, float, str]]:
    """A key to sort by in which numbers count as numbers, 2 before 10, 1e-5 before 1e-4, and versions by their parts.

    >>> sorted(["lr 10", "lr 1e-4", "lr 2"], key=natural)
    ['lr 1e-4', 'lr 2', 'lr 10']
    >>> sorted(["2.14.1", "2.9.0"], key=natural), sorted(["n10", "n2", "class_10", "class_9"], key=natural)
    (['2.9.0', '2.14.1'], ['class_9', 'class_10', 'n2', 'n10'])
    """
    parts = re.split(r"((?<![\w.])\d+(?:(?:\.\d+){2,}|\.?\d*(?:e[-+]?\d+)?)|(?<=[A-Za-z_])\d+(?!\w))", text)
    return [
        (0, float(number), "") if i % 2 else (1, 0.0, number)
        for i, part in enumerate(parts)
        for number in (part.split(".") if i % 2 and part.count(".") > 1 else [part])
        if number
    ]


def when(record: Record) -> tuple[float, str]:
    """A key to sort by in which runs of all time zones stand as they began; who does not say comes first.

    >>> home, away = (Record("train", started=f"2026-01-31T{text}") for text in ("12:00:00+00:00", "13:30:00+05:45"))
    >>> when(away) < when(home)
    True
    """
    try:
        began = datetime.datetime.fromisoformat(record.started)
    except ValueError:
        return -math.inf, record.started
    return (began if began.tzinfo else began.replace(tzinfo=datetime.UTC)).timestamp(), record.started


def canonical(value: object) -> object:
    """Classes as one writes them who means the same: 01 is 1, [7,1] is [1,7], [1] is 1.

    >>> canonical("01"), canonical([7, "1"]), canonical("[7,1]"), canonical("dress")
    (1, [1, 7], [1, 7], 'dress')
    """
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        value = [word.strip() for word in value[1:-1].split(",")]
    if isinstance(value, list | tuple):
        every = sorted(map(canonical, value), key=lambda entry: (isinstance(entry, str), entry))
        return every[0] if len(every) == 1 else every
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _lookup(config: Mapping[str, Any], dotted: str) -> Any:
    here: Any = config
    for part in dotted.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _typed(record: Record, name: str) -> str | None:
    words = (_unquoted(word) for word in record.command[2:] if name in word)
    values = [value for head, _, value in (word.lstrip("+").partition("=") for word in words) if head == name]
    return values[-1] if values else None


def _unquoted(word: str) -> str:
    """A word as the shell would hand it on; as it is where it has no quotes, or half of one."""
    try:
        return "".join(shlex.split(word)[:1]) if {"'", '"', "\\"} & set(word) else word
    except ValueError:
        return word


def _forget(record: Record) -> str:
    """As `Split.describe` puts it, as far as that can be said without the data set."""
    for kind in ("class", "attribute", "sample", "canary"):
        value = _lookup(record.config, f"forget.{kind}") or _typed(record, f"forget.{kind}")
        if _lookup(record.config, f"forget.{kind}") == 0:
            value = 0
        if value is not None:
            return f"{kind} {as_text(canonical(value) if kind == 'class' else value)}"
    return NOT_RECORDED


@memoised_of_all
def varied(records: Iterable[Record]) -> list[str]:
    """Dotted keys of `chosen` in which runs of one method on one data set differ, in the order of the config."""
    values: dict[tuple[str, str, str], set[str]] = {}
    where: dict[tuple[str, str], list[dict[str, str]]] = {}
    for record in records:
        kind, texts = (key(record, "method"), key(record, "dataset")), _texts(record)
        where.setdefault(kind, []).append(texts)
        for name, value in texts.items():
            values.setdefault((*kind, name), set()).add(value)
    for (method, dataset, name), found in values.items():
        if is_free(name) and any(name not in texts for texts in where[method, dataset]):
            found.add(ABSENT)
    return list(dict.fromkeys(name for (*_, name), found in values.items() if len(found) > 1))


@memoised
def _texts(record: Record) -> dict[str, str]:
    """What was chosen, as text; the budget also where the config of a kept record does not hold it."""
    budget = key(record, BUDGET)
    found = {name: as_text(value) for name, value in chosen(record).items() if name not in CLASSES}
    return found if budget in (ABSENT, NOT_RECORDED) else {**found, BUDGET: budget}


def default_keys(records: Sequence[Record]) -> list[str]:
    """Keys that never average what was chosen differently: method, forget spec, and all else that varies.

    Checkpoints that differ in the seed of their training alone are seeds, too.
    """
    outer = ["dataset"] if len({key(r, "dataset") for r in records}) > 1 else []
    more = varied(records)
    if needed(
        records, data, [_of(name) for name in ("dataset", *more) if name == "dataset" or name.startswith("dataset.")]
    ):
        outer.append("data")
    outer += checkpoints(records)
    specs = {(key(r, "forget"), key(r, "slug")) for r in records}
    told_apart = len(specs) == len({forget for forget, _ in specs})  # two lists of samples are both "samples (2)"
    return [*outer, "method", "forget", *([] if told_apart else ["slug"]), *more]


def checkpoints(records: Sequence[Record]) -> list[str]:
    """The key that tells checkpoints apart, by their names where those do; none where there is one."""
    known = {(key(r, "checkpoint"), weights(r)) for r in records if weights(r) is not None}
    names, made = ({pair[i] for pair in known} for i in (0, 1))
    if not known:
        return ["checkpoint"] if len({key(r, "checkpoint") for r in records}) > 1 else []
    if needed(records, weights, [_of("dataset")]):
        return ["checkpoint"] if len(known) == len(names) == len(made) else ["weights"]
    return []


def _of(name: str) -> Callable[[Record], str]:
    return lambda record: key(record, name)
