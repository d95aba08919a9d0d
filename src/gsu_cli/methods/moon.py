"""Feature unlearning by a target vector in latent space (docs/methods/moon.md).

    z_e = mean(Z+) - mean(Z-),    Z+, Z- the prior latents whose images a labeller says show the feature, or not
    a(z) = z.z_e / z_e.z_e,       z^ = z - (a(z) - t) z_e where a(z) > t,   so that a(z^) = t
    minimise  (1 - s) |g(z) - f(z)|_1 + alpha s (|g(z) - f(z^)|_1 + 1 - MS-SSIM(g(z), f(z^))),   s = [a(z) > t]

over ``z ~ N(0, I)``, with ``f`` the original and ``g`` the moving model: where the feature points, generate what
the original generates with the feature taken out; elsewhere, generate as before. Source: Moon, Cho and Kim, "Feature
Unlearning for Pre-trained GANs and VAEs", AAAI 2024, arXiv 2303.05699.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_choice, as_int, as_number
from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Cost, Strength, Task, Update
from gsu_cli.models.decoders import check_maps_noise
from gsu_cli.models.protocols import HasDecoder, HasLatents, MapsNoise
from gsu_cli.objectives.latents import decoded, frozen, output_at, prior
from gsu_cli.objectives.ms_ssim import ms_ssim
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import share_of
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.classes import check_recognisable
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.labeller import train_labeller
from gsu_cli.unlearning.loop import iterate

CHUNK = 500  # latents a pass
CHECKED = 1000  # translated latents, at most, whose images the labeller looks at again


class Moon:
    """Learns to generate without the feature.

    Args:
        alpha: weight of the images whose feature is taken out, > 0.
        t: the projection that they are brought to: a number, or "midpoint" between the means of Z+ and Z-.
        n_generated: generated images that are labelled for the target vector.
        labeller_images: of each part, at most, on which the labeller is trained.
        lr: of the optimiser.
        steps: batches of latents.
        batch_size: latents a step.
        optimiser: "adam" or "sgd".
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "moon"
    needs = (HasDecoder | HasLatents,)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        alpha: float = 1.0,
        t: float | str = "midpoint",
        n_generated: int = 25_000,
        labeller_images: int = 2_000,
        lr: float = 1e-4,
        steps: int = 200,
        batch_size: int = 128,
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 10,
    ) -> None:
        as_number("method.alpha", alpha, more_than=0.0)
        if isinstance(t, str):
            as_choice("method.t", t, ("midpoint",))
        else:
            as_number("method.t", t)
        as_int("method.n_generated", n_generated, 2)
        as_int("method.labeller_images", labeller_images, 1)
        self.alpha, self.t = float(alpha), t
        self.n_generated, self.labeller_images = n_generated, labeller_images
        self.loop = Loop(steps, lr, batch_size, "generator", optimiser, retain_budget, log_every)

    def check_model(self, model: object) -> None:
        """Refuses a model that generates step by step.

        Raises:
            NotApplicableError: with its name.
        """
        if isinstance(model, MapsNoise):
            check_maps_noise(model)

    def __call__(self, task: Task) -> Update:
        if not isinstance(task.model, HasDecoder):
            check_recognisable(task.split, self.name)
        model, f, descent = task.model, frozen(task.model), Descent.of(task, self.loop)
        options = {"t": self.t, "n_generated": self.n_generated, "labeller_images": self.labeller_images}
        z_e, t, facts = task.shared.once("target", lambda: self._target(task, f, descent.cost), descent.cost, **options)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            z, _ = prior(f, self.loop.batch_size, descent.noise)
            s = projection(z, z_e) > t
            with torch.no_grad():
                goal = output_at(f, translate(z, z_e, t))
                goal = goal.clamp(0.0, 1.0) if isinstance(f, HasDecoder) else goal
            found = output_at(model, z)
            descent.cost.gradients += len(z)
            descent.cost.generated += len(z)
            l1 = (found - goal).abs().flatten(1).mean(1)
            keep, unlearn, perceptual = l1[~s].sum(), l1[s].sum(), (1 - ms_ssim(found[s], goal[s])).sum()
            parts = {"keep": keep / len(z), "unlearn": unlearn / len(z), "perceptual": perceptual / len(z)}
            loss = parts["keep"] + self.alpha * (parts["unlearn"] + parts["perceptual"])
            return descent.differentiate(loss), {k: float(v.detach()) for k, v in {"loss": loss, **parts}.items()}

        update = iterate(descent, self.name, direction)
        update.details |= facts
        return update

    def _target(self, task: Task, f: Any, cost: Cost) -> tuple[Tensor, float, dict[str, Any]]:
        """The target vector, where along it is the border, and what the record says of both."""
        with task.stage("labeller"):
            labeller = train_labeller(task, cost, most=self.labeller_images)
        with task.stage("target"):
            z = prior(f, self.n_generated, generator(task.stream("generated")))[0]
            shows = torch.cat([labeller.shows(decoded(f, part)) for part in z.split(CHUNK)])
            z_e = target_vector(z, shows)
            a = projection(z, z_e)
            t = float(a[shows].mean() + a[~shows].mean()) / 2 if self.t == "midpoint" else float(self.t)
            moved = translate(z[a > t][:CHECKED], z_e, t)
            still = share_of(labeller.shows(decoded(f, moved))) if len(moved) else None
        cost.generated += self.n_generated + len(moved)
        cost.forward += self.n_generated + len(moved)
        return (
            z_e,
            t,
            {
                "t": t,
                "target": {"norm": float(z_e.norm()), "positives": int(shows.sum()), "generated": self.n_generated},
                "beyond_t": share_of(a > t),
                "still_labelled": still,
                "labeller": labeller.record(),
            },
        )


def target_vector(z: Tensor, shows: Tensor) -> Tensor:
    """``z_e = mean(Z+) - mean(Z-)``, ``(z,)``.

    Raises:
        UsageError: all or none of the generated images show the feature.
    """
    n = int(shows.sum())
    if n in (0, len(z)):
        raise UsageError(
            "a target vector needs generated images with and without what is to be forgotten",
            found=f"{n} of {len(z)} that the method's labeller says show it",
            way_out="Raise method.n_generated, or forget a class or an attribute that the model generates",
        )
    return z[shows].mean(0) - z[~shows].mean(0)


def projection(z: Tensor, z_e: Tensor) -> Tensor:
    """``a(z) = z.z_e / z_e.z_e``, ``(n,)``."""
    return z @ z_e / (z_e @ z_e)


def translate(z: Tensor, z_e: Tensor, t: float) -> Tensor:
    """``z^ = z - max(a(z) - t, 0) z_e``: where the projection exceeds ``t`` it becomes ``t``, all else stays.

    >>> translate(torch.tensor([[3.0, 5.0], [0.5, 7.0]]), torch.tensor([2.0, 0.0]), 0.5)
    tensor([[1.0000, 5.0000],
            [0.5000, 7.0000]])
    """
    return z - (projection(z, z_e) - t).clamp(min=0.0)[:, None] * z_e
