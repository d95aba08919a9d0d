"""Selective amnesia: learn a surrogate in place of what is to be forgotten, and remember the rest by replay and EWC.

    minimise  E nll(decoder(z_f), s) + gamma E L(x~) + lambda sum_j F_j (theta_j - theta_0j)^2

``z_f ~ q_0(z | x_f)`` latents of forget images, ``s`` a draw of the surrogate (uniform noise, or a retain image),
``x~`` images that the original generates and a labeller does not call forget, ``F`` the diagonal Fisher over generated
images. Source: Heng and Soh, "Selective Amnesia", NeurIPS 2023, arXiv 2305.10120, written for conditional models:
without a label to condition on, the latents of forget images stand in for it. docs/methods/selective_amnesia.md
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_choice, as_int, as_number
from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Cost, Strength, Task, Update
from gsu_cli.models.conditions import NULL, conditions_of, usual_conditions
from gsu_cli.models.decoders import site_maker
from gsu_cli.models.protocols import IMAGE_SITES, HasDecoder, HasLoss
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.latents import decoded, frozen, latents, prior
from gsu_cli.objectives.replaced_targets import image_targets
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import uniform
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.batches import Batches
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.labeller import Labeller, train_labeller
from gsu_cli.unlearning.loop import iterate

SURROGATES = ("noise", "retain")
N_FISHER, N_REPLAY, LABELLER_IMAGES = 10_000, 10_000, 2_000
CHUNK = 500  # generated images a pass


class SelectiveAmnesia:
    """Elastic weight consolidation turned against a part of the data.

    Args:
        surrogate: what is generated at forget latents: "noise", uniform in [0, 1], or "retain", random retain images.
        gamma: weight of the replay, >= 0; 0 replays nothing.
        ewc: lambda, weight of the penalty, >= 0; 0 takes no Fisher.
        n_fisher: generated images for the Fisher.
        n_replay: generated images that are replayed, those called forget left out.
        labeller_images: of each part, at most, on which the labeller is trained.
        lr: of the optimiser.
        steps: batches of each part.
        batch_size: images of each part a step.
        optimiser: "adam" or "sgd".
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "selective_amnesia"
    needs = (HasLoss, IMAGE_SITES)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        surrogate: str = "noise",
        gamma: float = 1.0,
        ewc: float = 100.0,
        n_fisher: int = N_FISHER,
        n_replay: int = N_REPLAY,
        labeller_images: int = LABELLER_IMAGES,
        lr: float = 1e-4,
        steps: int = 100,
        batch_size: int = 256,
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 10,
    ) -> None:
        as_choice("method.surrogate", surrogate, SURROGATES)
        as_number("method.gamma", gamma, least=0.0)
        as_number("method.ewc", ewc, least=0.0)
        for key, value in {"n_fisher": n_fisher, "n_replay": n_replay, "labeller_images": labeller_images}.items():
            as_int(f"method.{key}", value, 1)
        for weight, key, value, usual in (
            ("gamma", "n_replay", n_replay, N_REPLAY),
            ("gamma", "labeller_images", labeller_images, LABELLER_IMAGES),
            ("ewc", "n_fisher", n_fisher, N_FISHER),
        ):
            if not {"gamma": gamma, "ewc": ewc}[weight] and value != usual:
                raise UsageError(
                    f"`method.{key}` must be left out with method.{weight}=0, which does not read it",
                    found=value,
                    way_out=f"Leave it out, or raise method.{weight}",
                )
        self.surrogate, self.gamma, self.ewc = surrogate, float(gamma), float(ewc)
        self.n_fisher, self.n_replay, self.labeller_images = n_fisher, n_replay, labeller_images
        self.loop = Loop(steps, lr, batch_size, "generator", optimiser, retain_budget, log_every)

    def __call__(self, task: Task) -> Update:
        model, original, descent = task.model, frozen(task.model), Descent.of(task, self.loop)
        memories, labeller, F, once = None, None, Vector(), task.shared.once
        if self.ewc:
            F = once("fisher", lambda: self._fisher(task, original, descent.cost), descent.cost, n=self.n_fisher)
        if self.gamma:
            options = {"n": self.n_replay, "labeller_images": self.labeller_images}
            remember = partial(self._replay, task, original, descent.cost)
            labeller, found = once("replay", remember, descent.cost, **options)
            memories = Batches(found, self.loop.batch_size, seed=task.stream("replay"))
        maker = site_maker(model)
        start = {k: w.detach().clone() for k, w in zip(descent.names, descent.weights, strict=True)}

        def replaced(x: Tensor, y: Tensor) -> Sites:
            """Of a decoder latents are sampled before the surrogates, as ever."""
            if isinstance(original, HasDecoder):
                z = latents(original, x, y, descent.noise)
                return Sites((z,), surrogate(len(z)))
            return image_targets(original, x, y, surrogate(len(x)), descent.noise)

        def surrogate(n: int) -> Tensor:
            if self.surrogate == "noise":
                return uniform((n, *task.split.dataset.shape), descent.noise, descent.weights[0])
            pool = descent.batches["retain"].images
            return pool.floats(torch.randint(len(pool), (n,), generator=descent.noise))

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            x_f, y_f = descent.batches["forget"].draw()
            made = replaced(x_f, y_f)
            corrupt = maker.output_loss.nll(maker.network(*made.inputs), made.targets).mean()
            descent.cost.gradients += len(made)
            descent.cost.forward += len(made)
            parts, loss = {"surrogate_loss": corrupt}, corrupt
            if memories is not None:
                x, y = memories.draw()
                parts["replay_loss"] = model.loss(x, y, descent.noise).mean()
                descent.cost.gradients += len(x)
                loss = loss + self.gamma * parts["replay_loss"]
            if F:
                own = zip(descent.names, descent.weights, strict=True)
                parts["elastic"] = torch.stack([(F[name] * (w - start[name]).square()).sum() for name, w in own]).sum()
                loss = loss + self.ewc * parts["elastic"]
            parts = {"loss": loss, **parts}
            return descent.differentiate(loss), {key: float(v.detach()) for key, v in parts.items()}

        update = iterate(descent, self.name, direction)
        if memories is not None and labeller is not None:
            update.details |= {"replayed": len(memories.images), "labeller": labeller.record()}
        return update

    def _fisher(self, task: Task, original: Any, cost: Cost) -> Vector:
        cost.fisher += self.n_fisher
        cost.generated += self.n_fisher
        with task.stage("statistics"):
            x = generated(original, self.n_fisher, seed=task.stream("fisher images"))
            return diagonal_fisher(original, x, seed=task.stream("fisher"))

    def _replay(self, task: Task, original: Any, cost: Cost) -> tuple[Labeller, Images]:
        with task.stage("labeller"):
            labeller = train_labeller(task, cost, most=self.labeller_images)
        cost.generated += self.n_replay
        cost.forward += self.n_replay
        with task.stage("statistics"):
            return labeller, replay(original, labeller, self.n_replay, seed=task.stream("replay images"))


