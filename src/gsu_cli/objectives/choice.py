"""Which kind of target suits an attribute: asked of the encoder and of pixels, never of a judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from gsu_cli.data.base import Images
from gsu_cli.gradients import BLOCK
from gsu_cli.objectives.redirect import Redirect, retained_share

SURE = 0.9  # share of retained neighbours at which targets count as free of what is forgotten


def choose_goal(model: Any, goals: Mapping[str, Redirect], forget: Images, retain: Images) -> Redirect:
    """Of several kinds of targets the nearest that the encoder takes for retained; else the one it takes most so.

    A target must be free of the attribute and otherwise leave the drawing as it is. Neither asks a judge: the first is
    read off the nearest posterior means of the training data, the second is a distance of pixels.
    """
    best: list[tuple[bool, float, Redirect]] = []
    for kind, goal in goals.items():
        share = retained_share(model, goal.targets, forget, retain)
        with torch.no_grad():
            drawn = torch.cat([model.decode(part) for part in goal.latents.split(BLOCK)])
        distance = float((drawn - goal.targets).square().flatten(1).mean(1).sqrt().mean())
        told = replace(goal, kind=kind, retained=share, distance=distance)
        best.append((share >= SURE, -distance if share >= SURE else share, told))
    return max(best, key=lambda entry: entry[:2])[2]
