"""Which targets a word stands for."""

from __future__ import annotations

import math
from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.objectives.discriminant import discriminant_of
from gsu_cli.objectives.expected import expected
from gsu_cli.objectives.local import local
from gsu_cli.objectives.redirect import Redirect, redirect
from gsu_cli.objectives.translate import translate

TARGETS = ("auto", "local", "nearest", "discriminant", "expected", "alike", "translate")


def redirection(target: str, model: Any, forget: Images, retain: Images, *, split: Split, seed: int) -> Redirect:
    """The redirect loss whose targets are called ``target``.

    Args:
        target: one of `TARGETS`; "auto" is "local" for attributes, else "nearest".
        model: the original.
        forget, retain: training images.
        split: that they are of.
        seed: of the posterior latents and of a discriminant's features.
    """
    if target == "auto":
        target = "nearest" if split.target_attribute is None else "local"
    if target == "local":
        return local(model, forget, retain, seed=seed)
    if target == "translate":
        return translate(model, forget, retain, seed=seed)
    if target == "expected":
        return expected(model, forget, retain, log_odds=log_odds(split, forget, retain), seed=seed)
    eye = discriminant_of(forget, retain, seed) if target == "discriminant" else None
    return redirect(model, forget, retain, seed=seed, shortlist=None if target == "alike" else 30, eye=eye)


def log_odds(split: Split, forget: Images, retain: Images) -> float:
    """The natural logarithm of the odds of forgotten against retained images in training over those of these images."""
    return math.log(len(split.forget) / len(forget)) - math.log(len(split.retain) / len(retain))
