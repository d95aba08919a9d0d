"""Refit: one layer of a network in closed form, so that some inputs are taken for others.

    dW = argmin  E_f |dW a - d|^2 + mu E_r |dW a|^2 + lambda |dW|^2  =  C_f (A_f + mu A_r + lambda I)^-1,
    A = E[a a^T],  C_f = E[d a^T],

``a`` what reaches the layer (with a 1 for its bias), ``d`` what its output lacks at an input to redirect: the output
at the input it is to be taken for, less its own. With Kronecker factors ``A (x) G`` for curvature this is the minimiser
of the quadratic costs whatever ``G``. Nothing behind the layer is linearised: where the output of a layer is right,
so is everything after it.

Sources: closed-form edits of single layers by the input covariance of what is to stay, Meng et al. 2022 and 2023 (ROME,
MEMIT), Gandikota et al. 2024 (UCE); the input factor ``A`` of convolutions, Grosse and Martens 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.errors import UsageError
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.layers import Scope, find_scopes, maps_patches, rows
from gsu_cli.surgery.taps import eval_mode
from gsu_cli.surgery.vectors import Vector, VectorLike

RIDGE = 1e-3  # lambda, of the mean of the diagonal it is added to: what no input constrains stays
ROWS = 50_000  # locations, at most, from which a layer is refitted: of the first inputs of each part
BLOCK, EXACT_BLOCK = 100, 500  # inputs at a time


def _whole(output: Tensor) -> Tensor:
    return output


@dataclass(frozen=True)
class Moments:
    """What a refit rests on, float64: ``A_f`` and ``A_r`` ``(p, p)``, ``C_f`` ``(p, q)``.

    Means over inputs of sums over locations; ``images`` is how many inputs passed the network up to the layer, other
    than on their way to a layer before it.
    """

    A_f: Tensor
    C_f: Tensor
    A_r: Tensor
    images: int

    @classmethod
    def of(
        cls,
        network: nn.Module,
        layer: Scope,
        inputs: Tensor,
        target_inputs: Tensor,
        retain: Tensor,
        *,
        seen: Callable[[Tensor], Tensor] = _whole,
        exact: bool = False,
    ) -> Moments:
        """At the network's own weights.

        Args:
            network, layer, inputs, target_inputs, retain: as of `Refit`.
            seen: what of an output counts, for ``d``.
            exact: sums of products in float64, too, more inputs at a time.
        """
        return cls.of_layers(network, [layer], inputs, target_inputs, retain, seen=seen, exact=exact)[0]

    @classmethod
    @torch.no_grad()
    def of_layers(
        cls,
        network: nn.Module,
        layers: Sequence[Scope],
        inputs: Tensor,
        target_inputs: Tensor,
        retain: Tensor,
        *,
        seen: Callable[[Tensor], Tensor] = _whole,
        exact: bool = False,
    ) -> list[Moments]:
        """The same of several layers, in the order in which they are called: every input passes once for all."""
        gone = _moments(network, layers, inputs, target_inputs, seen=seen, exact=exact)
        kept = _moments(network, layers, retain, None, exact=exact)
        found, passed = [], [0, 0]
        for f, r in zip(gone, kept, strict=True):
            more = [max(part.n - before, 0) for part, before in zip((f, r), passed, strict=True)]
            passed = [n + new for n, new in zip(passed, more, strict=True)]
            found.append(cls(f.A / f.n, f.C / f.n, r.A / r.n, 2 * more[0] + more[1]))
        return found


@dataclass
class _Sums:
    """Of a layer, over its first ``n`` inputs, which have so many locations."""

    A: Any = 0.0
    C: Any = 0.0
    n: int = 0
    located: int = 0


def _moments(
    network: nn.Module,
    layers: Sequence[Scope],
    inputs: Tensor,
    target_inputs: Tensor | None,
    *,
    seen: Callable[[Tensor], Tensor] = _whole,
    exact: bool = False,
) -> list[_Sums]:
    """Sums of ``a a^T`` and ``a d^T`` for each layer."""
    sums, block = [_Sums() for _ in layers], EXACT_BLOCK if exact else BLOCK
    for start in range(0, len(inputs), block):
        lacking = [(layer, s) for layer, s in zip(layers, sums, strict=True) if s.located < ROWS]
        if not lacking:
            break
        part = slice(start, start + block)
        modules = [network.get_submodule(layer.module) for layer, _ in lacking]
        reaching = _reaching(network, modules, inputs[part])
        wanted = None if target_inputs is None else _reaching(network, modules, target_inputs[part])
        for k, (module, (layer, s)) in enumerate(zip(modules, lacking, strict=True)):
            x = reaching[k]
            if wanted is None:
                a = rows(module, layer.own, x, x)[0].flatten(0, 1)
            else:
                d = seen(module(wanted[k])) - seen(module(x))
                a, d = (t.flatten(0, 1) for t in rows(module, layer.own, x, d))
                a, d = (wide(a), wide(d)) if exact else (a, d)
                s.C = s.C + wide(a.T @ d)
            a = wide(a) if exact else a
            s.A = s.A + wide(a.T @ a)
            s.n, s.located = s.n + len(x), s.located + len(a)
    return sums


class Refit:
    """One layer of a network, refitted for any weight ``mu`` of what is to stay.

    Args:
        network: of one tensor, its weights being ``theta``. It runs in eval mode.
        theta: its parameters that may move, by their names with a prefix in front.
        layer: from `first_layers`.
        inputs: ``(n, ...)``, to be taken for others.
        target_inputs: ``(n, ...)``, what they are to be taken for.
        retain: ``(m, ...)``, inputs that are to stay.
        moments: of the same network, layer and inputs, where they are known.

    Example:
        >>> network = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(network.weight, 3.0)
        >>> theta = {"weight": network.weight.detach()}
        >>> (layer,) = first_layers(network, theta, "", torch.ones(1, 1), 1)
        >>> one = torch.ones(1, 1)
        >>> round(Refit(network, theta, layer, one, torch.zeros(1, 1), one)(2.0)["weight"].item(), 2)  # 0, 3 and 3
        2.0
    """

    def __init__(
        self,
        network: nn.Module,
        theta: VectorLike,
        layer: Scope,
        inputs: Tensor,
        target_inputs: Tensor,
        retain: Tensor,
        *,
        moments: Moments | None = None,
    ) -> None:
        found = moments or Moments.of(network, layer, inputs, target_inputs, retain)
        self.theta, self.layer, self.images = dict(theta), layer, found.images
        self.A_f, self.C_f, self.A_r = found.A_f, found.C_f, found.A_r

    @torch.no_grad()
    def __call__(self, mu: float) -> Vector:
        """``theta`` with the layer refitted.

        Args:
            mu: > 0, weight of what is to stay; what is to be redirected has weight 1.
        """
        A = self.A_f + mu * self.A_r
        A.diagonal().add_(RIDGE * A.diagonal().mean())
        change = torch.cholesky_solve(self.C_f, torch.linalg.cholesky(A)).T
        return {**self.theta, **self.layer.unpack(wide(self.layer.pack(self.theta)) + change, self.theta)}


def _reaching(network: nn.Module, modules: Sequence[nn.Module], x: Tensor) -> list[Tensor]:
    """What goes into each of ``modules``, in the order in which they are called, when the network sees ``x``."""
    found: list[Tensor] = []

    def note(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        if len(found) + 1 == len(modules):
            found.append(args[0])
            raise _Seen  # what lies behind is not needed
        found.append(args[0].clone())  # a layer behind may work in place

    handles = [module.register_forward_pre_hook(note) for module in modules]
    try:
        with eval_mode(network):
            network(x)
    except _Seen:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return found


class _Seen(Exception):  # noqa: N818  # no error: it ends a forward pass early
    """All has been seen that was asked for."""


def first_layers(network: nn.Module, theta: VectorLike, prefix: str, inputs: Tensor, layers: int) -> Sequence[Scope]:
    """The first ``layers`` layers with parameters in ``theta``, in the order in which a forward pass calls them.

    Raises:
        UsageError: there are fewer, one is called twice, or is no ``Linear`` and no ungrouped ``Conv2d``.
    """
    scopes, called, _ = _called(network, theta, prefix, inputs)
    chosen, way_out = called[:layers], "Take another solver, or another number of layers"
    if len(chosen) < layers:
        raise UsageError(
            f"a refit of {layers} layers needs as many with parameters", found=len(chosen), way_out=way_out
        )
    for name in chosen:
        _check_refittable(network, scopes[name], called, way_out)
    return [scopes[name] for name in chosen]


def last_layer(network: nn.Module, theta: VectorLike, prefix: str, inputs: Tensor) -> tuple[Scope, bool]:
    """The layer with parameters in ``theta`` that gives the network's output, and whether a sigmoid squashes it.

    Its values may be moved, as reshaping or ``PixelShuffle`` does.

    Raises:
        UsageError: it is called twice, is no ``Linear`` and no ungrouped ``Conv2d``, or its values change otherwise.
    """
    scopes, called, (given, output) = _called(network, theta, prefix, inputs)
    way_out = "Leave out method.finish"
    if not called:
        raise UsageError("a refit of the last layer needs one with parameters", found="none", way_out=way_out)
    last = scopes[called[-1]]
    _check_refittable(network, last, called, way_out)
    values = output.flatten().sort().values
    for squashed, own in ((False, given), (True, given.sigmoid())):
        if torch.equal(own.flatten().sort().values, values):
            return last, squashed
    raise UsageError(
        "a refit of the last layer needs one whose values nothing but a sigmoid changes",
        found=f"more after layer {last.module}",
        way_out=way_out,
    )


def _called(
    network: nn.Module, theta: VectorLike, prefix: str, inputs: Tensor
) -> tuple[dict[str, Scope], list[str], tuple[Tensor, Tensor]]:
    """Layers with parameters in ``theta``, their names as called, the output of the last and of all."""
    scopes = {scope.module: scope for scope in find_scopes(network, list(theta), prefix)}
    called: list[str] = []
    given = inputs

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            nonlocal given
            called.append(name)
            given = output

        return hook

    handles = [network.get_submodule(name).register_forward_hook(note(name)) for name in scopes]
    try:
        with torch.no_grad(), eval_mode(network):
            output = network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return scopes, called, (given, output)


def _check_refittable(network: nn.Module, scope: Scope, called: Sequence[str], way_out: str) -> None:
    name = scope.module
    if not maps_patches(network.get_submodule(name)) or "weight" not in scope.own:
        kind = type(network.get_submodule(name)).__name__
        raise UsageError("a refit needs Linear layers or ungrouped Conv2d", found=f"{kind} {name}", way_out=way_out)
    if called.count(name) > 1:
        raise UsageError("a refit needs layers that are used once", found=f"{name} used again", way_out=way_out)
