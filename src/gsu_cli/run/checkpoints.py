"""Weights on disk: safetensors whose metadata rebuilds the architecture and proves that the bytes are the ones written.

Metadata holds one JSON text under the key ``gsu``: ``target`` (class path), ``config`` (constructor arguments),
``digest`` (sha256 over names, shapes, types and bytes of all tensors) and ``about`` (data set, seed, recipe, final
loss, parent, forget spec: whatever its writer knows). Half-precision files are widened to the model's own type on
loading.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from safetensors.torch import save
from torch import Tensor, nn

from gsu_cli.checks import SCALED
from gsu_cli.errors import CheckpointError, near_path
from gsu_cli.run.files import atomic, sha256_of
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.run.moved_classes import current
from gsu_cli.run.one_line import one_line
from gsu_cli.run.schema import check_schema
from gsu_cli.run.tensor_files import COPY, TRAIN_ONE, broken, class_for, digest, read_tensors
from gsu_cli.surgery.compiled_parts import plain_names, uncompiled

SCHEMA = 1
FROM_GSU = "`checkpoint.retrained` must be a model that `gsu train` trained without what is forgotten"
RETRAIN = (
    "Make it with `gsu train` and the same forget, dataset, model and training options; of another program's retrained"
    " model leave it out, and measure it by a line of its own, `gsu evaluate checkpoint.path=`"
)
"""A reference is compared with its checkpoint: data, architecture and recipe, which other programs do not write."""


NEEDED = {"target": str, "config": dict, "digest": str, "about": dict}
ABOUT = {
    **dict.fromkeys(("dataset", "dataset_sha256", "forget", "forget_sha256", "forget_dataset_sha256"), str),
    **dict.fromkeys(("classes", "attributes"), list),
    **dict.fromkeys(("recipe", "forget_options"), dict),
    **dict.fromkeys(("n", "seed", "forget_seed", "interrupted_after_epoch"), int),
}
"""What is read of ``about``, where it is there and not null; anything else may stand beside it."""
KINDS = {str: "text", list: "a list", dict: "a JSON object", int: "an integer"}


@dataclass(frozen=True)
class Checkpoint:
    """A model rebuilt from disk.

    Attributes:
        model: in eval mode, in the precision that its class builds (float32 for those of gsu).
        about: what the writer recorded (see module docstring).
        path: where it was read.
        sha256: of the file's bytes; the identity that records quote.
    """

    model: Any
    path: Path
    sha256: str
    about: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Rebuilds(Protocol):
    """A model that says how to build it: the arguments of its constructor, as JSON holds them."""

    def config(self) -> Mapping[str, Any]: ...


def save_checkpoint(path: Path, model: nn.Module, *, about: Mapping[str, Any], half: bool = False) -> str:
    """Writes ``model`` atomically and returns the file's sha256.

    Args:
        path: final name, conventionally ``*.safetensors``.
        model: must offer ``config()``; see `gsu_cli.models.model.Model`.
        about: JSON-able facts.
        half: store floating tensors as float16 (what ships).

    Raises:
        CheckpointError: the model cannot say how to build it, or a weight is beyond half precision.
        OutputError: the file cannot be written.
    """
    kind = type(model)
    if not isinstance(model, Rebuilds):
        raise CheckpointError(
            "a model needs `config()`, its constructor arguments, to be saved", found=f"{kind.__qualname__} without it"
        )
    tensors = {k: v.detach().cpu().clone().contiguous() for k, v in model.state_dict().items()}
    if half:
        tensors = {k: _halved(k, v) if v.is_floating_point() else v for k, v in tensors.items()}
    meta = {
        "schema": SCHEMA,
        "target": f"{kind.__module__}.{kind.__qualname__}",
        "config": model.config(),  # nn.Module.__getattr__ hides the method from the checker
        "digest": digest(tensors),
        "about": dict(about),
    }
    data = save(tensors, metadata={"gsu": json.dumps(meta, sort_keys=True)})
    with atomic(path) as temporary:
        temporary.write_bytes(data)
    return sha256_of(path)


def load_checkpoint(
    path: Path, *, shape: tuple[int, int, int] | None = None, key: str = "checkpoint.path"
) -> Checkpoint:
    """Reads, verifies and rebuilds a checkpoint.

    Args:
        path: a file written by `save_checkpoint`.
        shape: ``(c, h, w)`` of the data it is to be used with, when known.
        key: the option that named the file, for messages.

    Raises:
        CheckpointError: missing, truncated, a pickle, not written by gsu or by a newer one, wrong digest, of a class
            that cannot be built here, with weights that are not finite, or of another image shape.
    """
    if not path.is_file():
        raise missing(path, key)
    try:
        meta, tensors = read_tensors(path)
    except CheckpointError as e:
        if key == "checkpoint.retrained" and e.way_out == class_for(path):
            raise CheckpointError(FROM_GSU, found=f"weights of another program, {path}", way_out=RETRAIN) from e
        if e.way_out == COPY or not key.startswith("judge."):
            raise
        target = f"{key.rpartition('.')[0]}._target_=my_pkg.MyNet"
        way_out = f"A classifier of your own needs its class: {target}, see `gsu show docs/own-model.md`"
        raise CheckpointError(e.rule, found=e.found, way_out=way_out) from e
    _check_metadata(meta, path)
    if digest(tensors) != meta["digest"]:
        raise CheckpointError(
            "the digest of the weights must match the one in the file's metadata",
            found=f"a mismatch in {path}",
            way_out="Copy or train it again: the file was altered or damaged",
        )

    def sentence(e: Exception) -> CheckpointError:
        return CheckpointError(
            f"{path} must rebuild as {meta['target']}",
            found=one_line(e),
            way_out="Install the version of the package that the model was saved with",
        )

    with foreign_errors(sentence):
        model = _rebuild(meta["target"], meta["config"])
        model.load_state_dict(plain_names(tensors, model.state_dict()))
    if found := broken(model.state_dict(), dict(model.named_parameters())):
        raise CheckpointError(
            "the weights of a checkpoint must be finite",
            found=f"{found} of {path}",
            way_out="Take an earlier file, or train again at a lower training.lr",
        )
    if shape is not None and tuple(_shape(model) or shape) != tuple(shape):
        raise CheckpointError(
            f"the checkpoint must be for images of the data set's shape {tuple(shape)}",
            found=f"{_shape(model)} in {path}",
            way_out="Choose the data set that the checkpoint was trained on, "
            f"{_scaled(_shape(model), shape)}or train one for this data set",
        )
    return Checkpoint(model.eval(), path, sha256_of(path), meta["about"])


def _scaled(own: tuple[int, ...] | None, shape: tuple[int, ...]) -> str:
    """The word that makes images of ``shape`` those of the checkpoint, where their size alone differs."""
    same = own is not None and len(own) == len(shape) == 3 and own[0] == shape[0] and own[1] == own[2]
    return f"{SCALED}: dataset.size={own[1]}, " if same and own is not None else ""


def missing(path: object, key: str) -> CheckpointError:
    """The sentence for a file of weights that is not there; ``key`` is the option that named it."""
    way_out = TRAIN_ONE.replace("checkpoint.path", key)
    if {"DATE", "TIME"} & set(Path(str(path)).parts):  # as the docs write it
        way_out = "Put the run's own folder in place of DATE/TIME: `gsu show runs` lists them"
    near = near_path(Path(str(path)))
    return CheckpointError(f"`{key}` must be an existing file", found=path, way_out=f"{near}{way_out}")


def _check_metadata(meta: Mapping[str, Any], path: Path) -> None:
    wrong = [key for key, kind in NEEDED.items() if not isinstance(meta.get(key), kind)]
    if wrong:
        raise CheckpointError(
            "the metadata of a checkpoint must hold target, config, digest and about",
            found=f"{', '.join(wrong)} missing or of another type in {path}",
            way_out="A training state goes on with `gsu train resume=`" if "facts" in meta else TRAIN_ONE,
        )
    about = meta["about"]
    odd = [key for key, kind in ABOUT.items() if about.get(key) is not None and not isinstance(about[key], kind)]
    if odd:
        raise CheckpointError(
            f"`{odd[0]}` in the metadata of a checkpoint must be {KINDS[ABOUT[odd[0]]]}",
            found=f"{json.dumps(about[odd[0]]):.40} in {path}",
            way_out=TRAIN_ONE,
        )
    schema = meta.get("schema", SCHEMA)
    check_schema(schema, SCHEMA, f"`schema` in the metadata of {path}", TRAIN_ONE, CheckpointError)


def _halved(name: str, t: Tensor) -> Tensor:
    half = t.half()
    if not torch.equal(half.isfinite(), t.isfinite()):
        raise CheckpointError("weights must fit into half precision", found=f"{float(t.abs().max()):.4g} in {name}")
    return half


def _shape(model: nn.Module) -> tuple[int, ...] | None:
    value: Any = getattr(model, "shape", None)
    return None if value is None else tuple(value)


def _rebuild(target: str, config: Mapping[str, Any]) -> nn.Module:
    kind = pkgutil.resolve_name(current(target))
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise TypeError(f"{target} is not a torch module")
    return uncompiled(kind(**config))
