"""The encoder follows the decoder's step, and the step goes on until the budget is spent again.

What a step costs is measured through the encoder. One that stands still tells the moved decoder of codes that suited
the old one. Nothing generated depends on it, so it may follow without a word of what was forgotten, as it does in
retraining: a few dozen steps on the -ELBO of retained images descend

    grad L(theta_0 + d, phi) - grad L(theta_0, phi_0),

both of the same images under the same noise. The second is zero in the mean, as the original was trained, and has
nearly all of the variance (Johnson and Zhang 2013), so what is learnt is the decoder's change and nothing else. The
room this wins is spent: on the line on which decoder and encoder move together the step grows as far as the budget
allows. The images are others than the budget's. docs/design/029-encoder-follows.md has the numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.run.seeds import generator
from gsu_cli.solvers.candidates import TIE
from gsu_cli.solvers.step_problem import TOLERANCE, relative_increase
from gsu_cli.solvers.unseen import kind_of
from gsu_cli.surgery.steps import largest_step_within
from gsu_cli.surgery.vectors import add_scaled, norm
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import first, other_retained
from gsu_cli.unlearning.weights import add_, held

ENCODERS = ("kept", "follows")
IMAGES, STEPS, BATCH = 10_000, 40, 256  # retained images of which batches are taken; each is looked at twice
LR, WARM_UP, BETAS = 6e-4, 0.1, (0.9, 0.99)  # of Adam: the rate rises over a tenth, then falls along a cosine
LONGEST = 2.0  # times the step that the budget allowed before
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
    """

    update: Update
    goal: SiteLoss
    retain: Images
    forget: Images
    cost_images: Images
    latents: int
    checked: int


def check_encoder(encoder: str, model: Any, split: Split, bound: str, drift_budget: float | None) -> None:
    """Refuses to move an encoder that has no weights, or a bound that knows of the decoder alone.

    Raises:
        UsageError: with the first of them.
    """
    if encoder == ENCODERS[0]:
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
    """Parameters on which generation does not depend."""
    decoder = set(model.generation_parameters())
    return [name for name, _ in model.named_parameters() if name not in decoder]


def follow(model: Any, original: Any, images: Images, seed: int) -> None:
    """Moves the encoder of ``model``, whose decoder has left ``original``, on retained ``images``."""
    names, chance = _encoder(model), generator(seed)
    weights, at_first = ([dict(m.named_parameters())[k] for k in names] for m in (model, original))
    optimiser = torch.optim.Adam(weights, lr=LR, betas=BETAS)
    for k in range(STEPS):
        u = (k + 1) / STEPS
        rate = u / WARM_UP if u < WARM_UP else 0.5 * (1 + math.cos(math.pi * (u - WARM_UP) / (1 - WARM_UP)))
        optimiser.param_groups[0]["lr"] = LR * rate
        some = images[torch.randint(len(images), (BATCH,), generator=chance)]
        noise = int(torch.randint(2**62, (), generator=chance))
        now, then = (
            torch.autograd.grad(
                m.loss(some.floats(), some.labels, generator(noise)).mean(), own, materialize_grads=True
            )
            for m, own in ((model, weights), (original, at_first))
        )
        for w, a, b in zip(weights, now, then, strict=True):
            w.grad = a - b
        optimiser.step()
    for w in weights:
        w.grad = None


def followed(task: Task, original: Any, step: Stepped) -> Update:
    """Moves the encoder of ``task.model`` after its decoder, and both on until the budget is spent.

    Where the encoder's way does not lower the retain loss of the budget's images it is not gone.

    Args:
        task: whose model has made its step.
        original: the model before it.
        step: the step; its update gets what changes.
    """
    model, update, n = task.model, step.update, len(step.cost_images)
    details, decoder = update.details, list(model.generation_parameters())
    names = [*decoder, *_encoder(model)]
    start, moved = ({k: v.clone() for k, v in parameters(m, names).items()} for m in (original, model))
    images = other_retained(task, n, IMAGES, OTHERS) if len(task.split.retain) > n else step.retain
    follow(model, original, images, task.stream("encoder"))
    way = add_scaled({k: v.clone() for k, v in parameters(model, names).items()}, -1.0, start)

    def loss(of: Any) -> float:
        cost = frozen_elbo(of, step.cost_images, seed=task.stream("budget"), latents=step.latents)
        return cost.mean(parameters(of, decoder))

    def increase(t: float) -> float:
        with held(model, add_scaled(start, t, way)):
            return relative_increase(loss(model), base)

    base, spent = loss(original), details["budget_spent"]
    at_once = increase(1.0)
    better = at_once < spent
    longer, evaluations = 1.0, 2
    if better:
        guess = min(math.sqrt(details["budget"] / at_once), LONGEST) if at_once > 0 else LONGEST
        search = largest_step_within(
            increase, details["budget"], low=1.0, high=LONGEST, guess=guess, rel_tol=TOLERANCE, reach=2.0
        )
        longer, evaluations = max(search.up_to(LONGEST, details["budget"]), 1.0), 2 + len(search.evaluations)
        spent = dict(search.evaluations).get(longer, at_once)
        reached = step.goal.mean({k: start[k] + longer * way[k] for k in decoder})
        before, after = (details["redirect_loss"][k] for k in ("before", "after"))
        if not reached <= after + TIE * abs(before - after):  # far beyond its bottom
            longer, spent, reached = 1.0, at_once, after
        add_(model, way, longer - 1.0)
        details["redirect_loss"] |= {"after": reached}
    else:
        way = add_scaled(moved, -1.0, start)
        with torch.no_grad():
            for name, weights in parameters(model, names).items():
                weights.copy_(moved[name])  # bit for bit
    facts = {"decoder_norm": longer * norm({k: way[k] for k in decoder}), "moved": better, "longer": longer}
    _note(task, original, step, {**facts, "spent_before": details["budget_spent"]})
    details["budget_spent"] = spent
    counts = {k: int(v) for k, v in details["cost"].items() if k in Cost.__dataclass_fields__}
    counts["gradients"] += 2 * STEPS * BATCH
    counts["forward"] += evaluations * n * step.latents + len(step.forget)
    details["cost"] = Cost(**counts).record(len(task.split.dataset.train))
    return update


def _note(task: Task, original: Any, step: Stepped, facts: dict[str, Any]) -> None:
    """What the update says of both parts, now that losses are of another encoder."""

    def loss(model: Any, images: Images, stream: str) -> float:
        found = frozen_elbo(model, images, seed=task.stream(stream))
        return found.mean(parameters(model, list(model.generation_parameters())))

    update = step.update
    update.predicted = {}  # was of the decoder alone
    for part, images in {"retain": step.retain, "forget": step.forget}.items():
        some, stream = first(images, step.checked), f"check {part}"
        update.realised[part] = loss(task.model, some, stream) - loss(original, some, stream)
    if level := update.details.get("class_level"):
        risen = loss(task.model, first(step.forget, level["images"]), "bound") - level["loss_before"]
        update.details["class_level"] = {**level, "increase": risen}
    update.details["encoder"] = {**facts, "steps": STEPS}
