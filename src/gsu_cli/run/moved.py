"""Classes that have moved: what older checkpoints, records and configs call them, and where they are now."""

from __future__ import annotations

MOVED: dict[str, str] = {
    "gsu_cli.training.Recipe": "gsu_cli.training.recipe.Recipe",
}
"""Class path of an earlier version -> today's."""


def current(target: str) -> str:
    """Today's path of the class that ``target`` names; ``target`` itself where it has not moved.

    >>> current("gsu_cli.training.Recipe"), current("my_vae.MyVae")
    ('gsu_cli.training.recipe.Recipe', 'my_vae.MyVae')
    """
    return MOVED.get(target, target)
