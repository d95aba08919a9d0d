"""Aggregators of two rows: torchjd's, built from options that a line can hold, and MUNBa.

torchjd 0.18 has bounds in the unit of the gradients: below a Jacobian norm of 0.01 its quadratic programs see zeros
(UPGrad and DualProj return the plain mean, CAGrad nothing), and their ridge of 1e-4 of the squared norm lets the
direction go against a row that is 30 times shorter than the other. Rows are therefore brought to a norm near one, in
float64, and the direction back; the ridge is 1e-12. On a Gram matrix in float32 so small a ridge is not always enough
for it to be positive definite.

``MUNBa`` is ours: the closed form of Nash bargaining between two players, the bisector
``(u_f + u_r) / sqrt(1 + u_f.u_r)`` of the unit rows, whose length is sqrt 2 whatever the angle. Sources: Quinton and
Rey, "Jacobian Descent for Multi-Objective Optimization", arXiv 2406.16232; Wu and Harandi, MUNBa, arXiv 2411.15537.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import torch
from torch import Tensor

from gsu_cli.checks import as_choice
from gsu_cli.errors import UsageError
from gsu_cli.solvers.rows import Aggregator, guarded, munba

AGGREGATORS: dict[str, dict[str, Any]] = {
    "AlignedMTL": {},
    "CAGrad": {"c": 0.5},
    "ConFIG": {},
    "Constant": {"weights": [0.5, 0.5]},
    "DualProj": {},
    "ExcessMTL": {},
    "FairGrad": {"alpha": 1.0},
    "GradDrop": {},
    "GradVac": {},
    "IMTLG": {},
    "MGDA": {},
    "MUNBa": {},
    "Mean": {},
    "NashMTL": {"n_tasks": 2, "max_norm": 0.0},
    "PCD": {},
    "PCGrad": {},
    "Random": {},
    "Sum": {},
    "UPGrad": {},
}  # with the arguments that torchjd has no default for; aggregators for three rows and more are left out


RIDGE = 1e-12  # of the squared norm of the Jacobian; torchjd's own is 1e-4


PROJECTING = ("UPGrad", "DualProj")


SOLVING = (*PROJECTING, "CAGrad", "FairGrad")  # in float64, whatever they are given


def build(name: str, options: Mapping[str, Any]) -> Aggregator:
    """The aggregator called ``name``, tried on two rows.

    Args:
        name: a key of `AGGREGATORS`.
        options: arguments of the class of torchjd, as numbers, words and lists of two numbers.

    Raises:
        UsageError: an argument that it does not take, a value that does not suit, or a solver that is not installed.
    """
    as_choice("method.aggregator", name, list(AGGREGATORS))
    if name == "MUNBa":
        if options:
            raise UsageError("`method.options` must stay empty for MUNBa", found=dict(options))
        return guarded(munba, degree=0.0)
    import torchjd.aggregation  # a second: only where it is asked for
    from torchjd.linalg import QuadprogProjector

    kind = getattr(torchjd.aggregation, name)
    taken = {k: p.annotation for k, p in inspect.signature(kind, eval_str=True).parameters.items()}
    taken = {k: a for k, a in taken.items() if a in _NUMBERS or _is_list(a) or get_origin(a) is Literal}
    given = {**AGGREGATORS[name], **options}
    if unknown := sorted(given.keys() - taken):
        raise UsageError(
            f"`method.options` must be arguments of torchjd's {name} that a line can hold",
            found=", ".join(map(str, unknown)),
            way_out=f"Choose among {', '.join(taken) or 'none'}",
        )
    values = {key: _value(key, value, taken[key]) for key, value in given.items()}
    if name in PROJECTING:
        values["projector"] = QuadprogProjector(reg_eps=RIDGE)

    def make() -> Aggregator:
        double = name in SOLVING or any(isinstance(value, Tensor) for value in values.values())
        return guarded(kind(**values), degree=_degree(name, values), double=double)

    try:
        _try(make())
    except ImportError as e:
        raise UsageError(
            f"`method.aggregator={name}` needs a solver that is an optional part of gsu",
            found="none installed",
            way_out='Type pip install "gsu-cli[solvers]", or take MUNBa, the closed form of NashMTL for two rows',
        ) from e
    except Exception as e:  # torchjd checks some values where they are set, others in a solver where they are used
        why = (str(e).splitlines() or [type(e).__name__])[0]
        raise UsageError(
            f"`method.options` must suit torchjd's {name} for two rows", found=f"{dict(options)} ({why.rstrip('.')})"
        ) from e
    return make()  # another one: some remember what they have seen


_NUMBERS = (int, int | None, float, float | Tensor)


def _is_list(annotation: Any) -> bool:
    return annotation is Tensor or Tensor in get_args(annotation)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _value(key: str, value: Any, annotation: Any) -> Any:
    """An option as its parameter's type.

    Raises:
        UsageError: it is of another.
    """
    number = _is_finite(value)
    choices = get_args(annotation)
    if value is None and type(None) in choices:
        return None
    if get_origin(annotation) is Literal:
        as_choice(f"method.options.{key}", value, list(choices))
        return value
    if _is_list(annotation) and not (number and float in choices):
        entries = list(value) if isinstance(value, list | tuple) else []
        right = [_is_finite(v) for v in entries]
        if not right or not all(right):
            raise UsageError(f"`method.options.{key}` must be a list of finite numbers, one a row", found=value)
        return torch.tensor(entries, dtype=torch.float64)
    whole = annotation in _NUMBERS[:2]
    if not number or (whole and not isinstance(value, int)):
        raise UsageError(f"`method.options.{key}` must be {'an integer' if whole else 'a finite number'}", found=value)
    return value


def _try(aggregate: Aggregator) -> None:
    """Two rows at a right angle, of which every aggregator makes something.

    Raises:
        ValueError: this one does not.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cvxpy's advice on how to pose problems, to torchjd
        torch.manual_seed(0)
        found = aggregate(torch.eye(2, 3))
    if not (bool(torch.isfinite(found).all()) and bool(found.any())):
        raise ValueError("of two rows at a right angle it makes no direction")


def _degree(name: str, values: Mapping[str, Any]) -> float | None:
    """``k`` where ``A(s J) = s^k A(J)`` but for bounds in the unit of the rows; None where there is no such ``k``."""
    if name == "FairGrad":  # (J J^T) w = w^(-1 / alpha)
        alpha = float(values["alpha"])
        return None if alpha <= -1 else (1 - alpha) / (1 + alpha)
    # what PCD and ExcessMTL remember has a unit
    return {"PCD": None, "ExcessMTL": None, "NashMTL": 0.0}.get(name, 1.0)
