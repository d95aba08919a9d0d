"""What diffusion models share: noised images, the algebra of predictions, the loss, and DDIM.

With ``x_0`` in [-1, 1], ``x_t = a x_0 + s eps`` where ``a`` and ``s`` are those of the time ``t``. Sampling is DDIM
with ``eta = 0``: from ``x_T ~ N(0, I)`` on no noise comes any more, so an image is a function of its noise and the
weights, and two models are compared at the same noise.

Sources: Ho, Jain and Abbeel, NeurIPS 2020 (loss); Song, Meng and Ermon, "Denoising Diffusion Implicit Models", ICLR
2021, equation 12 (sampling). Conditional, with hidden conditions and guidance: Ho and Salimans, "Classifier-Free
Diffusion Guidance", 2021; their ``w`` is ``guidance - 1``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gsu_cli.errors import NonFiniteError
from gsu_cli.models.conditions import NULL, Conditional, network_inputs, usual_conditions
from gsu_cli.models.diffusion.predictions import image_of, target, word_for
from gsu_cli.models.diffusion.schedule import sampling_times, stratified
from gsu_cli.models.generating import made
from gsu_cli.models.model import Model
from gsu_cli.models.sites import Sites, SquaredError
from gsu_cli.surgery.devices import device_of, normal
from gsu_cli.surgery.pieces import for_all
from gsu_cli.surgery.ranks import joined

CHUNK = 500  # images that are denoised together


class Denoiser(Conditional, Model):
    """A model whose network says at each of ``train_steps`` noise levels what an image looked like before.

    Attributes:
        network: ``(x_t, t) -> prediction``, of a conditional model ``(x_t, t, s(c)) -> prediction``.
        prediction: what it says, see `predictions`.
        train_steps: ``T``, the number of noise levels.
        sample_steps: of them that sampling visits.
        guidance: how far sampling goes from the null condition's prediction to the condition's.
        signal, noisiness: ``a`` and ``s`` of each time, ``(T,)``.
    """

    sites_at_once = 125  # of which all activations are kept
    network: nn.Module
    prediction: str
    train_steps: int
    sample_steps: int
    guidance: float = 1.0
    signal: Tensor
    noisiness: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.output_loss = SquaredError()

    def _noise_by(self, signal: Tensor, noisiness: Tensor) -> None:
        """Keeps ``a`` and ``s`` of each time."""
        self.register_buffer("signal", signal.float(), persistent=False)
        self.register_buffer("noisiness", noisiness.float(), persistent=False)

    def other_schedules(self) -> dict[str, Tensor]:
        """What else its noise levels could be said to be: ``a_t`` of each time, by the words that say so."""
        return {}

    @property
    def loss_unit(self) -> str:
        """What the loss is a mean of."""
        return f"MSE of {self.prediction}"

    def generation_parameters(self) -> list[str]:
        """All of them: each is used at every step."""
        return [name for name, _ in self.named_parameters()]

    def noised(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """``x_t`` of images ``x`` in [0, 1] at times ``(n,)``, with noise ``eps``; ``(n, c, h, w)``."""
        a, s = self.levels(t)
        return a * (2 * x - 1) + s * eps

    def target(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """What the network should say at ``noised(x, t, eps)``."""
        return target(self.prediction, 2 * x - 1, eps, *self.levels(t))

    def denoised(self, x_t: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """The image in [-1, 1] (not clipped) that ``output``, the network's word at ``x_t``, implies."""
        return image_of(self.prediction, x_t, output, *self.levels(t))

    def output_for(self, x_t: Tensor, t: Tensor, x_0: Tensor) -> Tensor:
        """The inverse of `denoised`: what the network says when it takes ``x_0`` in [-1, 1] to be the image."""
        return word_for(self.prediction, x_t, x_0, *self.levels(t))

    def levels(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``a`` and ``s`` of times ``(n,)``, each ``(n, 1, 1, 1)``."""
        return self.signal[t].view(-1, 1, 1, 1), self.noisiness[t].view(-1, 1, 1, 1)

    def loss(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Tensor:
        """Mean squared error of the prediction for each image given its class, ``(n,)``, at one noise level each.

        The levels of a batch are stratified: together they cover all of them evenly.
        """
        sites = self.sites(x, y, generator)
        return self.output_loss.nll(self.network(*sites.inputs), sites.targets)

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
        images = joined(parts, lambda part: self._sampled(*part))  # as they come: a bound would hide what is infinite
        if not torch.isfinite(images).all():
            raise NonFiniteError(
                "generated images must be finite",
                found="nan or inf while denoising",
                way_out="Train longer at a lower training.lr, or take a smaller step",
            )
        return images.clamp(0, 1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` images in [0, 1] at noise sampled from N(0, I), and conditions as often as training met them."""
        noise = self.noise(n, generator)
        return self.generate(noise, usual_conditions(self, n, generator))

    def _sampled(self, x: Tensor, y: Tensor) -> Tensor:
        """Images at noise ``x`` and conditions ``y``, not yet bounded: DDIM, both ends of the noise levels included."""
        times = sampling_times(self.train_steps, self.sample_steps)
        for i, t in enumerate(times.tolist()):
            at = torch.full((len(x),), t, device=x.device)
            a, s = self.levels(at)
            x_0 = self.denoised(x, at, self._predicted(x, at, y)).clamp(-1, 1)
            next_a, next_s = self.levels(times[i + 1 : i + 2]) if i + 1 < len(times) else (1.0, 0.0)
            x = next_a * x_0 + next_s * (x - a * x_0) / s
            made(len(x) / len(times))
        return x / 2 + 0.5

    def _predicted(self, x: Tensor, at: Tensor, y: Tensor) -> Tensor:
        """The network's word, guided."""
        told: Tensor = self.network(*network_inputs(self, x, at, y))
        if self.guidance == 1 or not self.conditions:
            return told
        untold: Tensor = self.network(*network_inputs(self, x, at, torch.full_like(y, NULL)))
        return untold + self.guidance * (told - untold)
