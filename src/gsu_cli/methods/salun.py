"""SalUn: random labels, learnt by the weights that matter to the forget loss alone (docs/methods/salun.md).

    m_j = 1 where |dL_f / dtheta_j| is among the largest share ``keep`` of all weights in scope, else 0
    minimise  L_rl + alpha L_r  with gradients times m,
    L_rl = E nll(decoder(z_f), t),   z_f ~ q_0(z | x_f),   t = what the original generates at z_p ~ q_0(z | x_p)

with ``x_p`` a random retain image: a model without labels has no wrong label to learn, so the label of another image
becomes the generated image of another latent. A diffusion model that is told labels learns, at the forgotten one, what
the original says at a random one that is kept. Source: Fan, Liu, Zhang, Wong, Wei and Liu, ICLR 2024, sections 4 and 5.
"""

from __future__ import annotations

import torch

from gsu_cli.checks import as_number
from gsu_cli.gradients import mean_gradient
from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.decoders import site_maker
from gsu_cli.models.protocols import IMAGE_SITES, HasLoss, HasNoiseLevels, TakesConditions
from gsu_cli.objectives.latents import frozen
from gsu_cli.objectives.replaced_targets import random_image_targets, wrong_label_targets
from gsu_cli.surgery.vectors import Vector, VectorLike
from gsu_cli.unlearning.batches import Batches, repeated
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate
from gsu_cli.unlearning.weights import share_of_weights


class SalUn:
    """Saliency unlearning.

    Args:
        keep: share of the weights in scope that may move, in (0, 1].
        alpha: weight of the retain loss, >= 0.
        lr: of the optimiser.
        steps: batches of each part.
        batch_size: images of each part a step; where fewer are retained than forgotten, each is the partner of several.
        scope: "all" parameters or the "generator"'s: where the mask is chosen.
        optimiser: "adam" or "sgd"; both leave weights whose gradient is always 0 alone.
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "salun"
    needs = (HasLoss, IMAGE_SITES)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        keep: float = 0.5,
        alpha: float = 1.0,
        lr: float = 1e-4,
        steps: int = 100,
        batch_size: int = 128,
        scope: str = "generator",
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 10,
    ) -> None:
        as_number("method.keep", keep, more_than=0.0, most=1.0)
        as_number("method.alpha", alpha, least=0.0)
        self.keep, self.alpha = float(keep), float(alpha)
        self.loop = Loop(steps, lr, batch_size, scope, optimiser, retain_budget, log_every)

    def __call__(self, task: Task) -> Update:
        model, original, descent = task.model, frozen(task.model), Descent.of(task, self.loop)
        forget, retain, maker = descent.batches["forget"], descent.batches["retain"], site_maker(model)
        partners = Batches(retain.images, forget.size, seed=task.stream("partners"))

        def gradient() -> Vector:
            descent.cost.gradients += len(forget.images)
            return mean_gradient(model, forget.images, descent.names, seed=task.stream("mask")).vector

        with task.stage("statistics"):
            g_f = task.shared.once("forget gradient", gradient, descent.cost, scope=self.loop.scope)
            mask = largest(g_f, self.keep)
        erased = task.split.target_classes or ()
        told = isinstance(model, HasNoiseLevels) and isinstance(model, TakesConditions) and bool(erased)
        labels = retain.images.labels.unique()  # a condition that training never met is not one that is kept
        kept = labels[~torch.isin(labels, torch.tensor(erased).to(labels))]

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            if told:
                made = wrong_label_targets(original, *forget.draw(), kept, descent.noise)
            else:
                x, y = forget.draw()
                made = random_image_targets(original, x, y, repeated(partners.draw(), len(x)), descent.noise)
            random_label = maker.output_loss.nll(maker.network(*made.inputs), made.targets).mean()
            x, y = retain.draw()
            L_r = model.loss(x, y, descent.noise).mean()
            g = descent.differentiate(random_label + self.alpha * L_r)
            descent.cost.gradients += len(made) + len(x)
            descent.cost.forward += (1 if told else 3) * len(made)  # two posteriors, one generated image
            losses = {"loss": float(L_r.detach()), "random_label_loss": float(random_label.detach())}
            return {key: v * mask[key] for key, v in g.items()}, losses

        update = iterate(descent, self.name, direction)
        update.details["mask_share"] = share_of_weights(mask)
        return update


def largest(g: VectorLike, share: float) -> Vector:
    """1 where ``|g_j|`` is among the largest ``share`` of all entries and not 0, else 0.

    >>> largest({"a": torch.tensor([3.0, -1.0]), "b": torch.tensor([0.0, -2.0])}, 0.5)
    {'a': tensor([1., 0.]), 'b': tensor([0., 1.])}
    """
    sizes = torch.cat([v.abs().flatten() for v in g.values()])
    least = sizes.kthvalue(len(sizes) - max(round(share * len(sizes)), 1) + 1).values
    return {k: ((v.abs() >= least) & (v != 0)).to(v.dtype) for k, v in g.items()}
