"""Lines of a table: overrides as they are typed, values to sweep spread out."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from gsu_cli.errors import UsageError


def expand(key: str, line: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """``(label, words)`` of each combination of the values that a line sweeps over.

    >>> list(expand("digit", "dataset=mnist forget.class=range(0,2)"))
    [('digit 0', ('dataset=mnist', 'forget.class=0')), ('digit 1', ('dataset=mnist', 'forget.class=1'))]
    >>> list(expand("plain_ascent", "method=ascent"))
    [('plain ascent', ('method=ascent',))]

    Raises:
        UsageError: the line is not one of overrides, or sweeps over an interval.
    """
    try:
        hydra = GlobalHydra.instance()
        loader = hydra.config_loader() if hydra.is_initialized() else None  # glob(*) looks at the choices of a group
        overrides = OverridesParser.create(loader).parse_overrides(shlex.split(line))
    except (HydraException, ValueError) as e:
        found = f"{line!r} ({str(e).splitlines()[0]})"
        raise UsageError("a line of a table must be words key=value", found=found) from e
    choices: list[list[tuple[str, str]]] = []
    for override in overrides:
        if not override.is_sweep_override():
            choices.append([(str(override.input_line), "")])
        elif override.is_discrete_sweep():
            name = override.get_key_element()
            choices.append([(f"{name}={value}", str(value)) for value in override.sweep_string_iterator()])
        else:
            raise UsageError("a line of a table must list its values", found=override.input_line)
    for chosen in itertools.product(*choices):
        values = [value for _, value in chosen if value]
        yield " ".join([key.replace("_", " "), *values]).strip(), tuple(word for word, _ in chosen)
