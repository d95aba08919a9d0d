"""What the charts of several checkpoints are called: by what tells their paths apart, since a title has little room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath


def told_apart(names: Sequence[str]) -> list[str]:
    """Each name; of a path the parts that others lack, and of a run's weights their folder.

    >>> told_apart(["/my/train/12-00/model.safetensors", "/my/train/13-00/model.safetensors", "vae"])
    ['12-00', '13-00', 'vae']
    >>> told_apart(["/my/train/12-00/model.safetensors", "/my/train/13-00/model.safetensors", "/my/old/vae.pt"])
    ['train/12-00', 'train/13-00', 'old/vae.pt']
    >>> told_apart(["/my/train/12-00/model.safetensors", "vae"])
    ['12-00', 'vae']
    """
    paths = {name: list(PurePath(name).parts) for name in names if len(PurePath(name).parts) > 1}
    for parts in paths.values():
        if len(parts) > 2 and parts[-1] in ("model.safetensors", "unlearned.safetensors"):
            parts.pop()
    while paths and all(len(parts) > 1 for parts in paths.values()) and len({p[0] for p in paths.values()}) == 1:
        for parts in paths.values():
            parts.pop(0)
    return ["/".join(paths[name]) if name in paths else name for name in names]
