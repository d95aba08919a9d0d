"""Which files hold a model's weights: one file, the shards that an index names, or the one such thing in a folder."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from gsu_cli.errors import CheckpointError
from gsu_cli.run.files import sha256_of
from gsu_cli.run.pipelines import is_pipeline, unet_in
from gsu_cli.run.shards import index_of

KINDS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")
INDEX = ".index.json"
JOIN = "python -m torch.distributed.checkpoint.format_utils dcp_to_torch"
BESIDE = ("optimizer", "scheduler", "random_states", "rng_state", "training_args", "scaler", "sampler", "dl_state")
"""Beginnings of files that trainers leave beside the weights."""
BESIDE_TOO = ("custom_checkpoint", "state.safetensors")
HALF = re.compile(r"\.(fp16|bf16)(?=\.)")  # a variant, which diffusers takes where it is asked for
MANY = 100  # files in a folder that is worth a hint


@dataclass(frozen=True)
class WeightFiles:
    """Where weights lie.

    Attributes:
        path: the file, or the index that names the shards.
        shards: what holds the tensors: ``path`` itself, or all that the index names.
        names: of all tensors, where an index lists them; else empty.
    """

    path: Path
    shards: tuple[Path, ...]
    names: frozenset[str] = frozenset()

    def sha256(self) -> str:
        """Of the file; of several, of their digests by name."""
        if self.shards == (self.path,):
            return sha256_of(self.path)
        text = json.dumps({p.name: sha256_of(p) for p in self.shards}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def find_weights(path: Path, key: str = "checkpoint.path") -> WeightFiles:
    """The weights at ``path``.

    Args:
        path: a file, an index of shards (``*.index.json``), a folder that holds one of these beside other things, or
            that of a pipeline of diffusers, whose UNet is taken.
        key: the option that named it, for messages.

    Raises:
        CheckpointError: nothing is there, a folder holds none or several, or the index and the shards do not agree.
    """
    if path.is_dir():
        path = _the_one_in(unet_in(path, key) if is_pipeline(path) else path, key)
    if not path.is_file():
        raise CheckpointError(f"`{key}` must be an existing file", found=path)
    return _of_index(path) if path.name.endswith(INDEX) else WeightFiles(path, (path,))


def weights_in(folder: Path) -> list[Path]:
    """Files and indices that hold weights; of the same in two formats or precisions the full safetensors alone."""
    files = [p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith((*BESIDE, *BESIDE_TOO, "."))]
    indices = [p for p in files if p.name.endswith(INDEX)]
    indexed = {shard for index in indices for shard in _shards_of(index)}
    found = [*indices, *(p for p in files if p.suffix in KINDS and p.name not in indexed)]
    safe = {_without_format(p) for p in found if ".safetensors" in p.suffixes}
    found = [p for p in found if ".safetensors" in p.suffixes or _without_format(p) not in safe]
    names = {p.name for p in found}
    return [p for p in found if HALF.sub("", p.name) == p.name or HALF.sub("", p.name) not in names]


def _without_format(path: Path) -> str:
    """What both formats of the same weights are called: ``pytorch_model.bin`` lies beside ``model.safetensors``."""
    stem = path.name.removesuffix(INDEX).removesuffix(path.suffix).removesuffix(".safetensors").removesuffix(".bin")
    return "model" if stem == "pytorch_model" else stem


def _the_one_in(folder: Path, key: str) -> Path:
    found = weights_in(folder)
    if len(found) == 1:
        return found[0]
    if index := index_of(found):
        raise CheckpointError(
            f"`{key}` must be a file, or a folder with the weights of one model",
            found=f"{len(found)} shards of one model without their index in {folder}",
            way_out=f"Get {index} from where they come from, and put it beside them",
        )
    if found:
        raise CheckpointError(
            f"`{key}` must be a file, or a folder with the weights of one model",
            found=f"{', '.join(p.name for p in found[:4])} in {folder}",
            way_out=f"Name the file: {key}={found[0]}",
        )
    if any(folder.glob("*.distcp")):
        raise CheckpointError(
            f"`{key}` must be a file, or a folder with the weights of one model",
            found=f"{folder}, which many processes wrote",
            way_out=f"Type `{JOIN} {folder} weights.pt`",
        )
    inside = [p for p in sorted(folder.iterdir()) if p.is_dir() and _is_of_weights(p)]
    raise CheckpointError(
        f"`{key}` must be a file, or a folder with the weights of one model",
        found=f"the folder {folder} without any",
        way_out=f"Type {key}={inside[0]}" if inside else f"Name a file that ends in {', '.join(KINDS)}",
    )


def _is_of_weights(folder: Path) -> bool:
    """Whether the weights of one model lie there, and little else: programs may have such a name."""
    try:
        return len(weights_in(folder)) == 1 and sum(1 for _ in folder.iterdir()) <= MANY
    except OSError:  # of another user
        return False


def _shards_of(index: Path) -> dict[str, list[str]]:
    """Tensor names by shard; empty where the index cannot be read (whoever needs it says so)."""
    try:
        data = json.loads(index.read_text(encoding="utf-8"))
        found: dict[str, list[str]] = {}
        for name, shard in data["weight_map"].items():
            found.setdefault(shard, []).append(name)
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return found


def _of_index(index: Path) -> WeightFiles:
    by_shard = _shards_of(index)
    if not by_shard:
        raise CheckpointError("an index of shards must hold a weight_map, file by name", found=f"none in {index}")
    for shard in by_shard:
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise CheckpointError("the shards of an index must lie beside it", found=f"{shard!r} in {index}")
        if not (index.parent / shard).is_file():
            raise CheckpointError(
                "every shard that an index names must be there",
                found=f"{index.parent / shard} missing",
                way_out="Get the missing files",
            )
    names = frozenset(name for names in by_shard.values() for name in names)
    return WeightFiles(index, tuple(index.parent / shard for shard in sorted(by_shard)), names)