def generated(model: Any, n: int, *, seed: int) -> Images:
    """``n`` generated images, 8 bits a pixel, labelled with what was asked for (nothing: 0)."""
    g = generator(seed)
    if isinstance(model, HasDecoder):
        z, y = prior(model, n, g)
        images = [decoded(model, part) for part in z.split(CHUNK)]
    elif conditions_of(model):
        noise, y = model.noise(n, g), usual_conditions(model, n, g)
        images = [model.generate(a, b) for a, b in zip(noise.split(CHUNK), y.split(CHUNK), strict=True)]
        y = y.to(noise.device)
    else:
        images = [model.sample(n, g)]
        y = torch.full((n,), NULL, device=images[0].device)
    pixels = torch.cat([(255 * part).round().to(torch.uint8) for part in images])
    return Images(pixels, y if conditions_of(model) else torch.zeros_like(y))


def replay(model: Any, labeller: Labeller, n: int, *, seed: int) -> Images:
    """Those of ``n`` generated images that the labeller does not call forget.

    Raises:
        UsageError: it calls all of them so.
    """
    images = generated(model, n, seed=seed)
    shows = torch.cat([labeller.shows(x) for x, _ in images.batches(CHUNK)])
    if bool(shows.all()):
        raise UsageError(
            "replay needs generated images that do not show what is to be forgotten",
            found=f"none in {n}, says the method's labeller",
            way_out="Raise method.n_replay or method.labeller_images",
        )
    return images[(~shows).nonzero()[:, 0]]
