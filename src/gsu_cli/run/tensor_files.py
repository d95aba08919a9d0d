"""A safetensors file of gsu as it lies on disk: its metadata, its tensors, their digest; nothing is built."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gsu_cli.errors import CheckpointError
from gsu_cli.run.files import atomic
from gsu_cli.run.one_line import one_line
from gsu_cli.run.stand_ins import stand_in

MOST = 100_000_000  # bytes of a header, as safetensors has it
NAME_THE_CLASS = "Foreign weights need their class: model._target_=my_pkg.MyVae, see `gsu show docs/own-model.md`"


OTHERS = {
    b"\x89HDF": "an HDF5 file, as Keras writes them",
    b"GGUF": "a GGUF file, as llama.cpp reads them",
    b"model_checkpoint_path": "TensorFlow's list of its checkpoints",
}
"""First bytes of files of other libraries -> what they are."""
ENDINGS = {
    ".onnx": "an ONNX graph",
    ".msgpack": "a msgpack file, as Flax writes them",
    ".pt2": "a program of torch.export",
    ".tflite": "a program of TensorFlow Lite",
}


COPY = "Copy it again: it was cut off on its way, or changed"
TRAIN_ONE = "Train one with `gsu train dataset=...` and pass checkpoint.path=<folder>/model.safetensors"


def digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, types, shapes and bytes, independent of the order of insertion."""
    h = hashlib.sha256()
    for name in sorted(tensors):
        t = tensors[name].detach().cpu().contiguous()
        h.update(f"{name}|{t.dtype}|{tuple(t.shape)}|".encode())
        # flat first: a 1 x 1 kernel in channels-last layout counts as contiguous, yet its last stride is not 1
        h.update(t.reshape(-1).view(torch.uint8).numpy().data)
    return h.hexdigest()


def broken(tensors: Mapping[str, Tensor], parameters: Collection[str]) -> str | None:
    """The first tensor that no model can compute with: one with nan, or with inf among ``parameters``; None: all can.

    A buffer may hold inf: a mask of attention, for one.

    >>> broken({"a": torch.ones(2), "mask": torch.tensor(-torch.inf), "b": torch.tensor([1, torch.inf])}, ["a", "b"])
    'inf in b'
    """
    for name, t in tensors.items():
        if t.is_floating_point() and not bool(t.isfinite().all()):
            if bool(t.isnan().any()):
                return f"nan in {name}"
            if name in parameters:
                return f"inf in {name}"
    return None


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The ``gsu`` metadata and the tensors of a file, nothing verified but the format.

    Raises:
        CheckpointError: it is no whole safetensors file, or has no such metadata.
        PermissionError: as it comes.
    """
    try:
        with safe_open(path, framework="pt") as f:
            text = (f.metadata() or {}).get("gsu")
            tensors = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118  # safe_open is no mapping
    except (SafetensorError, OSError, ValueError) as e:
        if path.exists() and not os.access(path, os.R_OK):  # safetensors says that there is none
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from e
        raise CheckpointError(
            "a checkpoint must be a whole safetensors file",
            found=described(path, e),
            way_out=class_for(path) if is_pickle(path) else COPY if wrong_length(path) else instead(path) or TRAIN_ONE,
        ) from e
    if text is None:
        raise CheckpointError(
            "a checkpoint must carry gsu metadata (architecture, digest)",
            found=f"a safetensors file without it: {path}",
            way_out=class_for(path),
        )
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError) as e:
        meta = one_line(e)
    if not isinstance(meta, dict):
        raise CheckpointError("the gsu metadata must be a JSON object", found=f"{meta!r} in {path}", way_out=TRAIN_ONE)
    return meta, tensors


def class_for(path: Path) -> str:
    """How to name the class of foreign weights: by what their library left beside them, or by one's own."""
    if (path.parent / "model_config.json").is_file():
        return "It lies in a folder of pythae: model=pythae"
    config = path.parent / "config.json"
    with contextlib.suppress(OSError, ValueError):
        text = config.read_text(encoding="utf-8")
        for kind, model in {"AutoencoderKL": "autoencoder_kl", "UNet2DModel": "unet2d"}.items():
            if f'"{kind}"' in text:
                return f"It lies in a folder of diffusers: model={model}"
    return NAME_THE_CLASS


def is_pickle(path: Path) -> bool:
    """Whether a file begins like those of ``torch.save``: a zip archive, or the older plain pickle."""
    head = _head(path)
    return head.startswith(b"\x80") or (head.startswith(b"PK") and not other_format(path))


def is_numpy(path: Path) -> bool:
    """Whether a file holds arrays of NumPy: ``.npy``, or an ``.npz``, by the name of its first member."""
    head = _head(path)
    member = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return head.startswith(b"\x93NUMPY") or (head.startswith(b"PK\x03\x04") and member.endswith(b".npy"))


def other_format(path: Path) -> str:
    """What a file is that was written for another library than torch, in words; empty where nothing tells."""
    if is_numpy(path):
        return "arrays of NumPy, which are no weights of a model"
    head = _head(path)
    begins = next((words for start, words in OTHERS.items() if head.startswith(start)), "")
    other = begins or ENDINGS.get(path.suffix.lower(), "")
    if not other and head.startswith(b"PK\x03\x04") and not _of_torch(path):
        return "a zip archive without weights of torch.save"
    found = None if other else stand_in(head)
    return found.what if found else other


def instead(path: Path) -> str:
    """How one comes to the file that was meant from what lies in its place; empty where that is no use."""
    found = stand_in(_head(path))
    return found.way_out if found else ""


def _of_torch(path: Path) -> bool:
    """Whether a zip archive has the first member of ``torch.save``; one that is cut off has no list, and may."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return True


def _head(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as f:  # unreadable: whoever reads it will say so
        return f.read(512)
    return b""


def wrong_length(path: Path) -> str:
    """How a safetensors file is not as long as its header says; empty where it is, and of another kind of file."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        there = path.stat().st_size
        if not there:
            return "an empty file"
        with path.open("rb") as f:
            start = 8 + int.from_bytes(f.read(8), "little")
            if f.read(1) != b"{" or start > MOST:
                return ""
            if there < start:
                return f"{there:,} bytes, where the header alone takes {start:,}"
            header = json.loads(b"{" + f.read(start - 9))
        whole = start + max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
        return "" if there == whole else f"{there:,} bytes instead of {whole:,}"
    return ""


def described(path: Path, error: Exception) -> str:
    """What lies there instead of a whole safetensors file."""
    if is_pickle(path):
        return f"a pickle, which is never loaded (it can run code): {path}"
    if other := other_format(path):
        return f"{other}: {path}"
    if length := wrong_length(path):
        return f"{length}: {path}"
    return f"{path} ({one_line(error)})"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Writes tensors with their ``gsu`` metadata atomically, for `read_tensors`."""
    data = save(
        {k: v.contiguous() for k, v in tensors.items()}, metadata={"gsu": json.dumps(dict(meta), sort_keys=True)}
    )
    with atomic(path) as temporary:
        temporary.write_bytes(data)
