"""Weights that gsu did not write: a state dict as ``torch.save`` or safetensors left it, put into a named class.

Nothing but tensors is read (``weights_only``), names must match the class's to the last one after renaming, and what is
loaded is written again as a checkpoint of gsu before anything is measured.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from gsu_cli.errors import CheckpointError
from gsu_cli.run.import_entries import Chosen, choose, few
from gsu_cli.run.import_names import Rename, fitted, is_update_count
from gsu_cli.run.import_numbers import _kind, _not_finite, check_numbers
from gsu_cli.run.import_rename import renamed_with_rest
from gsu_cli.run.import_suggestion import suggestion, without
from gsu_cli.run.import_unfolded import unfolded
from gsu_cli.run.one_line import one_line
from gsu_cli.run.pickles import SHOWN, is_script, types_in
from gsu_cli.run.shards import one_of_many
from gsu_cli.run.tensor_files import described, instead, is_pickle, other_format
from gsu_cli.run.weight_files import WeightFiles, find_weights

ALONE = "Save the state dict alone: torch.save(model.state_dict(), path)"
ARRAYS = "Save tensors alone: torch.from_numpy(a) of each array of NumPy, without NumPy's numbers beside them"


@dataclass(frozen=True)
class Imported:
    """What `load_into` did beyond copying.

    Attributes:
        filled: names that the file lacks, and why the class knows their values.
        converted: kinds of number that became those of the class, "float16 to float32".
    """

    filled: dict[str, str]
    converted: tuple[str, ...]


def read_foreign(
    path: Path, *, entry: str | None = None, rename: Rename | None = None, own: Mapping[str, Tensor] | None = None
) -> Chosen:
    """The tensors that a file, shards or a folder hold, and what of them was left out.

    Args:
        path: of ``torch.save(model.state_dict(), path)``, of a dict that holds one, a safetensors file, an index of
            shards, or a folder with one of these.
        entry: where in the dict the state dict lies, "model" say; levels apart by dots. Also the beginning of flat
            names, "ema_model" for ``ema_model.fc.weight``.
        rename: beginnings of names and what stands there instead, None to drop them; of several that fit, the longest.
        own: names of the class, where known: parts such as ``{"encoder": ..., "decoder": ...}`` are then joined.

    Raises:
        CheckpointError: the file is missing or damaged, holds anything but tensors, there is no such entry, or a
            beginning occurs in no name, or two names become one.
    """
    files = find_weights(path)
    chosen = choose(_read_all(files), files.path, entry, rename or {}, own)
    tensors, dropped = renamed_with_rest(chosen.tensors, rename or {})
    counters = [k for k, v in tensors.items() if own is not None and k not in own and is_update_count(k, v)]
    kept = {k: v for k, v in tensors.items() if k not in counters}
    return Chosen(kept, (*chosen.dropped, *dropped, *counters), chosen.entry, chosen.beside)


def load_into(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    path: Path,
    *,
    rename: Rename | None = None,
    entry: str | None = None,
) -> Imported:
    """Puts the tensors into ``model``, every one of them and nothing else.

    Wrappers' names (``module.``, ``_orig_mod.``), the older and newer names of weight normalisation, tensors that the
    class ties to others and BatchNorm's counters, which nothing uses in eval mode, are seen to.

    Args:
        model: whose names and shapes count.
        tensors: by name.
        path: where they were read, for messages.
        rename: what was typed, for the line that a message proposes.
        entry: where in the file the tensors lie, for the same.

    Raises:
        CheckpointError: names, shapes or kinds of number differ, or a number is not finite; says which.
    """
    own = model.state_dict()
    fit, filled = fitted(own, tensors, path)
    missing, extra = [k for k in own if k not in fit and k not in filled], [k for k in fit if k not in own]
    both = {k: (tuple(v.shape), tuple(own[k].shape)) for k, v in fit.items() if k in own}
    shapes = [f"{k} {is_} for {should}" for k, (is_, should) in both.items() if is_ != should]
    parts = [("missing", missing), ("not of the class", extra), ("of another shape", shapes)]
    if wrong := [f"{what}: {few(names)}" for what, names in parts if names]:
        raise CheckpointError(
            f"the names in {path} must be those of {type(model).__name__}",
            found="; ".join(wrong),
            way_out=suggestion(own, fit, rename or {}, entry=entry)
            or unfolded(missing, extra)
            or one_of_many(path)
            or ("" if missing or shapes else without(extra, rename or {}))
            or "Map beginnings of names with checkpoint.rename={old.:new.}; shapes follow model.* options",
        )
    for name, value in fit.items():
        check_numbers(name, value, own[name], path)
    model.load_state_dict({**{k: own[k] for k in filled}, **fit})
    for name, value in model.state_dict().items():
        if (
            name in fit and value.is_floating_point() and not bool(torch.isfinite(value).all())
        ):  # beyond what the class's type can hold
            raise _not_finite(name, fit[name], value, path)
    kinds = {(_kind(v), _kind(own[k])) for k, v in fit.items() if v.dtype != own[k].dtype}
    return Imported(filled, tuple(sorted(f"{a} to {b}" for a, b in kinds)))


def _read_all(files: WeightFiles) -> Any:
    if files.shards == (files.path,):
        return _read(files.path)
    joined: dict[str, Tensor] = {}
    for shard in files.shards:
        part = _read(shard)
        if not isinstance(part, Mapping):
            raise CheckpointError("a shard must hold tensors by name", found=f"a {type(part).__name__} in {shard}")
        joined |= {str(k): v for k, v in part.items()}
    if lacking := sorted(files.names - joined.keys()):
        raise CheckpointError("shards must hold every tensor of their index", found=f"no {few(lacking)} in any shard")
    return joined


def _read(path: Path) -> Any:
    if is_script(path):
        raise CheckpointError(
            "a foreign checkpoint must hold tensors and nothing that could run code",
            found=f"a TorchScript program in {path}",
            way_out="Use torch.save(torch.jit.load(path).state_dict(), other_path) first, if you trust it",
        )
    try:
        if is_pickle(path):
            with (
                warnings.catch_warnings()
            ):  # what torch warns of, such as pickle protocols and sparse tensors, is refused
                warnings.simplefilter("ignore", category=UserWarning)
                return torch.load(path, map_location="cpu", weights_only=True)
        with safe_open(path, framework="pt") as tensors:
            return {k: tensors.get_tensor(k) for k in tensors.keys()}  # noqa: SIM118  # safe_open is no mapping
    except pickle.UnpicklingError as e:
        types = types_in(path)
        if not types:  # tensors, as far as can be seen: torch's careful reader knows protocols 2 and 3 alone
            raise CheckpointError(
                "a foreign checkpoint must be a pickle that torch reads as tensors alone",
                found=f"{path}, which it does not read",
                way_out="Save it without pickle_protocol: torch.save(model.state_dict(), path)",
            ) from e
        more = f" and {len(types) - SHOWN} more" if len(types) > SHOWN else ""
        raise CheckpointError(
            "a foreign checkpoint must hold tensors and nothing that could run code",
            found=f"{', '.join(types[:SHOWN])}{more} in {path}",
            way_out=ARRAYS if all(name.startswith(("numpy.", "_codecs.")) for name in types) else ALONE,
        ) from e
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError) as e:
        raise CheckpointError(
            "a foreign checkpoint must be a whole file of torch.save or safetensors",
            found=f"{path} ({one_line(e)})" if is_pickle(path) else described(path, e),
            way_out=instead(path) or ("Name a file of weights" if other_format(path) else "Copy or save it again"),
        ) from e
