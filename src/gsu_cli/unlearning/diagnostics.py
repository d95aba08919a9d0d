"""What every record says of an update, whatever the method: conflict, survival, change and drift, layer by layer.

At the original weights, over the same few images of both parts and all parameters,

    c_l = cos(g_f, g_r) in layer l,      share_l = |d_l|^2 / |g_f,l|^2,  d = g_f - (g_f.g_r / g_r.g_r) g_r,

and for the step ``D`` that the method took: ``g.D``, the change of each part's loss to first order, beside the change
that came true under the same noise. Layers are parameters, by name. None stands where a quantity does not exist.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError
from gsu_cli.gradients import mean_gradient, mean_loss
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.vectors import Vector, dot, select
from gsu_cli.unlearning.weights import cosine

IMAGES, PIXELS = 500, 1_500_000  # of each part, at most: one block of MNIST, 122 faces of 64 x 64 in colour


def enough(pixels: int) -> int:
    """How many images of so many pixels and channels are looked at: convolutions over faces cost seconds a hundred.

    >>> enough(28 * 28), enough(3 * 64 * 64), enough(10**6)
    (500, 122, 50)
    """
    return min(IMAGES, max(PIXELS // pixels, 50))


def diagnose(before: nn.Module, after: nn.Module, parts: dict[str, Images], *, seed: int) -> dict[str, Any]:
    """The diagnostics of the step from ``before`` to ``after``.

    Args:
        before: the original.
        after: the same architecture, moved; of finite weights.
        parts: images of "forget" and "retain".
        seed: of the losses' noise, the same before and after.

    Returns:
        ``images`` (n by part), ``cosine`` (``all`` and by layer), ``surviving_share`` (likewise), ``loss_change``
        (by part: ``first_order`` and ``realised``, nats per image) and ``buffer_drift`` (largest absolute change by
        buffer).
    """
    names = [k for k, _ in before.named_parameters()]
    found = {part: mean_gradient(before, images, names, seed=seed) for part, images in parts.items()}
    g_f, g_r = found["forget"].vector, found["retain"].vector
    step = {k: (p - q).detach() for (k, p), q in zip(after.named_parameters(), before.parameters(), strict=True)}
    d = project_out(g_f, [g_r]).direction
    return {
        "images": {part: len(images) for part, images in parts.items()},
        "cosine": {"all": cosine(g_f, g_r), **{k: cosine(select(g_f, [k]), select(g_r, [k])) for k in names}},
        "surviving_share": {"all": _share(d, g_f), **{k: _share(select(d, [k]), select(g_f, [k])) for k in names}},
        "loss_change": {
            part: {
                "first_order": dot(found[part].vector, step),
                "realised": _realised(before, after, images, seed),
            }
            for part, images in parts.items()
        },
        "buffer_drift": {k: _largest(b - a) for (k, a), b in zip(before.named_buffers(), after.buffers(), strict=True)},
    }


def _share(d: Vector, g: Vector) -> float | None:
    square = dot(g, g)
    return dot(d, d) / square if square > 0 else None


def _realised(before: nn.Module, after: nn.Module, images: Images, seed: int) -> float | None:
    try:
        return mean_loss(after, images, seed=seed) - mean_loss(before, images, seed=seed)
    except NonFiniteError:  # weights are finite, their loss need not be: a method may have destroyed the model
        return None


def _largest(change: Tensor) -> float:
    return float(change.abs().max()) if change.numel() else 0.0
