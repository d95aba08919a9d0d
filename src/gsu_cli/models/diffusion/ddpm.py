"""Denoising diffusion: a network learns what noise was added to an image, and samples by taking it away again.

With ``x_0`` in [-1, 1], ``a = a_t`` and ``x_t = sqrt(a) x_0 + sqrt(1 - a) eps`` the network predicts ``eps``, or
``v = sqrt(a) eps - sqrt(1 - a) x_0``. Sampling is DDIM with ``eta = 0``: from ``x_T ~ N(0, I)`` on no noise comes any
more, so an image is a function of its noise and the weights, and two models are compared at the same noise.

Sources: Ho, Jain and Abbeel, NeurIPS 2020 (loss); Salimans and Ho, ICLR 2022, appendix D (v); Song, Meng and Ermon,
"Denoising Diffusion Implicit Models", ICLR 2021, equation 12 (sampling). Conditional, with hidden conditions and
guidance: Ho and Salimans, "Classifier-Free Diffusion Guidance", 2021; their ``w`` is ``guidance - 1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_int, as_ints, as_shape
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.models.conditions import DROP, NULL, Conditional, network_inputs, usual_conditions
from gsu_cli.models.diffusion.guidance import check_guidance
from gsu_cli.models.diffusion.schedule import alpha_bars, sampling_times, stratified
from gsu_cli.models.diffusion.unet import UNet
from gsu_cli.models.model import Model
from gsu_cli.models.sites import Sites, SquaredError
from gsu_cli.surgery.devices import device_of, normal
from gsu_cli.surgery.pieces import for_all
from gsu_cli.surgery.ranks import joined

PREDICTIONS = ("eps", "v")
CHUNK = 500  # images that are denoised together


class Ddpm(Conditional, Model):
    """A diffusion model of images, told the class of an image where ``conditions`` is not 0.

    Args:
        shape: ``(c, h, w)`` of the images.
        channels: of the UNet's levels, from fine to coarse; multiples of 8.
        patch: side of the square of pixels that the first level sees as one place.
        embedding: width of the time embedding.
        prediction: "eps" or "v": what the network says, and what the loss compares.
        schedule: "cosine" or "linear".
        train_steps: ``T``, the number of noise levels.
        sample_steps: of them that DDIM visits, both ends included.
        conditions: ``C``, the number of classes; 0: unconditional.
        drop: share of the training images whose condition is hidden.
        guidance: how far sampling goes from the null condition's prediction to the condition's: 1 is the condition's
            own, more is beyond it. May be set on a model; training does not use it.

    Raises:
        UsageError: an option is not one of these, or a size does not divide the images.
    """

    sites_at_once = 125  # of which all activations are kept

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int] = (32, 64),
        patch: int = 2,
        embedding: int = 128,
        prediction: str = "v",
        schedule: str = "cosine",
        train_steps: int = 1000,
        sample_steps: int = 25,
        conditions: int | None = 0,
        drop: float = DROP,
        guidance: float = 1.0,
    ) -> None:
        super().__init__()
        if prediction not in PREDICTIONS:
            raise UsageError(f"`model.prediction` must be one of {', '.join(PREDICTIONS)}", found=repr(prediction))
        self.shape, self.channels = as_shape("model.shape", shape), as_ints("model.channels", channels)
        self.patch, self.embedding = as_int("model.patch", patch), as_int("model.embedding", embedding)
        self.prediction, self.schedule = prediction, schedule
        bars = alpha_bars(schedule, train_steps)
        self.train_steps, self.sample_steps = train_steps, as_int("model.sample_steps", sample_steps, 2)
        if self.sample_steps > train_steps:
            raise UsageError(f"`model.sample_steps` must be at most train_steps, {train_steps}", found=sample_steps)
        self.output_loss = SquaredError()
        self._expect(conditions, drop)
        self.guidance = check_guidance(guidance, self.conditions)
        self.network = UNet(self.shape, self.channels, self.patch, self.embedding, self.conditions)
        self.signal: Tensor  # sqrt(a_t)
        self.noisiness: Tensor  # sqrt(1 - a_t)
        self.register_buffer("signal", bars.sqrt().float(), persistent=False)
        self.register_buffer("noisiness", (1 - bars).sqrt().float(), persistent=False)

    @property
    def loss_unit(self) -> str:
        """What the loss is a mean of."""
        return f"MSE of {self.prediction}"

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "channels": list(self.channels),
            "patch": self.patch,
            "embedding": self.embedding,
            "prediction": self.prediction,
            "schedule": self.schedule,
            "train_steps": self.train_steps,
            "sample_steps": self.sample_steps,
            **({"conditions": self.conditions, "drop": self.drop} if self.conditions else {}),
            **({"guidance": self.guidance} if self.guidance != 1 else {}),
        }

    def generation_parameters(self) -> list[str]:
        """All of them: each is used at every step."""
        return [name for name, _ in self.named_parameters()]

    def noised(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """``x_t`` of images ``x`` in [0, 1] at times ``(n,)``, with noise ``eps``; ``(n, c, h, w)``."""
        a, s = self.levels(t)
        return a * (2 * x - 1) + s * eps

    def target(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """What the network should say at ``noised(x, t, eps)``."""
        if self.prediction == "eps":
            return eps
        a, s = self.levels(t)
        return a * eps - s * (2 * x - 1)

    def denoised(self, x_t: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """The image in [-1, 1] (not clipped) that ``output``, the network's word at ``x_t``, implies."""
        a, s = self.levels(t)
        return (x_t - s * output) / a if self.prediction == "eps" else a * x_t - s * output

    def output_for(self, x_t: Tensor, t: Tensor, x_0: Tensor) -> Tensor:
        """The inverse of `denoised`: what the network says when it takes ``x_0`` in [-1, 1] to be the image."""
        a, s = self.levels(t)
        return (x_t - a * x_0) / s if self.prediction == "eps" else (a * x_t - x_0) / s

    def levels(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``sqrt(a_t)`` and ``sqrt(1 - a_t)``, each ``(n, 1, 1, 1)``."""
        return self.signal[t].view(-1, 1, 1, 1), self.noisiness[t].view(-1, 1, 1, 1)

    def loss(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Tensor:
        """Mean squared error of the prediction for each image given its class, ``(n,)``, at one noise level each.

        The levels of a batch are stratified: together they cover all of them evenly.
        """
        made = self.sites(x, y, generator)
        return self.output_loss.nll(self.network(*made.inputs), made.targets)

    def times(self, n: int, generator: torch.Generator, start: int = 0) -> Tensor:
        """Noise levels from ``start`` on for ``n`` images, ``(n,)`` on the CPU: stratified, see `stratified`."""
        return for_all(n, lambda n: stratified(n, self.train_steps, generator, start))

    def sites(self, x: Tensor, y: Tensor | None, generator: torch.Generator, start: int = 0) -> Sites:
        """Each image at one level of noise, from ``start`` on, and what the network should say there."""
        t = self.times(len(x), generator, start).to(x.device)
        eps = normal(x.shape, generator, x)
        y = torch.full((len(x),), NULL) if y is None else y
        y = self.masked(y, generator) if self.conditions else y
        return Sites(network_inputs(self, self.noised(x, t, eps), t, y), self.target(x, t, eps))

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        """``x_T`` of ``n`` images, ``(n, c, h, w)``."""
        return normal((n, *self.shape), generator).to(device_of(self))

    def generate(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        """Images in [0, 1], ``(n, c, h, w)``, a function of ``noise``, ``condition`` and the weights alone.

        Args:
            noise: ``(n, c, h, w)``.
            condition: ``(n,)``; the null condition where none is given.

        Raises:
            NonFiniteError: sampling diverged.
        """
        y = torch.full((len(noise),), NULL) if condition is None else condition
        parts = zip(noise.split(CHUNK), y.to(noise.device).split(CHUNK), strict=True)
        images = joined(parts, lambda part: self._ddim(*part))
        if not torch.isfinite(images).all():
            raise NonFiniteError(
                "generated images must be finite",
                found="nan or inf while denoising",
                way_out="Train longer at a lower training.lr, or take a smaller step",
            )
        return images

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` images in [0, 1] at noise sampled from N(0, I), and conditions as often as training met them."""
        noise = self.noise(n, generator)
        return self.generate(noise, usual_conditions(self, n, generator))

    def condition_column(self, c: int) -> tuple[str, int]:
        """The embedding of condition ``c``: a parameter, and which of its columns."""
        return "network.condition.weight", c

    def _ddim(self, x: Tensor, y: Tensor) -> Tensor:
        times = sampling_times(self.train_steps, self.sample_steps)
        for i, t in enumerate(times.tolist()):
            at = torch.full((len(x),), t, device=x.device)
            a, s = self.levels(at)
            x_0 = self.denoised(x, at, self._predicted(x, at, y)).clamp(-1, 1)
            next_a, next_s = self.levels(times[i + 1 : i + 2]) if i + 1 < len(times) else (1.0, 0.0)
            x = next_a * x_0 + next_s * (x - a * x_0) / s
        return x / 2 + 0.5

    def _predicted(self, x: Tensor, at: Tensor, y: Tensor) -> Tensor:
        """The network's word, guided."""
        told: Tensor = self.network(*network_inputs(self, x, at, y))
        if self.guidance == 1 or not self.conditions:
            return told
        untold: Tensor = self.network(*network_inputs(self, x, at, torch.full_like(y, NULL)))
        return untold + self.guidance * (told - untold)
