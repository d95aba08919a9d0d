"""The state of a training on disk after each epoch: weights, optimiser, schedule, average, and what they are of."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from gsu_cli.errors import CheckpointError
from gsu_cli.run.files import atomic
from gsu_cli.run.lineage import brief, differences
from gsu_cli.run.one_line import in_one_line, one_line
from gsu_cli.run.tensor_files import broken, digest, read_tensors
from gsu_cli.training.averaging import Average
from gsu_cli.training.optimisers import Optimisers

ANEW = "Type the same command, or train anew without resume"
AGAIN = "Train anew without resume"
CODE = "code"  # of the facts: of classes of one's own, one entry for each code that trained; said, not asked


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy of parameters and buffers, by name."""
    return {k: v.detach().clone() for k, v in model.state_dict().items()}


def keep(
    path: Path,
    model: nn.Module,
    optimisers: Optimisers,
    average: Average | None,
    *,
    losses: list[float],
    facts: Mapping[str, Any],
) -> None:
    """Writes what training needs to go on, atomically.

    Args:
        path: of the state.
        model, optimisers: as they stand after a whole epoch.
        average: of the weights, where one is kept.
        losses: mean loss of each finished epoch.
        facts: that must be the same for it to be gone on with.
    """
    inner = optimisers.state_dict()
    tensors = {f"model/{k}": v for k, v in weights_of(model).items()}  # copies: safetensors refuses tied weights
    tensors |= {f"average/{k}": v for k, v in (average.weights if average is not None else {}).items()}
    tensors = {k: v.cpu().contiguous() for k, v in tensors.items()}
    for i, slots in inner["state"].items():
        tensors |= {f"optimiser/{i}/{slot}": t.cpu().contiguous() for slot, t in slots.items()}
    meta = {
        "facts": facts,
        "losses": losses,
        "averaged": 0 if average is None else average.step,
        "groups": inner["param_groups"],
        "schedule": optimisers.schedule_state(),
    }
    data = save(tensors, metadata={"gsu": json.dumps({**meta, "digest": sealed(tensors, meta)})})
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def sealed(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> str:
    """The digest of a state: of its tensors and of all else that it says."""
    said = json.loads(json.dumps({k: v for k, v in meta.items() if k != "digest"}))  # keys as a file has them: text
    return hashlib.sha256((digest(tensors) + json.dumps(said, sort_keys=True)).encode()).hexdigest()


def codes_of(path: Path) -> list[dict[str, str]]:
    """By which codes of one's own the epochs of a state were trained, as it notes them; [] of any other file."""
    foreign = contextlib.suppress(SafetensorError, OSError, ValueError, KeyError, TypeError)
    with foreign, safe_open(path, framework="pt") as opened:
        return [dict(found) for found in json.loads(opened.metadata()["gsu"])["facts"][CODE]]
    return []


def restore(
    path: Path,
    model: nn.Module,
    optimisers: Optimisers,
    average: Average | None,
    facts: Mapping[str, Any],
) -> list[float]:
    """Puts a state back into model, optimisers and average, and returns the losses of its epochs.

    Raises:
        CheckpointError: no whole state, or facts, names or shapes that are not what they were; ``model`` is untouched.
    """
    try:
        meta, tensors = read_tensors(path)
    except CheckpointError as e:
        rule = e.rule.replace("a checkpoint", "a training state")
        raise CheckpointError(rule, found=e.found, way_out=AGAIN) from e
    try:
        return _restored(path, meta, tensors, model=model, optimisers=optimisers, average=average, facts=facts)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as e:
        raise CheckpointError(
            "a training state must hold what training wrote", found=f"{one_line(e)} in {path}", way_out=AGAIN
        ) from e


def _restored(
    path: Path,
    meta: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    *,
    model: nn.Module,
    optimisers: Optimisers,
    average: Average | None,
    facts: Mapping[str, Any],
) -> list[float]:
    if not {"digest", "facts", "losses", "groups", "schedule"} <= meta.keys():
        raise CheckpointError("to resume, a training state is needed", found=f"other metadata in {path}", way_out=ANEW)
    if sealed(tensors, meta) != meta["digest"]:
        raise CheckpointError("a training state must match its digest", found=f"a mismatch in {path}", way_out=AGAIN)
    _check_facts(facts, meta["facts"])
    weights, averages = _named(tensors, "model/"), _named(tensors, "average/")
    if _shapes(weights) != _shapes(model.state_dict()):
        raise CheckpointError(
            "to resume, the model must be what it was", found="weights of other names or shapes", way_out=ANEW
        )
    if average is not None and _shapes(averages) != _shapes(average.weights):
        raise CheckpointError(
            "to resume, a state needs the averaged weights", found=f"none that fit in {path}", way_out=ANEW
        )
    for held in (weights, averages):
        if number := broken(held, dict(model.named_parameters())):
            raise CheckpointError(
                "the weights of a training state must be finite", found=f"{number} of {path}", way_out=AGAIN
            )
    slots = _slots(path, _named(tensors, "optimiser/"), optimisers)
    groups = [{**g, "betas": tuple(g["betas"])} for g in meta["groups"]]
    if not slots or optimisers.schedule_state().keys() != dict(meta["schedule"]).keys():
        raise ValueError("no whole optimiser")
    losses = [float(loss) for loss in meta["losses"]]
    if not all(map(math.isfinite, losses)):
        raise ValueError("losses that are not finite")
    if average is not None:
        average.restore(averages, int(meta["averaged"]))
    optimisers.load_state_dict({"state": slots, "param_groups": groups})
    optimisers.load_schedule_state(meta["schedule"])
    model.load_state_dict(weights)
    return losses


def _check_facts(facts: Mapping[str, Any], then: Mapping[str, Any]) -> None:
    """Refuses the state of another training, with the first fact that differs."""
    now = json.loads(json.dumps(facts))
    for key in sorted({*now, *then} - {CODE}):
        new, old = now.get(key), then.get(key)
        if new == old:
            continue
        inner = differences({key: old}, {key: new}) if isinstance(new, dict) and isinstance(old, dict) else []
        found = "; ".join(f"{d.field.partition('.')[2]} {brief(d.found)} (it was {brief(d.expected)})" for d in inner)
        found = found or f"{brief(new)} (it was {brief(old)})"
        raise CheckpointError(f"to resume, `{key}` must be what it was", found=in_one_line(found), way_out=ANEW)


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin so, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _slots(path: Path, tensors: Mapping[str, Tensor], optimisers: Optimisers) -> dict[int, dict[str, Tensor]]:
    """What the optimiser keeps of each parameter, by the parameter's place."""
    parameters, slots = optimisers.parameters(), dict[int, dict[str, Tensor]]()
    for key, t in tensors.items():
        i, slot = key.split("/")
        if not bool(t.isfinite().all()):
            raise CheckpointError(
                "the optimiser of a training state must be finite", found=f"optimiser/{key} of {path}", way_out=AGAIN
            )
        slots.setdefault(int(i), {})[slot] = _laid_out_like(parameters[int(i)], t)
    return slots


def _laid_out_like(parameter: Tensor, t: Tensor) -> Tensor:
    """``t`` in the memory layout of its parameter: a file keeps none, and the fused step walks both as they lie."""
    return torch.empty_like(parameter).copy_(t) if t.shape == parameter.shape else t


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {k: v.shape for k, v in tensors.items()}
