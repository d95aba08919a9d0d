"""What each image costs a model, at noise that is recorded: the training loss, and of a VAE a tighter bound on -log p.

    IWAE_i = -log (1/K sum_k p(x_i, z_k) / q(z_k | x_i)),  z_k ~ q(z | x_i)

Source: Burda, Grosse and Salakhutdinov, arXiv 1509.00519. Two models at the same noise are compared image by image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gsu_cli.audit.leave_out import IWAE, LOSS
from gsu_cli.data.base import Images
from gsu_cli.gradients import block_generator, image_losses
from gsu_cli.models.conditions import conditions_of
from gsu_cli.models.protocols import HasDecoder
from gsu_cli.run.seeds import derive
from gsu_cli.surgery.devices import device_of, normal
from gsu_cli.surgery.taps import eval_mode

BLOCK = 500  # images that share a generator


@dataclass(frozen=True)
class Noise:
    """At which noise losses are taken.

    Attributes:
        seed: of all of it.
        repeats: of the training loss, which are averaged.
        latents: of each image for the importance-weighted bound; 0 leaves it out.
    """

    seed: int
    repeats: int
    latents: int

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Noise:
        """That of a design."""
        found = about["noise"]
        return cls(int(found["seed"]), int(found["repeats"]), int(found["latents"]))

    def losses(self, model: Any, images: Images, part: str) -> dict[str, Tensor]:
        """By bound, ``(n,)`` float64; ``part`` names the stream. The second bound only where the model has one."""
        seeds = [derive(self.seed, "leave out", part, k) for k in range(self.repeats)]
        found = {LOSS: torch.stack([image_losses(model, images, seed=s).double() for s in seeds]).mean(0)}
        if self.latents and has_iwae(model):
            seed = derive(self.seed, "leave out", part, "iwae")
            found[IWAE] = iwae(model, images, latents=self.latents, seed=seed)
        return found


def has_iwae(model: object) -> bool:
    """Whether the importance-weighted bound is that of the model: latents under N(0, I), and nothing else given."""
    return isinstance(model, HasDecoder) and not conditions_of(model)


@torch.no_grad()
def iwae(model: Any, images: Images, *, latents: int, seed: int) -> Tensor:
    """The importance-weighted bound on -log p of each image, ``(n,)`` float64, in the unit of the likelihood."""
    device, found = device_of(model), []
    with eval_mode(model):
        for b, (pixels, _) in enumerate(images.batches(BLOCK)):
            x, rng = pixels.to(device), block_generator(seed, b)
            mean, sd = model.posterior(x)
            weights = []
            for _ in range(latents):
                eps = normal(mean.shape, rng, mean)
                z = mean + sd * eps
                ratio = 0.5 * (z.square() - eps.square()).sum(1) - sd.log().sum(1)  # log q(z | x) - log p(z)
                weights.append(-(model.likelihood.nll(model.decoder(z), x) + ratio).double().cpu())
            found.append(math.log(latents) - torch.stack(weights).logsumexp(0))
    return torch.cat(found)
