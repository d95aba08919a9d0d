"""Capabilities: what a model can do, asked by ``isinstance`` wherever a method, metric or verb needs it.

A capability is a handful of members. A class of one's own has a capability by having its members; no parent class is
asked for. What a model lacks is refused in one sentence, or stands in tables as a null with its reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor, nn

from gsu_cli.models.sites import OutputLoss, Sites

NATS = "nats/image"
ELBO = "-ELBO, nats"


def loss_unit(model: object) -> str:
    """The unit of a model's training loss; one that names none means nats per image."""
    return str(getattr(model, "loss_unit", NATS))


def named_unit(model: object) -> str:
    """`loss_unit` for a table: an -ELBO of a model with a posterior alone; nats of others may be an exact NLL."""
    unit = loss_unit(model)
    if unit != NATS:
        return unit
    return ELBO if isinstance(model, Encodes) else "nats"


class ByMembers(type(Protocol)):  # type: ignore[misc]
    """Protocols that ask whether an object has their members, as ``hasattr`` finds them, and can call their methods.

    From Python 3.12 on ``isinstance`` looks past ``__getattr__``, by which torch's modules give out their submodules: a
    model would lose its decoder.
    """

    def __instancecheck__(cls, instance: object) -> bool:
        if not cls.__dict__.get("_is_protocol"):
            return bool(super().__instancecheck__(instance))
        return all(
            hasattr(instance, name) and (not callable(getattr(cls, name, None)) or callable(getattr(instance, name)))
            for name in members(cls)
        )


class ByConditions(ByMembers):
    """The same of a model that is told conditions: one that could be and is not has 0 of them."""

    def __instancecheck__(cls, instance: object) -> bool:
        return super().__instancecheck__(instance) and getattr(instance, "conditions", 0) > 0


def members(protocol: type) -> list[str]:
    """The names that a protocol of this module asks for, its parents' among them."""
    own = [base for base in protocol.__mro__ if isinstance(base, ByMembers)]
    names = {name for base in own for name in (*inspect.get_annotations(base), *vars(base))}
    return sorted(name for name in names if not name.startswith("_"))


@runtime_checkable
class Samples(Protocol, metaclass=ByMembers):
    """It makes images; a judge does not."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor: ...


@runtime_checkable
class Generator(Samples, Protocol, metaclass=ByMembers):
    """Anything that images can be generated from."""

    shape: tuple[int, int, int]

    def generation_parameters(self) -> list[str]: ...


@runtime_checkable
class HasLoss(Protocol, metaclass=ByMembers):
    """A training loss of each image, in `loss_unit`."""

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """``(n,)``, of images ``(n, c, h, w)`` in [0, 1]."""


@runtime_checkable
class Trainable(Protocol, metaclass=ByMembers):
    """A model whose networks learn against each other: a loss and an optimiser for each."""

    def optimisers(self, recipe: Any) -> list[torch.optim.Optimizer]:
        """One for each loss, over parameters that no other has; ``recipe`` has ``lr`` and ``weight_decay``."""

    def losses(self, x: Tensor, y: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Means over a batch of images ``(n, c, h, w)`` in [0, 1], in the order of the optimisers."""


@runtime_checkable
class CountsCost(Protocol, metaclass=ByMembers):
    """It says what training on one real image costs, in the kinds of `unlearning.cost.Cost`."""

    step_cost: Mapping[str, int]


@runtime_checkable
class FitsExactly(Protocol, metaclass=ByMembers):
    """A model whose best weights have a closed form: training is one call, and no recipe is read."""

    def fit_exactly(self, batches: Iterable[Tensor]) -> None:
        """The weights of least mean loss on images ``(n, c, h, w)`` in [0, 1], given in batches."""


@runtime_checkable
class HasSites(Protocol, metaclass=ByMembers):
    """A network and an output loss: all that curvature at given sites needs."""

    network: nn.Module
    output_loss: OutputLoss
    sites_at_once: int  # that pass the network together where all activations are kept, at most


