"""Joint redirection: many small steps on the redirect loss and the retain loss at once, within a retain budget.

    minimise  L_r(theta) + w L(theta)    such that    L_r(theta) <= (1 + budget) L_r(theta_0),

``L`` the redirect loss of Fisher surgery, ``L_r`` the retain loss, ``w`` the price of a nat of the one in nats of the
other. ``w`` is no option: every few steps it rises where budget is left, and falls where it is overspent, as measured
at the moving average of the weights, which is what is kept. It is the iterative peer of Fisher surgery: the same
targets, the same budget, nothing linearised. What the steps descend in place of ``L_r`` is the distance to what the
original generates at latents of retained images: it has no residuals of images, whose gradients are mostly noise.
docs/methods/joint_redirect.md says what it reaches, and for what.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_choice, as_int, as_number, as_share
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import BLOCK, parameters
from gsu_cli.methods.base import Cost, Strength, Task, Update, add_
from gsu_cli.models.decoders import site_maker
from gsu_cli.models.protocols import HasDecoder
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.targets import TARGETS
from gsu_cli.run.seeds import generator
from gsu_cli.solvers.joint_losses import Looks, joint_losses
from gsu_cli.solvers.step_problem import relative_increase
from gsu_cli.surgery.steps import largest_step_within
from gsu_cli.surgery.taps import eval_mode
from gsu_cli.surgery.vectors import Vector, add_scaled
from gsu_cli.unlearning.batches import Batches
from gsu_cli.unlearning.images import draw_images, redirect_images, untold
from gsu_cli.unlearning.optimisers import Adam, warm_up_then_cosine
from gsu_cli.unlearning.weights import generating_weights

FIRST_PRICE = 0.05  # nats of the retain loss for a nat of the redirect loss
ADAPTS = 1.0  # how fast the price answers: a look at an unspent budget would raise it by e
MOST_ADAPTED = 0.7  # of the logarithm of the price, at one look
WARM_UP = 0.2  # share of the steps in which the learning rate rises; then it falls to nothing along a cosine
AVERAGED = 0.9  # of the average of the weights that stays at each step, less at the first ones
BETAS = (0.9, 0.99)  # of Adam: a thousand steps of memory are more than there are
RETAIN_TARGETS = ("own", "images")
SPENT = 0.03  # of the budget: a way back that spends all but so much of it is long enough


class JointRedirect:
    """Descends both losses by Adam.

    Args:
        budget: largest relative raise of the retain loss on training images, 0.01 is 1 %; in (0, 1].
        steps: of the optimiser.
        lr: its largest learning rate.
        batch_size: retained images a step.
        redirect_size: forgotten ones a step.
        target: what comes instead, as for Fisher surgery.
        retain_targets: "own", retained images are held at what the original generates at one latent of each of
            ``pool_images``; "images", at random batches of all of them, each at a new latent.
        pool_images: at most, for "own".
        retain_images: at most, among which targets are chosen.
        forget_images: at most, that are redirected.
        budget_images: at most, of those retained, on which the budget is measured.
        log_every: steps between two looks at the budget, and two points of the trajectory.
    """

    name = "joint_redirect"
    needs = (HasDecoder,)
    strength = Strength("budget", 1e-3, 0.1, is_budget=True)

    def __init__(
        self,
        budget: float = 0.01,
        steps: int = 150,
        lr: float = 4e-3,
        batch_size: int = 256,
        redirect_size: int = 128,
        target: str = "auto",
        retain_targets: str = "own",
        pool_images: int = 10_000,
        retain_images: int = 4_000,
        forget_images: int = 3_000,
        budget_images: int = 3_000,
        log_every: int = 10,
    ) -> None:
        self.budget = as_share("method.budget", budget)
        as_number("method.lr", lr, more_than=0.0)
        sizes = {"steps": steps, "batch_size": batch_size, "redirect_size": redirect_size, "log_every": log_every}
        for key, value in sizes.items():
            as_int(f"method.{key}", value, 1)
        counts = {"retain_images": retain_images, "forget_images": forget_images}
        counts |= {"budget_images": budget_images, "pool_images": pool_images}
        for key, value in counts.items():
            as_int(f"method.{key}", value, 2)
        as_choice("method.target", target, TARGETS)
        as_choice("method.retain_targets", retain_targets, RETAIN_TARGETS)
        self.retain_targets, self.pool_images = retain_targets, pool_images
        self.steps, self.lr, self.target, self.log_every = steps, float(lr), target, log_every
        self.batch_size, self.redirect_size = batch_size, redirect_size
        self.retain_images, self.forget_images, self.budget_images = retain_images, forget_images, budget_images

    def __call__(self, task: Task) -> Update:
        model = task.model
        retain, forget = redirect_images(task, self.retain_images, self.forget_images)
        losses = joint_losses(task, self.target, retain, forget, self.budget_images)
        cost = losses.cost
        origin = generating_weights(model)
        base, before = cost.mean(origin), losses.redirect.mean(origin)
        looks = Looks.of(losses)
        looks.spent.forward += len(cost)
        looks.at(0, origin, FIRST_PRICE)

        def increase(theta: Vector) -> float:
            looks.spent.forward += len(cost)
            return relative_increase(cost.mean(theta), base)

        try:
            with task.stage("step"), eval_mode(model):
                _put(model, self._descend(task, looks, losses.redirect.sites[:], origin))
                length = self._back(model, increase, origin)
        except NonFiniteError:
            _put(model, origin)
            raise
        now = parameters(model, list(origin))
        reached = losses.redirect.mean(now)
        if not reached < before:
            _put(model, origin)
            raise UsageError(
                "joint redirection must lower the redirect loss",
                found=f"{before:.4f} before and not less after {self.steps} steps",
                way_out="Raise method.steps or method.budget, or lower method.lr",
            )
        retained = cost.mean(now)
        update = Update(self.name, self.steps)
        update.realised = {
            "retain": retained - base,
            "forget": losses.check.mean(now) - losses.check.mean(origin),
        }
        update.details = {
            "budget": self.budget,
            "budget_spent": relative_increase(retained, base),
            "redirect_loss": {"before": before, "after": reached, "floor": losses.goal.floor},
            "clean_targets": losses.goal.clean_fraction,
            "target": {"kind": losses.goal.kind, "region": losses.goal.region} | losses.told,
            "length": length,
            "images": {"retain": len(retain), "forget": len(forget), "budget": len(cost), "check": len(losses.check)},
            "trajectory": looks.trajectory,
            "cost": looks.spent.record(len(task.split.dataset.train)),
        }
        return update

    def _descend(self, task: Task, looks: Looks, sites: Sites, origin: Vector) -> Vector:
        """Moves the model; returns the moving average of its weights."""
        model, maker = task.model, site_maker(task.model)
        own, average = dict(model.named_parameters()), {k: v.clone() for k, v in origin.items()}
        weights = [own[k] for k in origin]
        staying = self._staying(task, looks.spent)
        order, price = generator(task.stream("order")), FIRST_PRICE
        optimiser = Adam(weights, self.lr, BETAS)
        for k in range(self.steps):
            optimiser.lr = self.lr * warm_up_then_cosine((k + 1) / self.steps, WARM_UP)
            stay = staying()
            turn = sites[torch.randint(len(sites), (self.redirect_size,), generator=order)]
            both = Sites.joined([stay, turn])
            losses = maker.output_loss.nll(maker.network(*both.inputs), both.targets)
            loss = losses[: len(stay)].mean() + price * losses[len(stay) :].mean()
            looks.spent.gradients += len(losses)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise NonFiniteError(
                    f"the joint loss must stay finite (step {k + 1})",
                    found=value,
                    way_out="Lower method.lr; the original checkpoint is untouched",
                )
            for w, g in zip(weights, torch.autograd.grad(loss, weights, materialize_grads=True), strict=True):
                w.grad = g
            optimiser.step()
            for w, mean in zip(weights, average.values(), strict=True):
                w.grad = None
                mean.lerp_(w.detach(), 1 - min(AVERAGED, (k + 1) / (k + 10)))
            if (k + 1) % self.log_every == 0 or k + 1 == self.steps:
                increase = looks.at(k + 1, average, price)
                price *= math.exp(max(-MOST_ADAPTED, min(MOST_ADAPTED, ADAPTS * (1 - increase / self.budget))))
            task.on_progress(k + 1, self.steps, value)
        return average

    def _staying(self, task: Task, spent: Cost) -> Callable[[], Sites]:
        """What makes a batch of sites at which retained images are held."""
        model, maker = task.model, site_maker(task.model)
        noise = generator(task.stream("noise"))
        if self.retain_targets == "images":
            kept = untold(model, task.split.retain_images, seed=task.stream("untold", "batches"))
            batches = Batches(kept, self.batch_size, seed=task.stream("batches"))

            def fresh() -> Sites:
                made = maker.sites(*batches.draw(), noise)
                return Sites(made.inputs, made.targets)

            return fresh
        pool = draw_images(task.split, "retain", self.pool_images, seed=task.stream("pool"))
        pool = untold(model, pool, seed=task.stream("untold", "pool"))
        spent.generated += len(pool)
        made = []
        with torch.no_grad():
            for part in torch.arange(len(pool)).split(BLOCK):
                some = pool[part]
                inputs = maker.sites(some.floats(), some.labels, noise).inputs
                made.append(Sites(inputs, maker.output_loss.mean(maker.network(*inputs))))
        own, order = Sites.joined(made), generator(task.stream("batches"))
        n = min(self.batch_size, len(own))
        return lambda: own[torch.randint(len(own), (n,), generator=order)]

    def _back(self, model: Any, increase: Callable[[Vector], float], origin: Vector) -> float:
        """Back towards the original until the budget is kept; returns the share of the way that is left."""
        now = {k: v.clone() for k, v in parameters(model, list(origin)).items()}
        if increase(now) <= self.budget:
            return 1.0
        way = add_scaled(now, -1.0, origin)
        search = largest_step_within(
            lambda t: increase(add_scaled(origin, t, way)),
            self.budget,
            low=0.5,
            high=1.0,
            rel_tol=SPENT,
            reach=1e3,
        )
        share = search.up_to(1.0, self.budget)  # the search may have gone beyond, where the loss is no bowl
        _put(model, origin)
        add_(model, way, share)
        return share


@torch.no_grad()
def _put(model: Any, values: Vector) -> None:
    own: dict[str, Tensor] = dict(model.named_parameters())
    for key, value in values.items():
        own[key].copy_(value)
