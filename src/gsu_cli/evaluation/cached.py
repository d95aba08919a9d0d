"""What judges say of images and what models lose on them; where both come again in other runs, read from there.

Real images, the samples of the original and of the retrained model recur; what a method made does not. Whose code is
not of this package is asked each time: nothing would tell that it was changed.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.data.base import Images
from gsu_cli.gradients import image_losses
from gsu_cli.judges.base import AttributeVerdict, FeatureJudge, HasContent, Judge, Verdict
from gsu_cli.run.checkpoints import Rebuilds
from gsu_cli.run.measured_cache import cached_tensors, is_caching
from gsu_cli.run.tensor_files import digest
from gsu_cli.surgery.devices import device_of
from gsu_cli.surgery.vectors import Vector


def is_ours(thing: object) -> bool:
    """Whether the code of its class is this package's."""
    return type(thing).__module__.partition(".")[0] == __name__.partition(".")[0]


def features(judge: FeatureJudge, pixels: Tensor, *, recur: bool) -> Tensor:
    """``judge.features(pixels)``; ``recur`` where another run will ask for the same."""
    content = _content(judge) if recur and len(pixels) else None
    if content is None:
        return judge.features(pixels)
    images = digest({"pixels": pixels})
    return cached_tensors("features", lambda: {"x": judge.features(pixels)}, judge=content, images=images)["x"]


def verdict(judge: Judge, pixels: Tensor, *, recur: bool) -> Verdict | AttributeVerdict:
    """``judge(pixels)``; ``recur`` where another run will ask for the same."""
    content = _content(judge) if recur and len(pixels) else None
    if content is None:
        return judge(pixels)
    images = digest({"pixels": pixels})
    found = cached_tensors("verdicts", lambda: _tensors(judge(pixels)), judge=content, images=images)
    names = getattr(judge, "names", None)
    return Verdict(**found) if names is None else AttributeVerdict(tuple(names), **found)


def losses(model: Any, images: Images, *, seed: int, recur: bool) -> Tensor:
    """``image_losses(model, images, seed=seed)``; ``recur`` where another run will ask for the same."""
    content = _weights(model) if recur and len(images) else None
    if content is None:
        return image_losses(model, images, seed=seed)
    on = digest({"pixels": images.pixels, "labels": images.labels})
    made = cached_tensors(
        "losses", lambda: {"x": image_losses(model, images, seed=seed)}, model=content, images=on, seed=seed
    )
    return made["x"]


def _content(judge: Judge) -> str | None:
    ours = is_ours(judge) and is_ours(getattr(judge, "model", judge))
    return judge.content() if is_caching() and ours and isinstance(judge, HasContent) else None


def _weights(model: Any) -> str | None:
    """All that the loss of a model depends on, or None where that cannot be known."""
    whole = is_ours(model) and isinstance(model, nn.Module) and isinstance(model, Rebuilds)
    if not (is_caching() and whole) or device_of(model) != torch.device("cpu"):
        return None
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    about = [kind, model.config(), getattr(model, "guidance", None), digest(model.state_dict())]
    return json.dumps(about, sort_keys=True)


def _tensors(said: Verdict | AttributeVerdict) -> Vector:
    return {name: value for name, value in vars(said).items() if isinstance(value, Tensor)}
