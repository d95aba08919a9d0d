"""Keeps of the records of a sweep or a table what tables need, as one list: what docs/results holds.

python scripts/compact.py outputs/unlearn/sweeps/DATE/TIME docs/results/digits/records.json
python scripts/compact.py outputs/reproduce/digits/records.json docs/results/digits/records.json

Words of a command that say where things lie are left out: they are another machine's, and change no number.
`gsu report runs=docs/results/digits/records.json` makes tables of any shape from such a file.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from gsu_cli.report.compact import write_compact
from gsu_cli.report.runs import collect

WHERE = ("paths.", "hydra.searchpath", "device=auto")


def says_where(word: str) -> bool:
    """Whether a word of a command says where things lie.

    >>> says_where("'paths.data_dir=/a b'"), says_where("forget.class=1")
    (True, False)
    """
    return word.strip("'").startswith(WHERE)


def main() -> None:
    """Failed runs stay, as failed."""
    *sources, target = map(Path, sys.argv[1:])
    runs, broken = collect(sources)
    if broken:
        raise SystemExit(f"unreadable: {broken}")
    write_compact(target, [replace(r, command=[w for w in r.command if not says_where(w)]) for _, r in runs])
    print(f"{len(runs)} records, {sum(record.status != 'done' for _, record in runs)} failed -> {target}")


if __name__ == "__main__":
    main()
