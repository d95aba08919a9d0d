"""The encoder follows the decoder's step, and the step goes on until the budget is spent again.

What a step costs is measured through the encoder. One that stands still tells the moved decoder of codes that suited
the old one. Nothing generated depends on it, so it may follow, as it does in retraining: a few dozen steps descend

    grad L(theta_0 + d, phi) - grad L(theta_0, phi_0),    L = L_r + w L_f

both of the same images under the same noise. The second is zero in the mean, as the original was trained, and has
nearly all of the variance (Johnson and Zhang 2013), so what is learnt is the decoder's change and nothing else. A few
batches come up again and again, so the second gradient is taken once of each. ``L_r`` is the -ELBO of retained images,
others than the budget's, and ``L_f``, with a small weight, that of forgotten classes: an encoder is the approximate
posterior of its decoder for whatever it is shown, and a stale one overstates what forgetting did to their loss. The
weight grows with how far that loss is beyond the level expected of a class never trained on, and is 0 where it is not.

The room this wins is spent: on the line on which decoder and encoder move together the step grows as far as the budget
allows. docs/design/029-encoder-follows.md has the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.models.frozen import generating, trainable
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.run.seeds import generator
from gsu_cli.solvers.candidates import TIE
from gsu_cli.solvers.step_problem import relative_increase
from gsu_cli.solvers.unseen import kind_of
from gsu_cli.surgery.steps import largest_step_within
from gsu_cli.surgery.vectors import Vector, add_scaled, norm
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import first, other_retained
from gsu_cli.unlearning.optimisers import Adam, warm_up_then_cosine
from gsu_cli.unlearning.weights import add_, held

ENCODERS = ("auto", "kept", "follows")
IMAGES = 10_000  # retained ones, at most, of which batches are taken
STEPS, BATCHES, BATCH = 36, 18, 128  # of Adam; different batches, which come in turn; retained images in each
FORGOTTEN, WEIGHT = 32, 0.15  # forgotten images in a batch; what their mean loss weighs, at most, beside the others'
LR, WARM_UP, BETAS = 4.5e-4, 0.1, (0.9, 0.99)  # of Adam: the rate rises over a tenth, then falls along a cosine
LONGEST, SHORTEST = 2.0, 0.95  # times the step that the budget allowed before; the last for what forgotten images ask
LEFT = 0.02  # of the budget, what may be left unspent: half of it is aimed at, and the square law is nearly exact here
OTHERS = 1_000_000  # which images of `other_retained`: no shot has this number


@dataclass(frozen=True)
class Stepped:
    """A step of the decoder, and what it was measured on.

    Attributes:
        update: what was done.
        goal: the redirect loss.
        retain, forget: the images that took part, in order.
        cost_images: the retained ones of the budget.
        latents: of each of those.
        checked: of each part, of whose losses realised changes are.
        base: the retain loss of the budget at the original.
        before: of each part, the mean loss of those that are checked at the original.
    """

    update: Update
    goal: SiteLoss
    retain: Images
    forget: Images
    cost_images: Images
    latents: int
    checked: int
    base: float
    before: Mapping[str, float]


def check_encoder(encoder: str, model: Any, split: Split, bound: str, drift_budget: float | None) -> None:
    """Refuses to move an encoder that has no weights, or a bound that knows of the decoder alone.

    Raises:
        UsageError: with the first of them.
    """
    if encoder != "follows":
        return
    if not _encoder(model):
        raise UsageError(
            "`method.encoder=follows` needs a model with weights beside its decoder's",
            found=type(model).__name__,
            way_out="Leave out method.encoder",
        )
    ends = kind_of(bound, split) == "leverage" or bound == "class_level"
    if ends or drift_budget is not None:
        raise UsageError(
            "`method.encoder=follows` must be alone with the retain budget: it goes on with a step that another bound "
            "would end",
            found=f"method.drift_budget={drift_budget}"
            if drift_budget is not None
            else f"method.bound={bound} of {split.words}",
            way_out="Leave out method.encoder"
            + (", or type method.bound=none" if ends and drift_budget is None else ""),
        )


def _encoder(model: Any) -> list[str]:
    """Parameters on which generation does not depend, and that are not frozen."""
    decoder = set(model.generation_parameters())
    return [name for name in trainable(model) if name not in decoder]


def follow(model: Any, original: Any, retain: Images, forget: Images, *, weight: float, seed: int) -> None:
    """Moves the encoder of ``model``, whose decoder has left ``original``.

    Args:
        model: in eval mode.
        original: likewise; not moved.
        retain: retained images.
        forget: forgotten ones.
        weight: of their mean loss beside that of those retained; 0: they take no part.
        seed: of batches and noise.
    """
    names, chance = _encoder(model), generator(seed)
    weights, at_first = ([dict(m.named_parameters())[k] for k in names] for m in (model, original))
    optimiser = Adam(weights, LR, BETAS, fused=True)

    def batch() -> tuple[Tensor, Tensor, int]:
        """Pixels, labels and the seed of the noise."""
        parts = [(retain, BATCH)] + ([(forget, FORGOTTEN)] if weight else [])
        some = [of[torch.randint(len(of), (n,), generator=chance)] for of, n in parts]
        seed = int(torch.randint(2**62, (), generator=chance))
        return torch.cat([i.floats() for i in some]), torch.cat([i.labels for i in some]), seed

    def gradient(of: Any, own: list[Tensor], x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, ...]:
        losses = of.loss(x, y, generator(seed))
        loss = losses[:BATCH].mean() + (weight * losses[BATCH:].mean() if weight else 0.0)
        return torch.autograd.grad(loss, own, materialize_grads=True)

    batches = [batch() for _ in range(BATCHES)]
    then = [gradient(original, at_first, *shown) for shown in batches]
    for k in range(STEPS):
        u, j = (k + 1) / STEPS, k % BATCHES
        optimiser.lr = LR * warm_up_then_cosine(u, WARM_UP)
        now = gradient(model, weights, *batches[j])
        for w, a, b in zip(weights, now, then[j], strict=True):
            w.grad = a.sub_(b)
        optimiser.step()
    optimiser.forget_gradients()


@dataclass
class _Line:
    """From the original through where decoder and encoder have got to, and on.

    Attributes:
        task, step: whose it is.
        start: both at the original.
        way: to where they are.
        tried: relative increase of the retain loss at shares of the way.
    """

    task: Task
    step: Stepped
    start: Vector
    way: Vector
    tried: dict[float, float] = field(default_factory=dict)

    def increase(self, t: float) -> float:
        """At a share ``t`` of the way, measured through the encoder there."""
        model, step = self.task.model, self.step
        with held(model, add_scaled(self.start, t, self.way)):
            cost = frozen_elbo(model, step.cost_images, seed=self.task.stream("budget"), latents=step.latents)
            found = relative_increase(cost.mean(parameters(model, generating(model))), step.base)
        self.tried[t] = found
        return found

    def fits(self, spent: float, budget: float, *, shorter: bool) -> bool:
        """Whether the encoder's way costs less than standing still; or ``shorter`` does and is within the budget."""
        return self.increase(1.0) < spent or (shorter and self.increase(SHORTEST) <= budget)

    def longest(self, budget: float) -> tuple[float, int]:
        """The largest share of the way within the budget, and how often it was measured."""
        at_once = self.tried[1.0]
        guess = min(math.sqrt((1 - LEFT / 2) * budget / at_once), LONGEST) if at_once > 0 else LONGEST
        search = largest_step_within(
            self.increase, budget, low=SHORTEST, high=LONGEST, guess=guess, rel_tol=LEFT, reach=2.0
        )
        self.tried |= dict(search.evaluations)
        return max(t for t, r in self.tried.items() if t <= LONGEST and r <= budget), len(search.evaluations)


