"""``filter.method=ascent``: the settings by which a line picks some of the runs."""

from __future__ import annotations

from omegaconf import DictConfig, ListConfig

from gsu_cli.checks import as_choice
from gsu_cli.errors import UsageError
from gsu_cli.report.filters import FILTERS
from gsu_cli.run.record import STATUSES

CLOSED = {
    "verb": ("train", "unlearn", "evaluate", "audit"),
    "status": STATUSES,
}


def asked(given: object) -> dict[str, list[str]]:
    """Filter -> values; those that are not set left out.

    Raises:
        UsageError: a value that no run can have, or no group of settings.
    """
    if not isinstance(given, DictConfig):
        raise UsageError("`filter` must stay a group of settings", found=given, way_out="Type filter.method=ascent.")
    values = {name: given[name] for name in FILTERS if given[name] is not None}
    found = {k: [str(w) for w in v] if isinstance(v, ListConfig) else [str(v)] for k, v in values.items()}
    for name, choices in CLOSED.items():
        for word in found.get(name, ()):
            as_choice(f"filter.{name}", word, choices)
    return found
