"""A small GAN: a network makes images of latents, a critic compares them with real ones, and both learn.

With a real image ``x``, a generated one ``y = G(z)`` and ``D`` the critic, each pair of a batch costs

    L_D = f(D(y) - D(x)) + gamma / 2 (|dD/dx|^2 + |dD/dy|^2),   L_G = f(D(x) - D(y)),   f(t) = log(1 + exp t):

relativistic pairing with R1 *and* R2, which alone make training converge locally. Both networks take their step from
the same batch. There is no loss of an image: nothing says how well an image is explained.

Source: Huang, Gokaslan, Kuleshov and Tompkin, "The GAN is dead; long live the GAN! A Modern GAN Baseline", NeurIPS
2024; images in [-1, 1], Adam without momentum as there. Pairing after Jolicoeur-Martineau 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gsu_cli.checks import SCALED, as_int, as_ints, as_shape, quoted
from gsu_cli.errors import UsageError
from gsu_cli.models.gan.networks import SHRUNK, Critic, Drawer, penalty
from gsu_cli.models.model import Model
from gsu_cli.models.sites import ImageError
from gsu_cli.surgery.devices import normal
from gsu_cli.surgery.uncompiled import AdamW

BETAS = (0.0, 0.99)  # of Adam: no momentum; the second is what the source ends with


class Dcgan(Model):
    """Generator z -> image and critic, both convolutional.

    Args:
        shape: ``(c, h, w)`` of the images; height and width divisible by 4.
        latent_dim: z, the number of latents.
        channels: of the generator's maps at a quarter and at half the size.
        critic: of the critic's maps at half and at a quarter of the size, and of its last ones.
        gamma: weight of R1 and R2, >= 0.

    Raises:
        UsageError: an option is out of range, or the images cannot be halved twice.
    """

    sites_at_once = 250  # of which all activations are kept

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 32,
        channels: Sequence[int] = (64, 48),
        critic: Sequence[int] = (32, 64, 96),
        gamma: float = 1.0,
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim = as_shape("model.shape", shape), as_int("model.latent_dim", latent_dim)
        self.channels, self.critic = as_ints("model.channels", channels), as_ints("model.critic", critic)
        for name, values, n in (("channels", self.channels, 2), ("critic", self.critic, 3)):
            if len(values) != n:
                raise UsageError(f"`model.{name}` must be {n} integers", found=list(values))
        if self.shape[1] % SHRUNK or self.shape[2] % SHRUNK:
            raise UsageError(
                f"`model=dcgan` needs images whose height and width are divisible by {SHRUNK}",
                found=f"{self.shape[1]} x {self.shape[2]}",
                way_out=f"Choose another model, or {SCALED}",
            )
        if isinstance(gamma, bool) or not isinstance(gamma, int | float) or not 0 <= gamma < float("inf"):
            raise UsageError("`model.gamma` must be a finite number >= 0", found=quoted(gamma))
        self.gamma = float(gamma)
        self.network = Drawer(self.shape, self.latent_dim, self.channels)
        self.discriminator = Critic(self.shape, self.critic)
        self.output_loss = ImageError()
        self.to(memory_format=torch.channels_last)  # what oneDNN computes in: the same numbers, faster

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "latent_dim": self.latent_dim,
            "channels": list(self.channels),
            "critic": list(self.critic),
            "gamma": self.gamma,
        }

    def generation_parameters(self) -> list[str]:
        """The generator's parameters: nothing else moves what is generated."""
        return [name for name, _ in self.named_parameters() if name.startswith("network.")]

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        """Latents of ``n`` images, ``(n, z)``, from N(0, I)."""
        return normal((n, self.latent_dim), generator, self.network.first.weight)

    def generate(self, noise: Tensor) -> Tensor:
        """Images in [0, 1], ``(n, c, h, w)``, at latents ``(n, z)``."""
        return self.output_loss.mean(self.network(noise))

    def decode(self, z: Tensor) -> Tensor:
        """The same: latents are all the noise there is."""
        return self.generate(z)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` images in [0, 1] at latents sampled from N(0, I)."""
        return self.generate(self.noise(n, generator))

    def optimisers(self, recipe: Any) -> list[torch.optim.Optimizer]:
        """One of the critic, one of the generator."""
        parts = (self.discriminator, self.network)
        return [
            AdamW(part.parameters(), lr=recipe.lr, betas=BETAS, weight_decay=recipe.weight_decay, fused=True)
            for part in parts
        ]

    @property
    def step_cost(self) -> dict[str, int]:
        """What one real image of a batch costs: the critic learns from it and a generated one, R1 and R2 of both."""
        return {"gradients": 3, "double_backward": 2 if self.gamma else 0, "generated": 1}

    def losses(self, x: Tensor, y: Tensor, generator: torch.Generator) -> list[Tensor]:
        """The critic's loss and the generator's, means over a batch of images ``(n, c, h, w)`` in [0, 1]."""
        real = (2 * x - 1).requires_grad_()
        generated = 2 * self.network(self.noise(len(x), generator)) - 1
        of_real, of_generated = self.discriminator(real), self.discriminator(generated)
        steep = penalty(of_real, real) + penalty(of_generated, generated)
        critic = F.softplus(of_generated - of_real) + self.gamma / 2 * steep
        return [critic.mean(), F.softplus(of_real.detach() - of_generated).mean()]
