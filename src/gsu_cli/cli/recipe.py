"""The recipe that a model needs: ``gsu train model=ddpm`` means ``training=ddpm`` unless the line says otherwise.

Hydra's defaults lists cannot let one group's choice depend on another's that is itself a default.
"""

from __future__ import annotations

from collections.abc import Sequence

RECIPES = {"ddpm": "ddpm"}


def with_recipe(verb: str, words: Sequence[str]) -> tuple[str, ...]:
    """The overrides of a line with the model's recipe added, where the model has one and none is typed.

    >>> with_recipe("train", ["model=ddpm", "seed=1"])
    ('model=ddpm', 'seed=1', 'training=ddpm')
    >>> with_recipe("train", ["model=ddpm", "training=default"])
    ('model=ddpm', 'training=default')
    """
    groups = {word.partition("=")[0].lstrip("+~"): word.partition("=")[2] for word in words}
    recipe = RECIPES.get(groups.get("model", ""))
    if verb != "train" or recipe is None or "training" in groups:
        return tuple(words)
    return (*words, f"training={recipe}")