def followed(task: Task, original: Any, step: Stepped) -> Update:
    """Moves the encoder of ``task.model`` after its decoder, and both on until the budget is spent.

    Where the encoder's way does not lower the retain loss of the budget's images it is not gone. Where forgotten images
    took part it may cost a twentieth of the step, at most; where that is not enough, one of retained images alone is
    tried.

    Args:
        task: whose model has made its step.
        original: the model before it.
        step: the step; its update gets what changes.
    """
    model, update, n = task.model, step.update, len(step.cost_images)
    details, decoder = update.details, generating(model)
    names = [*decoder, *_encoder(model)]
    start, moved = ({k: v.clone() for k, v in parameters(m, names).items()} for m in (original, model))
    images = other_retained(task, n, IMAGES, OTHERS) if len(task.split.retain) > n else step.retain
    budget, spent = details["budget"], details["budget_spent"]
    tries = evaluations = 0
    most = forgotten_weight(task.split, details.get("class_level"))
    for weight in (most, 0.0) if most else (0.0,):
        follow(model, original, images, step.forget, weight=weight, seed=task.stream("encoder"))
        tries += 1
        there = {k: v.clone() for k, v in parameters(model, names).items()}
        line = _Line(task, step, start, add_scaled(there, -1.0, start))
        fits = line.fits(spent, budget, shorter=weight > 0)
        evaluations += len(line.tried)
        if fits:
            break
        _restore(model, moved)
    longer = 1.0
    if fits:
        longer, measured = line.longest(budget)
        evaluations += measured
        reached = step.goal.mean({k: start[k] + longer * line.way[k] for k in decoder})
        before, after = (details["redirect_loss"][k] for k in ("before", "after"))
        if not reached <= after + TIE * abs(before - after) and longer > 1 and line.tried[1.0] <= budget:
            longer, reached = 1.0, after  # that was far beyond its bottom
        add_(model, line.way, longer - 1.0)
        spent, details["redirect_loss"]["after"] = line.tried[longer], reached
    else:
        line.way = add_scaled(moved, -1.0, start)
    details["encoder"] = {
        "decoder_norm": longer * norm({k: line.way[k] for k in decoder}),
        "moved": fits,
        "longer": longer,
        "spent_before": details["budget_spent"],
        "steps": STEPS,
        "images": {"retain": BATCHES * BATCH, "forget": BATCHES * FORGOTTEN if weight else 0},
        "weight": weight,
    }
    details["budget_spent"] = spent
    _note(task, step)
    counts = {k: int(v) for k, v in details["cost"].items() if k in Cost.__dataclass_fields__}
    counts["gradients"] += (STEPS + BATCHES) * (tries * BATCH + (FORGOTTEN if most else 0))
    counts["forward"] += evaluations * n * step.latents + len(step.forget)
    details["cost"] = Cost(**counts).record(len(task.split.dataset.train))
    return update


