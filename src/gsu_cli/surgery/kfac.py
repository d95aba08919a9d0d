"""K-FAC: the Fisher of each layer as ``A (x) G``, from one streamed pass over samples.

Conventions. The loss of a sample is the sum over its outputs; ``F = E[grad grad^T]`` over samples, the Fisher of the
mean loss per sample. With ``T`` locations per sample (one for vectors), ``A = E[sum_t a_t a_t^T]`` and
``G = E[sum_t g_t g_t^T] / T``: the "expand" setting, which takes ``a`` and ``g`` to be independent and gradients of
different locations to be uncorrelated. It is exact for one location and ``a`` independent of ``g``, or one sample.
Calls of a layer that is used several times in one pass count as further locations.

Sources: Martens & Grosse 2015, section 3 (Linear, homogeneous coordinate); Grosse & Martens 2016, section 3
(convolutions); Eschenhagen et al. 2023 for the name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.surgery.devices import add_wide
from gsu_cli.surgery.kronecker import KroneckerFactors, KroneckerFisher, LayerFactors
from gsu_cli.surgery.layers import find_scopes, rows, squared_gradients
from gsu_cli.surgery.patch_moments import by_shifts, patch_moments
from gsu_cli.surgery.taps import Inputs, OutputGradient, Use, as_tuple, capture, eval_mode
from gsu_cli.surgery.vectors import Vector


class KroneckerBuilder:
    """Streams batches into Kronecker factors.

    Linear, Conv2d and ConvTranspose2d layers get factors, convolutions one pair per group; a transposed convolution's
    bias and the parameters of any other leaf module get a diagonal Fisher. The module runs in eval mode. Sums are kept
    in float64, so the split into batches matters to rounding only.

    Args:
        module: a network of one or several tensors, a decoder say.
        names: the parameters to cover, as they are called in vectors (with ``prefix``); all when None.
        prefix: put before the module's own parameter names, "decoder." say.
        locations: how many locations a sample should give to a factor; a convolution with more of them is shown a
            part of the samples instead, so that its factors cost no more than a smaller layer's. None: all of them.

    Raises:
        UsageError: names that do not exist; tied weights; parameters that no leaf module owns; no location.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> builder = KroneckerBuilder(layer)
        >>> builder.accumulate(torch.tensor([[2.0]]), lambda output: torch.full_like(output, 3.0))
        >>> fisher = builder.finish()
        >>> fisher.layers[0].A.tolist(), fisher.layers[0].G.tolist()
        ([[4.0, 2.0], [2.0, 1.0]], [[9.0]])
    """

    def __init__(
        self,
        module: nn.Module,
        names: Collection[str] | None = None,
        *,
        prefix: str = "",
        locations: int | None = None,
    ) -> None:
        if locations is not None and locations < 1:
            raise UsageError("Kronecker factors need at least one location a sample", found=locations)
        self.module, self.most = module, locations
        self.scopes = find_scopes(module, names, prefix)
        self._layers = {scope.module: module.get_submodule(scope.module) for scope in self.scopes}
        self._A: dict[str, Tensor] = {}
        self._G: dict[str, Tensor] = {}
        self._locations: dict[str, int] = {}
        self._samples: dict[str, int] = {}
        self._diagonal: Vector = {}
        self._n = 0

    def accumulate(self, inputs: Inputs, output_gradient: OutputGradient) -> None:
        """Add a batch.

        Args:
            inputs: ``(n, ...)``, or a tuple of such tensors where the network takes several.
            output_gradient: the module's output -> ``d loss_i / d output_i`` per sample; with targets sampled from the
                model itself (``likelihood.fisher_residual``) the result is the true Fisher, with the data's targets
                the empirical one.
        """
        self.add(self.terms(inputs, output_gradient))

    def terms(self, inputs: Inputs, output_gradient: OutputGradient) -> Vector:
        """What a batch adds, for `add`: products by kind, layer and call, and counts. The builder stays as it is."""
        taps = capture(self.module, self._layers, inputs, output_gradient)
        found: Vector = {"n": torch.tensor(len(as_tuple(inputs)[0]))}
        for i, scope in enumerate(self.scopes):
            layer, uses = self._layers[scope.module], taps[scope.module]
            if not scope.kronecker:
                with eval_mode(layer):
                    squares = squared_gradients(layer, scope.own, uses)
                found |= {f"diagonal {scope.own[k]}": square for k, square in squares.items()}
                continue
            used = self._share(layer, uses)
            for call, (x, y) in enumerate(uses):
                A, G, locations = _moments(layer, scope.own, x[:used], y[:used])
                found[f"A {i} {call}"], found[f"G {i} {call}"] = A, G
                found[f"counts {i} {call}"] = torch.tensor([0 if call else used, locations])
        return found

    def add(self, terms: Vector) -> None:
        """Adds the terms of a batch."""
        for key, term in terms.items():
            kind, _, rest = key.partition(" ")
            if kind == "n":
                self._n += int(term)
            elif kind == "diagonal":
                add_wide(self._diagonal, rest, term)
            else:
                name = self.scopes[int(rest.split()[0])].module
                if kind == "counts":
                    used, locations = term.tolist()
                    self._samples[name] = self._samples.get(name, 0) + used
                    self._locations[name] = self._locations.get(name, 0) + locations
                else:
                    add_wide(self._A if kind == "A" else self._G, name, term)

    def _share(self, layer: nn.Module, uses: Sequence[Use]) -> int:
        """How many samples of a batch, whose order is random, a layer is shown."""
        n = len(uses[0][1])
        if self.most is None or isinstance(layer, nn.Linear):
            return n
        # locations: a convolution's output pixels, a transposed convolution's input pixels
        at = 0 if isinstance(layer, nn.ConvTranspose2d) else 1
        return min(n, max(1, -(-n * self.most // sum(use[at][0, 0].numel() for use in uses))))

    def finish(self) -> KroneckerFisher:
        """Factors, eigenbases and eigenvalues.

        Raises:
            UsageError: no sample was seen.
            NonFiniteError: a factor is not finite.
        """
        return self.factors().fisher()

    def factors(self) -> KroneckerFactors:
        """Factors alone: without the eigenbases, which are the dearer part of a wide layer.

        Raises:
            UsageError: no sample was seen.
            NonFiniteError: a factor is not finite.
        """
        if self._n == 0:
            raise UsageError("Kronecker factors need at least one sample", found=0)
        layers = []
        for scope in (s for s in self.scopes if s.kronecker):
            name = scope.module
            A, G = self._A[name] / self._samples[name], self._G[name] / self._locations[name]
            if not (torch.isfinite(A).all() and torch.isfinite(G).all()):
                raise NonFiniteError("Kronecker factors must be finite", found=f"nan or inf in layer {scope.module!r}")
            layers.append(LayerFactors(scope, A, G))
        diagonal = {k: s / self._n for k, s in self._diagonal.items()}
        if bad := [k for k, s in diagonal.items() if not torch.isfinite(s).all()]:
            raise NonFiniteError("the diagonal Fisher must be finite", found=f"nan or inf in {bad[0]}")
        return KroneckerFactors(tuple(layers), diagonal, self._n)


def _moments(layer: nn.Module, own: Collection[str], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, int]:
    """``sum a a^T`` and ``sum g g^T`` of the rows of a batch, and how many rows."""
    if "weight" in own and by_shifts(layer, x):
        g = y.flatten(2).mT.flatten(0, 1)
        return patch_moments(x, "bias" in own), g.mT @ g, len(g)
    a, g = (r.flatten(-3, -2) for r in rows(layer, own, x, y))
    return a.mT @ a, g.mT @ g, a.shape[-2]
