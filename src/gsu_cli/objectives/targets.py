"""Which targets a word stands for."""

from __future__ import annotations

from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.objectives.discriminant import discriminant_of
from gsu_cli.objectives.local import local
from gsu_cli.objectives.redirect import Redirect, redirect
from gsu_cli.objectives.translate import translate

TARGETS = ("auto", "local", "nearest", "discriminant", "alike", "translate")


def redirection(target: str, model: Any, forget: Images, retain: Images, *, of_attribute: bool, seed: int) -> Redirect:
    """The redirect loss whose targets are called ``target``.

    Args:
        target: one of `TARGETS`; "auto" is "local" for attributes, else "nearest".
        model: the original.
        forget, retain: training images.
        of_attribute: whether an attribute is to be forgotten.
        seed: of the posterior latents and of a discriminant's features.
    """
    if target == "auto":
        target = "local" if of_attribute else "nearest"
    if target == "local":
        return local(model, forget, retain, seed=seed)
    if target == "translate":
        return translate(model, forget, retain, seed=seed)
    eye = discriminant_of(forget, retain, seed) if target == "discriminant" else None
    return redirect(model, forget, retain, seed=seed, shortlist=None if target == "alike" else 30, eye=eye)