def forgotten_weight(split: Split, level: Mapping[str, Any] | None) -> float:
    """What forgotten images weigh: of whole classes, as much as their loss has risen beyond that of unseen ones.

    `WEIGHT` where it has risen half as far again as expected, or further, or where no level is known; 0 where it has
    not risen as far.

    Args:
        split: what is forgotten.
        level: `UnseenLevel.facts` after the step; None: none was asked for.
    """
    if kind_of("auto", split) != "class_level":
        return 0.0
    if not level or not level["expected_increase"] > 0:
        return WEIGHT
    beyond = float(level["increase"]) / float(level["expected_increase"]) - 1
    return WEIGHT * min(max(2 * beyond, 0.0), 1.0)


@torch.no_grad()
def _restore(model: Any, weights: Mapping[str, Tensor]) -> None:
    """Bit for bit."""
    for name, own in parameters(model, list(weights)).items():
        own.copy_(weights[name])


def _note(task: Task, step: Stepped) -> None:
    """What the update says of both parts, now that losses are of another encoder."""

    def loss(images: Images, stream: str) -> float:
        found = frozen_elbo(task.model, images, seed=task.stream(stream))
        return found.mean(parameters(task.model, generating(task.model)))

    update = step.update
    for part, images in {"retain": step.retain, "forget": step.forget}.items():
        update.realised[part] = loss(first(images, step.checked), f"check {part}") - step.before[part]
    if level := update.details.get("class_level"):
        risen = loss(first(step.forget, level["images"]), "bound") - level["loss_before"]
        update.details["class_level"] = {**level, "increase": risen}
