"""SISS: training without the forgotten images, written as a difference, sampled near both (docs/methods/siss.md).

    L_r = n / (n - k) E_x l(x) - k / (n - k) E_a l(a)                       x of all images, a of the k forgotten ones
    theta <- theta - lr (g_x - s g_a),   s |g_a| = share |g_x|
    g_x = n / (n - k) grad E w_x l(m, x),   g_a = grad E w_a l(m, a),   m of `objectives.mixture`

The first line holds for every loss; both terms are estimated at the same points ``m``, half of them near ``x`` and half
near ``a``, and the second is given a fixed share of the first one's length. Source: Alberti, Hasanaliyev, Shah and
Ermon, "Data Unlearning in Diffusion Models", ICLR 2025.
"""

from __future__ import annotations

import torch

from gsu_cli.checks import as_number
from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.decoders import site_maker
from gsu_cli.models.protocols import IMAGE_SITES, HasDecoder, HasLoss, HasNoiseLevels
from gsu_cli.objectives.latents import frozen
from gsu_cli.objectives.mixture import mixture
from gsu_cli.surgery.vectors import Vector, combine, norm, scale
from gsu_cli.unlearning.batches import Batches, repeated
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate


class Siss:
    """Subtracted importance-sampled scores.

    Args:
        mix: share of the points that are sampled near forget images, in (0, 1).
        share: norm of the forget term over that of the other, > 0.
        lr: of the optimiser.
        steps: batches of pairs.
        batch_size: pairs a step; forget images are repeated where there are fewer.
        optimiser: "adam" or "sgd".
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "siss"
    needs = (HasLoss, HasNoiseLevels | HasDecoder, IMAGE_SITES)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        mix: float = 0.5,
        share: float = 0.1,
        lr: float = 1e-4,
        steps: int = 100,
        batch_size: int = 128,
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 10,
    ) -> None:
        self.mix = as_number("method.mix", mix, more_than=0.0)
        if not self.mix < 1:
            raise UsageError("`method.mix` must be below 1: some points must lie near images that stay", found=mix)
        self.share = as_number("method.share", share, more_than=0.0)
        self.loop = Loop(steps, lr, batch_size, "generator", optimiser, retain_budget, log_every)

    def __call__(self, task: Task) -> Update:
        original, descent, maker = frozen(task.model), Descent.of(task, self.loop), site_maker(task.model)
        forget, everything = descent.batches["forget"], task.split.dataset.train
        pairs = Batches(everything, self.loop.batch_size, seed=task.stream("pairs"))
        weight = len(everything) / task.split.n_retain

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            x, y = pairs.draw()
            made = mixture(original, (x, y), repeated(forget.draw(), len(x)), self.mix, descent.noise)
            output = maker.network(*made.kept.inputs)
            other = maker.network(*made.gone.inputs) if made.told else output
            nll = maker.output_loss.nll
            of_x = (made.of_kept * nll(output, made.kept.targets)).mean()
            of_a = (made.of_gone * nll(other, made.gone.targets)).mean()
            own = list(descent.weights)
            grads = [torch.autograd.grad(v, own, retain_graph=True, materialize_grads=True) for v in (of_x, of_a)]
            g_x, g_a = (dict(zip(descent.names, g, strict=True)) for g in grads)
            g_x = scale(g_x, weight)
            length = norm(g_a)
            s = self.share * norm(g_x) / length if length > 0 else 0.0
            descent.cost.gradients += 2 * len(x)
            found = {
                "loss": float(of_x.detach()),
                "forget_loss": float(of_a.detach()),
                "scale": s,
                "between": made.between(),
            }
            return combine([1.0, -s], [g_x, g_a]), found

        return iterate(descent, self.name, direction)