@runtime_checkable
class HasImageSites(HasSites, Protocol, metaclass=ByMembers):
    """Sites of given images."""

    def sites(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Sites:
        """One site of each image ``(n, c, h, w)`` in [0, 1] with label ``(n,)``; its loss is the training loss."""


@runtime_checkable
class Decodes(Protocol, metaclass=ByMembers):
    """Images in [0, 1] at latents ``(n, z)``."""

    def decode(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class HasLatents(Decodes, Protocol, metaclass=ByMembers):
    """Images are decoded from latents ``(n, z)`` whose prior is N(0, I)."""

    latent_dim: int


@runtime_checkable
class Encodes(Protocol, metaclass=ByMembers):
    """Mean and standard deviation of latents, each ``(n, z)``, at images ``(n, c, h, w)``."""

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]: ...


@runtime_checkable
class HasPosterior(Encodes, HasLatents, Protocol, metaclass=ByMembers):
    """An amortised posterior: where in the latent space an image lies."""


@runtime_checkable
class HasNoise(Protocol, metaclass=ByMembers):
    """An image is a function of its noise and the weights, so that two models are compared at the same noise."""

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        """Of ``n`` images, ``(n, ...)``."""

    def generate(self, noise: Tensor) -> Tensor:
        """Images ``(n, c, h, w)`` in [0, 1]."""


@runtime_checkable
class MapsNoise(HasSites, HasNoise, Protocol, metaclass=ByMembers):
    """A GAN: the network maps noise to images in one pass, which `models.decoders.check_maps_noise` asks."""


@runtime_checkable
class HasNoiseLevels(Protocol, metaclass=ByMembers):
    """A denoiser: a network that says, at each of ``train_steps`` noise levels, what an image looked like before.

    With ``x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps`` and ``x_0`` in [-1, 1].
    """

    network: nn.Module
    train_steps: int

    def sites(self, x: Tensor, y: Tensor | None, generator: torch.Generator, start: int = 0) -> Sites:
        """``(x_t, t)`` of each image at one time from ``start`` on, and what ``network(x_t, t)`` should be."""

    def times(self, n: int, generator: torch.Generator, start: int = 0) -> Tensor:
        """Times ``(n,)`` from ``start`` on for ``n`` images; from 0 on the first that ``loss`` samples."""

    def denoised(self, x_t: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """The ``x_0`` that ``output`` implies."""

    def output_for(self, x_t: Tensor, t: Tensor, x_0: Tensor) -> Tensor:
        """The inverse of `denoised`."""

    def levels(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``sqrt(a_t)`` and ``sqrt(1 - a_t)``, each ``(n, 1, 1, 1)``."""


@runtime_checkable
class HasSchedule(HasNoiseLevels, Protocol, metaclass=ByMembers):
    """A denoiser whose likelihood has a bound: its levels are ``signal`` and ``noisiness``, ``(train_steps,)`` each."""

    signal: Tensor
    noisiness: Tensor


@runtime_checkable
class Predicts(HasNoiseLevels, Protocol, metaclass=ByMembers):
    """A denoiser that says what its network gives: ``eps``, ``v`` or ``sample``."""

    prediction: str


@runtime_checkable
class HasLikelihood(Protocol, metaclass=ByMembers):
    """Images have a likelihood, given its parameters."""

    likelihood: OutputLoss


@runtime_checkable
class HasDecoder(Encodes, HasLikelihood, Protocol, metaclass=ByMembers):
    """A decoder whose output parametrises a likelihood: what redirection in a latent space and its Fisher need."""

    decoder: nn.Module


@runtime_checkable
class HasEmbeddings(Protocol, metaclass=ByMembers):
    """A conditional model whose word for a condition is one column of a parameter."""

    conditions: int

    def condition_column(self, c: int) -> tuple[str, int]:
        """The parameter's name, and which of its columns is the embedding of condition ``c``."""

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor: ...
    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...


@runtime_checkable
class TakesConditions(HasEmbeddings, Protocol, metaclass=ByConditions):
    """A model that was trained with conditions, and has a word for each."""


@runtime_checkable
class HasGuidance(Protocol, metaclass=ByMembers):
    """How strongly a condition is followed can be set."""

    guidance: float


Capability = type | UnionType
IMAGE_SITES = HasImageSites | HasDecoder
"""What statistics of images' sites need."""

NAMES: dict[type, str] = {
    HasLoss: "a training loss",
    Trainable: "optimisers() and losses()",
    HasSites: "a network and an output loss",
    HasNoise: "noise() and generate()",
    MapsNoise: "a network from noise() to images",
    HasImageSites: "sites of images",
    HasLatents: "latents to decode",
    HasPosterior: "a posterior over latents",
    HasDecoder: "posterior(), decoder and likelihood",
    HasNoiseLevels: "noise levels to denoise at",
    TakesConditions: "conditions",
}
"""Capabilities in words, for sentences."""


def lacking(model: object, needs: Sequence[Capability]) -> list[str]:
    """Those of ``needs`` that ``model`` has not, in words.

    >>> lacking(object(), [HasLoss, HasDecoder | HasNoiseLevels])
    ['a training loss', 'posterior(), decoder and likelihood or noise levels to denoise at']
    """
    missing = [capability for capability in needs if not isinstance(model, capability)]
    return [" or ".join(NAMES.get(kind, kind.__name__) for kind in get_args(c) or (c,)) for c in missing]
