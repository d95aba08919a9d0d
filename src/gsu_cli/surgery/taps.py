"""One forward and backward pass that shows, layer by layer, what went in and which gradient came back.

``a`` is the input of a layer and ``g`` the gradient of each sample's loss with respect to the layer's output; the
gradient of its weight is made of these two, so per-sample gradients are never formed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gsu_cli.errors import UsageError

GRADIENTS_ALONE = "Use a method that needs gradients alone, such as method=gradient_surgery"
OutputGradient = Callable[[Tensor], Tensor]
Inputs = Tensor | tuple[Tensor, ...]
"""What a network takes: one tensor ``(n, ...)``, or several, ``(x_t, t)`` of a diffusion model say."""

Use = tuple[Tensor, Tensor]
"""``a`` and ``g`` of one call of a layer, both with the samples first."""


def as_tuple(inputs: Inputs) -> tuple[Tensor, ...]:
    """The tensors of ``inputs``."""
    return (inputs,) if isinstance(inputs, Tensor) else inputs


def capture(
    module: nn.Module, layers: Mapping[str, nn.Module], inputs: Inputs, output_gradient: OutputGradient
) -> dict[str, list[Use]]:
    """``(a, g)`` of each call of ``layers`` for a batch, in the order of the calls.

    The module runs in eval mode (its mode is restored), because statistics per sample need samples that do not see
    each other. No weight gradient is computed.

    Args:
        module: a network of these inputs.
        layers: name -> submodule, each to be called at least once per forward pass, with one tensor.
        inputs: one tensor ``(n, ...)`` or a tuple of them, handed over in order; those of integers (timesteps, labels)
            as they are.
        output_gradient: the module's output ``(n, ...)`` -> gradient of each sample's loss with respect to it.

    Raises:
        UsageError: a layer is never called, with several tensors, or not with the samples first; a BatchNorm has no
            running statistics.
    """
    seen: dict[str, list[Use]] = {}
    n = len(as_tuple(inputs)[0])
    handles = [layer.register_forward_hook(_tap(name, seen, n)) for name, layer in layers.items()]
    try:
        with eval_mode(module), torch.enable_grad():
            # a differentiable input puts every layer into the graph, frozen weights or not
            output = module(*(_leaf(x) for x in as_tuple(inputs)))
    finally:
        for handle in handles:
            handle.remove()
    if unused := sorted(layers.keys() - seen.keys()):
        raise UsageError(
            "every layer with Kronecker factors must take part in the forward pass",
            found=f"{unused[0]}, which is not called",
            way_out="Leave its parameters out of generation_parameters()",
        )
    residual = output_gradient(output.detach())
    outputs = [y for name in layers for _, y in seen[name]]
    # a sum, whose gradient is the residual to the last bit: handed over as `grad_outputs`, it makes torch import sympy
    weighted = (output * residual).sum()
    found = iter(torch.autograd.grad(weighted, outputs, materialize_grads=True) if outputs else ())
    return {name: [(a, next(found)) for a, _ in seen[name]] for name in layers}


def _leaf(x: Tensor) -> Tensor:
    return x.detach().clone().requires_grad_() if x.is_floating_point() else x


def without_running_statistics(module: nn.Module) -> Iterator[str]:
    """Names of the BatchNorm layers that let samples see each other in eval mode, too."""
    for name, m in module.named_modules():
        if isinstance(m, _BatchNorm) and m.running_mean is None:
            yield name or "the module"


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """``module.eval()`` for a while; afterwards every submodule is back in its own mode."""
    modes = [(m, m.training) for m in module.modules()]
    if (name := next(without_running_statistics(module), None)) is not None:
        raise UsageError(
            "per-sample statistics need BatchNorm layers with running statistics",
            found=name,
            way_out="Train the model with track_running_stats=True",
        )
    module.eval()
    try:
        yield
    finally:
        for m, training in modes:
            m.training = training


def _tap(name: str, seen: dict[str, list[Use]], n: int) -> Callable[[nn.Module, tuple[object, ...], Any], Tensor]:
    def hook(layer: nn.Module, args: tuple[object, ...], output: Any) -> Tensor:
        if len(args) != 1 or not isinstance(args[0], Tensor) or not isinstance(output, Tensor):
            raise UsageError(
                "a layer with Kronecker factors must take one tensor and give one",
                found=f"{name}, a {type(layer).__name__}",
                way_out=GRADIENTS_ALONE,
            )
        if not len(args[0]) == len(output) == n:
            raise UsageError(
                "a layer with Kronecker factors must see the samples first",
                found=f"{name} with {tuple(args[0].shape)} for {n} samples",
                way_out=f"Give it (n, ...) tensors, neither transposed nor folded. Or: {GRADIENTS_ALONE}",
            )
        if not output.requires_grad:  # behind integers alone, a label's embedding say, with frozen weights
            output = output.detach().requires_grad_()
        seen.setdefault(name, []).append((args[0].detach(), output))
        # the copy keeps the tapped tensor safe from an in-place activation behind the layer
        copy: Tensor = output.clone()
        return copy

    return hook
