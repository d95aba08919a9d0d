"""The Fisher of a network as one Kronecker product per layer, and its damped inverse as a geometry.

Per layer, with ``A`` ``(p, p)`` from the layer's inputs, ``G`` ``(q, q)`` from its output gradients, eigenbases ``U_A``
and ``U_G``: ``F ~ A (x) G = (U_A (x) U_G) diag(s) (U_A (x) U_G)^T`` with ``s = s_A (x) s_G`` for K-FAC and
``s = E[(U_G^T grad U_A)^2]``, the best diagonal in that basis, for EK-FAC. Parameters without factors (scale and shift
of normalisations, the bias of transposed convolutions) have a diagonal ``F``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

import torch
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.layers import Scope
from gsu_cli.surgery.vectors import Vector, VectorLike

NEGLIGIBLE = 1e-6  # of the mean eigenvalue of all layers: below it a layer counts as one that nothing depends on
DampingScope = Literal["global", "layer"]


@dataclass(frozen=True)
class LayerFactors:
    """Factors of one layer, float64. Of a convolution in several groups each has the group as a first dimension."""

    scope: Scope
    A: Tensor
    G: Tensor


@dataclass(frozen=True)
class KroneckerFactors:
    """``F`` without its eigenbasis, which costs more than the factors: all that a trace in another's basis needs.

    Attributes:
        layers: the layers with factors.
        diagonal: parameter name -> ``E[grad^2]``, float64, for parameters without factors.
        n: how many samples the statistics saw.
    """

    layers: tuple[LayerFactors, ...]
    diagonal: Vector
    n: int

    def fisher(self) -> KroneckerFisher:
        """With eigenbases and eigenvalues."""
        return KroneckerFisher(tuple(map(_decomposed, self.layers)), self.diagonal, self.n)


def _decomposed(layer: LayerFactors) -> KroneckerLayer:
    (e_A, U_A), (e_G, U_G) = eigenbasis(layer.A), eigenbasis(layer.G)
    return KroneckerLayer(layer.scope, layer.A, layer.G, U_A, U_G, e_G[..., :, None] * e_A[..., None, :])


@dataclass(frozen=True)
class KroneckerLayer(LayerFactors):
    """With the basis. ``eigenvalues`` is ``(q, p)``, the layout of the packed gradient."""

    U_A: Tensor
    U_G: Tensor
    eigenvalues: Tensor

    def rotated(self, v: VectorLike) -> Tensor:
        """``U^T v`` for this layer's part of ``v``, float64."""
        return self.U_G.mT @ wide(self.scope.pack(v)) @ self.U_A

    def transform(self, v: VectorLike, spectrum: Tensor, inside: Tensor | None = None) -> Vector:
        """``U diag(spectrum) U^T v`` for this layer's part of ``v``; ``inside`` is `rotated` where that is known."""
        inside = self.rotated(v) if inside is None else inside
        return self.scope.unpack(self.U_G @ (inside * spectrum) @ self.U_A.mT, v)


