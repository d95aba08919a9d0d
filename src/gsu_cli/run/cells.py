"""The cells of a sweep: what their folders are called, that there are some, and that no two are the same."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import HydraException

from gsu_cli.errors import UsageError

LONGEST_CELL = 120  # characters; file systems end at 255 bytes for one name
NUMBER = re.compile(r"[+-]?(0|[1-9]\d*|\d*\.\d+|\d+\.\d*)(e[+-]?\d+)?", re.IGNORECASE)  # 01 may be a name
CUT = ".."  # stands for what a long value has in its middle


class Sweep:
    """The sweep of this process."""

    cells = 0  # in all; 0 where that is not known


def swept(overrides: Sequence[str], loader: Any = None) -> Iterator[tuple[Override, list[str]]]:
    """The overrides of a line that list values, with these as text.

    Args:
        overrides: as typed.
        loader: Hydra's, for ``glob(*)``, which looks at the choices of a group.

    Raises:
        UsageError: a range cannot be one.
    """
    for override in OverridesParser.create(loader).parse_overrides(list(overrides)):
        if override.is_sweep_override() and override.is_discrete_sweep():
            try:
                yield override, [str(value) for value in override.sweep_string_iterator()]
            except (HydraException, ValueError) as e:
                raise UsageError("a sweep must have values", found=f"{override.input_line} ({e})") from e


def shared(overrides: Sequence[str]) -> set[str]:
    """The words of a line that all cells of its sweep have, as typed and as the sweeper writes them.

    >>> sorted(shared(["dataset.download=false", "seed=1,2"]))
    ['dataset.download=False', 'dataset.download=false']
    """
    found = set()
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if not override.is_sweep_override():
            found |= {str(override.input_line), f"{override.get_key_element()}={override.get_value_element_as_str()}"}
    return found


def refuse_odd_cells(overrides: Sequence[str], loader: Any = None) -> None:
    """No value at all would run nothing and say so nowhere; two equal ones would put two runs into one folder.

    Raises:
        UsageError: naming the key, and the value that comes twice.
    """
    for override, values in swept(overrides, loader):
        key = override.get_key_element()
        if not values:
            way_out = (
                "glob looks at the choices of a group; list the values of a setting"
                if "glob(" in str(override.input_line)
                else ""
            )
            raise UsageError(f"a sweep over `{key}` must have values", found=override.input_line, way_out=way_out)
        first: dict[object, str] = {}
        for value in values:
            other = first.setdefault(meaning(key, value), value)
            if other is not value:
                found = f"{value} twice" if value == other else f"{other} and {value}, which are the same"
                raise UsageError(f"the values of a sweep over `{key}` must differ", found=found)


def meaning(key: str, value: str) -> object:
    """What two values have in common that make the same cell: numbers are equal however they are written.

    What is to be forgotten is the same in any order, with leading zeros, and in a list of its own.

    >>> meaning("method.lr", "1e-3") == meaning("method.lr", "0.001"), meaning("seed", "1") == meaning("seed", "True")
    (True, False)
    >>> meaning("forget.class", "[7,01]") == meaning("forget.class", "[1,7]")
    True
    >>> meaning("dataset.name", "01") == meaning("dataset.name", "1")
    False
    """
    if key in ("forget.class", "forget.sample"):
        parts = [part.strip().strip("'\"") for part in value.strip().removeprefix("[").removesuffix("]").split(",")]
        return ("set", *sorted(str(int(part)) if part.isdecimal() else part for part in parts))
    if value.lower() in ("true", "false", "null"):
        return value.lower()
    if NUMBER.fullmatch(value):
        return float(value)
    return f"{value} as it is"


def unasked_ends(overrides: Sequence[str]) -> list[str]:
    """What to say of ranges of floats: they reach the end that ``range`` leaves out, or miss round numbers."""
    said = []
    for override, values in swept([word for word in overrides if "range(" in word]):
        given = override.value()
        if isinstance(given, RangeSweep) and any(isinstance(v, float) for v in (given.start, given.stop, given.step)):
            reached = any(abs(float(v) - float(given.stop or 0.0)) < 1e-6 * abs(given.step) for v in values)
            if reached or any(len(v) > 15 for v in values):
                end = f"; {given.stop} was to be left out" if reached else ""
                said.append(f"{override.input_line} runs {', '.join(values)}{end}. Steps of floats are not exact: "
                            f"list the values instead")  # fmt: skip
    return said


def cell_name(overrides: Iterable[str], seed: object, chosen: Iterable[str] = ()) -> str:
    """The folder of one cell of a sweep, below the sweep's own: ``<overrides>/seed=<k>``.

    Only letters, digits and ``._=,+-`` remain. Where something had to go, a short digest keeps the names apart. What
    is too long loses first the words that are the same in all cells, then the middles of long values.

    Args:
        overrides: the words of the cell.
        seed: its seed.
        chosen: the keys that differ between cells, as far as known.

    >>> cell_name(["dataset=mnist", "method.lr=1e-5", "seed=3"], 3)
    'dataset=mnist,method.lr=1e-5/seed=3'
    >>> cell_name(["seed=0"], 0)
    'seed=0'
    >>> cell_name(["forget.class=[1,7]"], 0)
    'forget.class=1,7-2408b1/seed=0'
    """
    words = [word for word in overrides if _key(word) != "seed"]
    text, keys = ",".join(words), {*chosen}
    safe = _safe(text)
    if len(safe) > LONGEST_CELL:
        kept = [word for word in words if _key(word) in keys] or words
        safe = _shortened([_safe(word) for word in kept], LONGEST_CELL - 7)
    if safe != text:
        safe = f"{safe[: LONGEST_CELL - 7]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    return f"{safe}/seed={seed}" if safe else f"seed={seed}"


def _key(word: str) -> str:
    return word.lstrip("+").partition("=")[0]


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._=,+-]+", "_", re.sub(r"[][()'\"]", "", text))


def _shortened(words: list[str], room: int) -> str:
    """The words in so many characters: each as it is where it fits, else its value without the middle."""
    for most in itertools.chain(range(room, 8, -1), [8]):
        found = ",".join(_without_middle(word, most) for word in words)
        if len(found) <= room:
            break
    return found


def _without_middle(word: str, most: int) -> str:
    key, equals, value = word.partition("=")
    if len(value) <= most:
        return word
    tail = (most - len(CUT)) * 2 // 3  # paths differ at their ends more often
    return f"{key}{equals}{value[: most - len(CUT) - tail]}{CUT}{value[-tail:]}"
