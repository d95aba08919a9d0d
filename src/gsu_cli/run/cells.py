"""The cells of a sweep: what their folders are called, and that no two are the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from hydra.core.override_parser.overrides_parser import OverridesParser

from gsu_cli.errors import UsageError

LONGEST_CELL = 120  # characters; file systems end at 255 bytes for one name


def refuse_equal_cells(overrides: list[str]) -> None:
    """Two equal values in a sweep would put two runs into one folder.

    Raises:
        UsageError: naming the key and the value that comes twice.
    """
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.is_sweep_override() and override.is_discrete_sweep():
            values = [str(value) for value in override.sweep_string_iterator()]
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise UsageError(
                    f"the values of a sweep over `{override.get_key_element()}` must differ", found=f"{twice[0]} twice"
                )


def cell_name(overrides: Iterable[str], seed: object) -> str:
    """The folder of one cell of a sweep, below the sweep's own: ``<overrides>/seed=<k>``.

    Only letters, digits and ``._=,+-`` remain. Where something had to go, a short digest keeps the names apart.

    >>> cell_name(["dataset=mnist", "method.lr=1e-5", "seed=3"], 3)
    'dataset=mnist,method.lr=1e-5/seed=3'
    >>> cell_name(["seed=0"], 0)
    'seed=0'
    >>> cell_name(["forget.class=[1,7]"], 0)
    'forget.class=1,7-2408b1/seed=0'
    """
    text = ",".join(word for word in overrides if word.lstrip("+").partition("=")[0] != "seed")
    safe = re.sub(r"[^A-Za-z0-9._=,+-]+", "_", re.sub(r"[][()'\"]", "", text))
    if safe != text or len(safe) > LONGEST_CELL:
        safe = f"{safe[: LONGEST_CELL - 7]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    return f"{safe}/seed={seed}" if safe else f"seed={seed}"
