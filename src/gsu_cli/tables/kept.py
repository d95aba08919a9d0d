"""The cells of a table with records that are kept elsewhere, such as those of docs/results: nothing is run again.

A record belongs to the cell whose words are its command's, places of files and of results aside, or to one that also
spells out what was the default when the record was made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gsu_cli.errors import GsuError
from gsu_cli.run.record import Record
from gsu_cli.tables.cell import Outcome
from gsu_cli.tables.spec import TableSpec

PLACES = (
    "checkpoint.path=",
    "checkpoint.twin=",
    "checkpoint.retrained=",
    "judge.cnn.path=",
    "dataset.download=",
    "dataset.path=",
    "hydra.",
    "paths.",
    "device=",
    "method.prediction_images=",
    "metric=",
)
DEFAULTS = ("method=fisher_surgery", "seed=0")  # the same typed or not
FORMER = {"method.finish=null": None, "method.encoder=kept": "kept"}  # what was the default before, and its value


def key(words: Iterable[str]) -> frozenset[str]:
    """What decides the numbers of a command's words.

    >>> sorted(key(["gsu", "unlearn", "seed=1", "method=fisher_surgery", "hydra.run.dir=x", "method.lr=1e-5"]))
    ['method.lr=1e-05', 'seed=1.0']
    """
    plain = (word.strip("'") for word in words)
    return frozenset(_spelled(w) for w in plain if "=" in w and not w.startswith(PLACES) and w not in DEFAULTS)


def outcomes(spec: TableSpec, records: Iterable[Record]) -> list[Outcome]:
    """The cells with their records; those without one are holes.

    Args:
        spec: the table; Hydra must know the configs, for lines with ``glob(*)``.
        records: each of one cell, and no two of the same.

    Raises:
        GsuError: two records of one cell, or one that is of no cell.
    """
    found: dict[frozenset[str], Record] = {}
    cells_of = {key(cell.overrides) for cell in spec.cells()}
    for record in records:
        if found.setdefault(_home(record, cells_of), record) is not record:
            raise GsuError(
                f"`records` must hold one record of each cell of {spec.name}",
                found=f"two of {' '.join(record.command)}",
                way_out="Take one of them out",
            )
    cells = []
    asked: set[frozenset[str]] = set()
    for cell in spec.cells():
        if (mine := key(cell.overrides)) in asked:
            raise GsuError(
                f"cells of {spec.name} must differ in more than places of files, so that each record belongs to one",
                found=f"two of {' '.join(cell.overrides)}",
                way_out="Name what lies there, for example dataset.name=other",
            )
        asked.add(mine)
        cells.append(Outcome(cell, "kept", found.pop(mine, None)))
    if found:
        lines = sorted(" ".join(record.command) for record in found.values())
        raise GsuError(
            f"every record must be of a cell of {spec.name}",
            found=f"{len(found)} that are of none, first {lines[0]}",
            way_out="Name the table and the options (table.seeds=..., say) that they were made with",
        )
    return cells


def _home(record: Record, cells: Collection[frozenset[str]]) -> frozenset[str]:
    """The words of a record's cell: its command's, and those former defaults that a cell spells out."""
    words, options = key(record.command), record.config.get("method") or {}
    spelled = words | {word for word, value in FORMER.items() if options.get(_name(word), value) == value}
    return spelled if spelled in cells else words


def _name(word: str) -> str:
    return word.partition("=")[0].removeprefix("method.")


def _spelled(word: str) -> str:
    name, _, value = word.partition("=")
    try:
        return f"{name}={float(value)!r}"
    except ValueError:
        return word
