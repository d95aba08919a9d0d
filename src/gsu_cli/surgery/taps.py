"""One forward and backward pass that shows, layer by layer, what went in and which gradient came back.

``a`` is the input of a layer and ``g`` the gradient of each sample's loss with respect to the layer's output; the
gradient of its weight is made of these two, so per-sample gradients are never formed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gsu_cli.errors import UsageError

OutputGradient = Callable[[Tensor], Tensor]


def capture(
    module: nn.Module, layers: Mapping[str, nn.Module], inputs: Tensor, output_gradient: OutputGradient
) -> dict[str, tuple[Tensor, Tensor]]:
    """``(a, g)`` of each of ``layers`` for a batch, both with the samples first.

    The module runs in eval mode (its mode is restored), because statistics per sample need samples that do not see
    each other. No weight gradient is computed.

    Args:
        module: a network of one tensor.
        layers: name -> submodule, each to be called exactly once per forward pass.
        inputs: ``(n, ...)`` floats.
        output_gradient: the module's output ``(n, ...)`` -> gradient of each sample's loss with respect to it.

    Raises:
        UsageError: a layer is called twice, never, or with several tensors; a BatchNorm has no running statistics.
    """
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    handles = [layer.register_forward_hook(_tap(name, seen)) for name, layer in layers.items()]
    try:
        with eval_mode(module), torch.enable_grad():
            # a differentiable input puts every layer into the graph, frozen weights or not
            output = module(inputs.detach().clone().requires_grad_())
    finally:
        for handle in handles:
            handle.remove()
    if unused := sorted(layers.keys() - seen.keys()):
        raise UsageError("every layer with Kronecker factors must take part in the forward pass", found=unused[0])
    residual = output_gradient(output.detach())
    outputs = [seen[name][1] for name in layers]
    gradients = torch.autograd.grad(output, outputs, residual, materialize_grads=True) if outputs else ()
    return {name: (seen[name][0], g) for name, g in zip(layers, gradients, strict=True)}


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """``module.eval()`` for a while; afterwards every submodule is back in its own mode."""
    modes = [(m, m.training) for m in module.modules()]
    for name, m in module.named_modules():
        if isinstance(m, _BatchNorm) and m.running_mean is None:
            raise UsageError(
                "per-sample statistics need BatchNorm layers with running statistics", found=name or "the module"
            )
    module.eval()
    try:
        yield
    finally:
        for m, training in modes:
            m.training = training


def _tap(
    name: str, seen: dict[str, tuple[Tensor, Tensor]]
) -> Callable[[nn.Module, tuple[object, ...], Tensor], Tensor]:
    def hook(layer: nn.Module, args: tuple[object, ...], output: Tensor) -> Tensor:
        if name in seen:
            raise UsageError(
                "a layer with Kronecker factors must be used once per forward pass",
                found=f"{name} used again",
                way_out="Leave its parameters out of the scope, or untie it.",
            )
        if len(args) != 1 or not isinstance(args[0], Tensor):
            raise UsageError("a layer with Kronecker factors must take one tensor", found=name)
        seen[name] = (args[0].detach(), output)
        # the copy keeps the tapped tensor safe from an in-place activation behind the layer
        return output.clone()

    return hook
