"""EK-FAC: the K-FAC eigenbasis with the right curvature along each of its axes.

``A (x) G`` fixes ``p q`` eigenvalues by ``p + q`` numbers. A second pass measures them all,
``s = E[(U_G^T grad U_A)^2]``: of all diagonals in that basis the nearest to ``F`` in the Frobenius norm, so never
worse than K-FAC's.

Source: George et al. 2018, section 3.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.surgery.devices import device_of, wide
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.layers import rows
from gsu_cli.surgery.taps import Inputs, OutputGradient, as_tuple, capture
from gsu_cli.surgery.vectors import Vector


class EigenvalueBuilder:
    """Streams the samples once more and re-estimates the eigenvalues of a :class:`KroneckerFisher`.

    Args:
        module: the network that ``fisher`` was built from.
        fisher: result of a ``KroneckerBuilder``; its bases are kept.
    """

    def __init__(self, module: nn.Module, fisher: KroneckerFisher) -> None:
        self.module, self.fisher = module, fisher
        self._layers = {x.scope.module: module.get_submodule(x.scope.module) for x in fisher.layers}
        self._sums = [torch.zeros_like(x.eigenvalues) for x in fisher.layers]
        # rotating the activations in their own precision keeps this pass as cheap as the first
        dtype = next((p.dtype for p in module.parameters()), torch.float32)
        device = device_of(module)
        self._bases = [(x.U_A.to(device, dtype), x.U_G.to(device, dtype)) for x in fisher.layers]
        self._n = 0

    def accumulate(self, inputs: Inputs, output_gradient: OutputGradient) -> None:
        """Add a batch; arguments as for ``KroneckerBuilder.accumulate``."""
        self.add(self.terms(inputs, output_gradient))

    def terms(self, inputs: Inputs, output_gradient: OutputGradient) -> Vector:
        """What a batch adds, for `add`; the builder stays as it is."""
        taps = capture(self.module, self._layers, inputs, output_gradient)
        found: Vector = {"n": torch.tensor(len(as_tuple(inputs)[0]))}
        for i, (layer, (U_A, U_G)) in enumerate(zip(self.fisher.layers, self._bases, strict=True)):
            name = layer.scope.module
            uses = [rows(self._layers[name], layer.scope.own, *use) for use in taps[name]]
            # a sample's gradient is a sum over the calls of a layer, as it is over locations
            a, g = (torch.cat(t, -2) if len(uses) > 1 else t[0] for t in zip(*uses, strict=True))
            if layer.scope.groups == 1:
                found[str(i)] = _squares(a @ U_A, g @ U_G)
            else:
                pairs = zip(a, U_A, g, U_G, strict=True)
                found[str(i)] = torch.stack([_squares(x @ U, y @ V) for x, U, y, V in pairs])
        return found

    def add(self, terms: Vector) -> None:
        """Adds the terms of a batch."""
        for key, term in terms.items():
            if key == "n":
                self._n += int(term)
            else:
                self._sums[int(key)].add_(term)

    def finish(self) -> KroneckerFisher:
        """The same Fisher with measured eigenvalues.

        Raises:
            UsageError: no sample was seen.
            NonFiniteError: an eigenvalue is not finite.
        """
        if self._n == 0:
            raise UsageError("EK-FAC eigenvalues need at least one sample", found=0)
        layers = []
        for layer, total in zip(self.fisher.layers, self._sums, strict=True):
            if not torch.isfinite(total).all():
                where = f"nan or inf in layer {layer.scope.module!r}"
                raise NonFiniteError("EK-FAC eigenvalues must be finite", found=where)
            layers.append(replace(layer, eigenvalues=total / self._n))
        return replace(self.fisher, layers=tuple(layers))


def _squares(a: Tensor, g: Tensor) -> Tensor:
    """``sum_n (sum_t g_nt a_nt^T)^2`` entry by entry, ``(q, p)`` float64."""
    p, q = a.shape[2], g.shape[2]
    if a.shape[1] == 1:  # the square of a product: one matrix product for the whole batch
        return wide(g[:, 0].square().T @ a[:, 0].square())
    total = wide(a.new_zeros(q, p))
    chunk = max(1, 2**24 // (p * q))  # at most 64 MB of float32 per-sample gradients at a time
    for a_i, g_i in zip(torch.split(a, chunk), torch.split(g, chunk), strict=True):
        total += (g_i.transpose(1, 2) @ a_i).square().sum(0).to(total.device)
    return total