@dataclass(frozen=True)
class KroneckerFisher(KroneckerFactors):
    """``F``, the Fisher of the mean loss per sample, block by block; attributes as those of its factors."""

    layers: tuple[KroneckerLayer, ...]

    def names(self) -> list[str]:
        """The parameters that ``F`` covers."""
        return [k for layer in self.layers for k in layer.scope.own.values()] + list(self.diagonal)

    def mean_eigenvalue(self) -> float:
        """``trace F / number of parameters``: the scale that relative damping is relative to."""
        blocks = [layer.eigenvalues for layer in self.layers] + list(self.diagonal.values())
        return sum(float(s.sum()) for s in blocks) / max(sum(s.numel() for s in blocks), 1)

    def apply(self, v: VectorLike) -> Vector:
        """``F v``; ``v.F v / 2`` is the second-order price of the step ``v`` by the Gauss-Newton rule."""
        return self._each(v, [layer.eigenvalues for layer in self.layers], self.diagonal)

    def inverse(
        self, damping: float, *, relative: bool = True, damping_scope: DampingScope = "global"
    ) -> KroneckerInverse:
        """``P = (F + lambda I)^-1``, exact in the eigenbasis.

        Args:
            damping: ``lambda``, > 0; directions whose curvature is far above it are suppressed.
            relative: ``damping`` counts in mean eigenvalues of ``F``, so that one value suits models of any scale.
            damping_scope: that mean is taken over all parameters ("global": layers keep their proportion) or layer by
                layer ("layer": each layer is damped alike, parameters without factors together count as one).

        Raises:
            UsageError: a damping that is not positive, or a relative one of a Fisher (or layer) that is zero.
        """
        if not (isfinite(damping) and damping > 0):
            raise UsageError("`damping` must be a positive number", found=damping)
        if damping_scope not in ("global", "layer"):
            raise UsageError("`damping_scope` must be global or layer", found=damping_scope)
        means = [self.mean_eigenvalue()] * (len(self.layers) + 1)
        if damping_scope == "layer":
            rest = replace(self, layers=())
            means = [float(layer.eigenvalues.mean()) for layer in self.layers] + [rest.mean_eigenvalue()]
            # a layer that the loss does not depend on has a Fisher and a gradient of rounding errors alone, and their
            # quotient would be the longest part of the step
            least = NEGLIGIBLE * self.mean_eigenvalue()
            means = [max(mean, least) if mean > 0 else mean for mean in means]
        if not relative:
            means = [1.0] * len(means)
        if min(means if self.diagonal else means[:-1], default=0.0) <= 0:
            raise UsageError(
                "relative damping needs a Fisher that is not zero",
                found=f"a mean eigenvalue of 0 from {self.n} samples",
                way_out="Choose a model whose loss depends on its weights: this one's does not",
            )
        spectra = tuple(1 / (x.eigenvalues + damping * m) for x, m in zip(self.layers, means[:-1], strict=True))
        return KroneckerInverse(self, spectra, {k: 1 / (s + damping * means[-1]) for k, s in self.diagonal.items()})

    def rotated(self, v: VectorLike) -> tuple[Tensor, ...]:
        """``U^T v`` of each layer, the same for every damping; for `KroneckerInverse.knowing`."""
        return tuple(layer.rotated(v) for layer in self.layers)

    def _each(
        self,
        v: VectorLike,
        spectra: list[Tensor] | tuple[Tensor, ...],
        diagonal: Vector,
        insides: tuple[Tensor, ...] | None = None,
    ) -> Vector:
        if set(v) != set(self.names()):
            raise ValueError(f"vector and Fisher differ in parameters: {sorted(set(v) ^ set(self.names()))}")
        parts: Vector = {k: (wide(v[k]) * s).to(v[k]) for k, s in diagonal.items()}
        for i, (layer, spectrum) in enumerate(zip(self.layers, spectra, strict=True)):
            parts.update(layer.transform(v, spectrum, None if insides is None else insides[i]))
        return {k: parts[k] for k in v}


Rotations = tuple[tuple[VectorLike, tuple[Tensor, ...]], ...]
"""Vectors and what `KroneckerFisher.rotated` makes of them."""


@dataclass(frozen=True)
class KroneckerInverse:
    """A geometry: ``P v = (F + lambda I)^-1 v``. Built by :meth:`KroneckerFisher.inverse`."""

    fisher: KroneckerFisher
    spectra: tuple[Tensor, ...]
    diagonal: Vector
    known: Rotations = ()

    def knowing(self, rotations: Rotations) -> KroneckerInverse:
        """The same to the last bit, without rotating these vectors anew; they are told by identity."""
        return replace(self, known=rotations)

    def apply(self, v: VectorLike) -> Vector:
        insides = next((insides for vector, insides in self.known if vector is v), None)
        return self.fisher._each(v, self.spectra, self.diagonal, insides)


def eigenbasis(M: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (negative rounding cut to 0) and eigenvectors of a symmetric positive semidefinite matrix."""
    e, U = torch.linalg.eigh(M)
    return e.clamp(min=0), U
